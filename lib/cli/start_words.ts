/**
 * How each of the two programs is started: by Deno, or as an executable of its own.
 *
 * @module
 */

/** What begins the command line of a program; an executable knows the other one as an executable too. */
export function startWords(
  program: "server" | "client",
  { standalone }: Pick<typeof Deno.build, "standalone"> = Deno.build,
): string {
  if (!standalone) return `deno run -A ${program}.ts`;
  return program === "server" ? "ferry-server" : "ferry";
}
