import { assert, assertStringIncludes } from "@std/assert";
import { clientHelp, serverHelp } from "../../lib/cli/help.ts";

Deno.test("the help texts name every option", () => {
  for (const name of ["--root", "--read-only", "--open", "--max-rate", "--no-ffi", "--json"]) {
    assertStringIncludes(serverHelp(), name);
  }
  for (const name of ["--dir", "--exists", "--timeout", "--code-file", "--congestion", "--debug"]) {
    assertStringIncludes(clientHelp(), name);
  }
});

Deno.test("the help texts fit a window of 80 columns", () => {
  for (const line of `${serverHelp()}\n${clientHelp()}`.split("\n")) {
    assert(line.length <= 80, line);
  }
});

Deno.test("an executable tells how executables are started", () => {
  const build = { standalone: true };
  assertStringIncludes(serverHelp(build), "\nferry-server [HOST] [PORT]");
  assertStringIncludes(clientHelp(build), "\nferry [options] HOST PORT COMMAND");
  assert(!`${serverHelp(build)}${clientHelp(build)}`.includes("deno run"));
  assertStringIncludes(clientHelp({ standalone: false }), "\ndeno run -A client.ts [options] HOST");
});
