import { assert, assertEquals, assertThrows } from "@std/assert";
import { hasJsonFlag, readClientOptions, readServerOptions } from "../../lib/cli/options.ts";
import { UsageError } from "../../lib/shell/mod.ts";

Deno.test("readServerOptions() takes host, port and debug with every default", () => {
  const cases: [string[], [string, number, string]][] = [
    [[], ["0.0.0.0", 5555, "normal"]],
    [["6000"], ["0.0.0.0", 6000, "normal"]],
    [["127.0.0.1"], ["127.0.0.1", 5555, "normal"]],
    [["127.0.0.1", "65432"], ["127.0.0.1", 65432, "normal"]],
    [["127.0.0.1", "65432", "1"], ["127.0.0.1", 65432, "debug"]],
    [["127.0.0.1", "65432", "0"], ["127.0.0.1", 65432, "normal"]],
    [["5555", "1"], ["0.0.0.0", 5555, "debug"]],
    [["0"], ["0.0.0.0", 0, "normal"]],
    [["[::1]", "7"], ["::1", 7, "normal"]],
    [["--quiet", "::", "--root", "x", "42"], ["::", 42, "quiet"]],
  ];
  for (const [args, expected] of cases) {
    const { host, port, verbosity } = readServerOptions(args);
    assertEquals([host, port, verbosity], expected, args.join(" "));
  }
});

Deno.test("readClientOptions() tells shell, one command and script apart by what follows", () => {
  const cases: [string[], [string, number, string[]]][] = [
    [[], ["127.0.0.1", 5555, []]],
    [["6000"], ["127.0.0.1", 6000, []]],
    [["example.org"], ["example.org", 5555, []]],
    [["::1", "6000", "1"], ["::1", 6000, []]],
    [["h", "1", "get", "a", "b"], ["h", 1, ["get", "a", "b"]]],
    [["h", "1", "0", "list"], ["h", 1, ["list"]]],
    [["h", "1", "get", "-r", "a", "--json", "-o", "x"], ["h", 1, ["get", "-r", "a", "-o", "x"]]],
    [["h", "1", "--", "get", "--json"], ["h", 1, ["get", "--json"]]],
    [["h", "1", "rm", "--", "--json"], ["h", 1, ["rm", "--", "--json"]]],
    [["6000", "list"], ["127.0.0.1", 6000, ["list"]]],
    [["get", "6000", "list"], ["get", 6000, ["list"]]],
  ];
  for (const [args, [host, port, command]] of cases) {
    const options = readClientOptions(args);
    assertEquals([options.target, options.command], [{ host, port }, command], args.join(" "));
  }
});

Deno.test("without --timeout connecting gets ten seconds, a transfer under way two minutes", () => {
  const { timeoutMs, patienceMs } = readClientOptions([]);
  assertEquals([timeoutMs, patienceMs], [10_000, 120_000]);
});

Deno.test("every option is read", () => {
  const options = readClientOptions([
    ...["--dir", "d", "--exists=rename", "--timeout", "2.5", "--max-rate", "80Mbit", "--no-ffi"],
    ...["--json", "--verbose", "--code-file", "c", "--congestion", "new_reno"],
  ]);
  assertEquals(options.folder, "d");
  assertEquals(options.exists, "rename");
  assertEquals([options.timeoutMs, options.patienceMs], [2500, 2500]);
  assertEquals(options.maxRateBytesPerSecond, 10_000_000);
  assert(options.isJson && !options.ffi && !options.wantsCompression);
  assert(readClientOptions(["--compress"]).wantsCompression);
  assertEquals([options.verbosity, options.codeFile, options.congestion], [
    ...["verbose", "c", "new_reno"],
  ]);
  const server = readServerOptions(["--read-only", "--open", "--help"]);
  assert(server.isReadOnly && server.isOpen && server.wantsHelp);
  assert(readServerOptions(["-h"]).wantsHelp && readClientOptions(["--version"]).wantsVersion);
});

Deno.test("wrong arguments are usage errors that name the word", () => {
  const wrong: [string[], string][] = [
    [["--nonsense"], "--nonsense"],
    [["-x"], "-x"],
    [["--dir"], "--dir needs DIR"],
    [["--json=yes"], "--json takes no value"],
    [["h", "0"], "Port must be 1 to 65535"],
    [["99999"], "99999"],
    [["--timeout", "soon"], "--timeout"],
    [["--congestion", "../../evil"], "../../evil"],
    [["--congestion", "Reno"], "Reno"],
    [[""], "Not a host"],
    [["--dir", ""], "--dir needs DIR"],
    [["--code-file="], "--code-file needs FILE"],
    [["h:7"], "host and port are two words: h 7"],
    [["[::1]:7", "list"], "host and port are two words: ::1 7"],
    [["get", "a.txt"], '"get" is a command'],
    [["LIST"], "127.0.0.1 5555 LIST"],
  ];
  for (const [args, text] of wrong) assertThrows(() => readClientOptions(args), UsageError, text);
  assertThrows(() => readServerOptions(["--root", ""]), UsageError, "--root needs DIR");
  assertThrows(() => readServerOptions(["127.0.0.1:7"]), UsageError, "two words: 127.0.0.1 7");
  assertThrows(() => readServerOptions(["h", "1", "2"]), UsageError, `"2"`);
});

Deno.test("hasJsonFlag() finds the wish for JSON among arguments that make no sense", () => {
  assert(hasJsonFlag(["--nonsense", "--json"]));
  assert(!hasJsonFlag(["h", "1", "--", "--json"]));
});
