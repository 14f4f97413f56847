/**
 * The server program: serves a folder over UDP until it is stopped.
 *
 * @module
 */

if (import.meta.main) {
  const { requireUdp } = await import("./lib/cli/udp_check.ts");
  requireUdp("server.ts");
  const { runServer } = await import("./lib/cli/server_program.ts");
  const importController = (name: string): Promise<unknown> =>
    import(`./lib/transport/congestion/${name}.ts`);
  Deno.exit(await runServer(Deno.args, importController));
}
