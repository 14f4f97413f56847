/**
 * The client program: moves files to and from a server, by one command, a script or a shell.
 *
 * @module
 */

if (import.meta.main) {
  const { requireUdp } = await import("./lib/cli/udp_check.ts");
  requireUdp("client.ts");
  const { runClient } = await import("./lib/cli/client_program.ts");
  const importController = (name: string): Promise<unknown> =>
    import(`./lib/transport/congestion/${name}.ts`);
  Deno.exit(await runClient(Deno.args, importController));
}
