import { assertEquals } from "@std/assert";
import { ServerLog } from "../../lib/cli/server_log.ts";
import type { LineReading, Tty } from "../../lib/cli/tty.ts";
import type { ServiceEvent } from "../../lib/operations/mod.ts";

/** What a server writes about events of one client. */
function logged(events: readonly ServiceEvent[], { isJson = false } = {}): string[] {
  let out = "";
  const nothing: LineReading = { kind: "end" };
  const tty: Tty = {
    isInputTerminal: false,
    isOutputTerminal: false,
    isErrorTerminal: false,
    allowsColour: false,
    columns: () => 80,
    writeOut: (text) => void (out += text),
    writeError: () => {},
    readLine: () => Promise.resolve(nothing),
    dropTypedAhead: () => {},
    readSecret: () => Promise.resolve(nothing),
    inputLines: async function* () {},
  };
  const log = new ServerLog({ tty, isJson, verbosity: "normal" });
  for (const event of events) log.event("192.0.2.1:40000", event);
  return out.trimEnd().split("\n");
}

Deno.test("the server's log names what is missing: a file that is asked for, the folder for one that is made", () => {
  const failures = ["get", "put", "mkdir", "rm"].map((name) =>
    ({ kind: "failure", name, path: "/d/x", reason: "not-found" }) as const
  );
  assertEquals(logged(failures), [
    "192.0.2.1:40000 get /d/x: no such file",
    "192.0.2.1:40000 put /d/x: no such folder for it",
    "192.0.2.1:40000 mkdir /d/x: no such folder for it",
    "192.0.2.1:40000 rm /d/x: no such file",
  ]);
  assertEquals(JSON.parse(logged(failures.slice(1, 2), { isJson: true })[0]!), {
    event: "failure",
    name: "put",
    path: "/d/x",
    reason: "not-found",
    peer: "192.0.2.1:40000",
  });
});
