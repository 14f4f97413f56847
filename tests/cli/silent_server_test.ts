import { assertEquals } from "@std/assert";
import { watchSilence } from "../../lib/cli/silent_server.ts";

const SERVER = { name: "cave port 5555", addresses: ["192.0.2.1", "2001:db8::1"], port: 5555 };

/** Runs a watch whose wait ends when `pass()` is called, at a system that answers with `isClosed`. */
function watched(isClosed: ((hostname: string) => boolean) | null) {
  const lines: string[] = [];
  const waits: number[] = [];
  const end = new AbortController();
  const passed = Promise.withResolvers<void>();
  const probe = isClosed === null ? null : {
    isClosed: ({ hostname }: { hostname: string }) => Promise.resolve(isClosed(hostname)),
  };
  const sleep = (delayMs: number) => {
    waits.push(delayMs);
    return { done: passed.promise, cancel: () => passed.resolve() };
  };
  const note = (line: string) => void lines.push(line);
  const known = watchSilence(SERVER, { probe, sleep, note }, end.signal);
  return { lines, waits, known, pass: () => passed.resolve(), end: () => end.abort() };
}

Deno.test("a server that answers in time is not spoken of", async () => {
  const watch = watched(() => true);
  watch.end();
  assertEquals([await watch.known, watch.lines, watch.waits], [false, [], [1500]]);
});

Deno.test("after a moment a person hears that there is no answer yet", async () => {
  for (const isClosed of [null, () => false, (hostname: string) => hostname.includes(":")]) {
    const watch = watched(isClosed);
    watch.pass();
    assertEquals(
      [await watch.known, watch.lines],
      [false, ["No answer from cave port 5555 yet. Still trying…"]],
    );
  }
});

Deno.test("a port that is closed at every address is named as the reason", async () => {
  const watch = watched(() => true);
  watch.pass();
  assertEquals(
    [await watch.known, watch.lines],
    [true, ["No program listens on cave port 5555 yet. Still trying…"]],
  );
});

Deno.test("what was learnt just before the end still counts, without a word", async () => {
  const watch = watched(() => {
    watch.end();
    return true;
  });
  watch.pass();
  assertEquals([await watch.known, watch.lines], [true, []]);
});
