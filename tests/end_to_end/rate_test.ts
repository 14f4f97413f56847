/** --max-rate, --polite and `rate` with the real programs. No limit here is an upper one on time. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { patternBytes, read, Stage } from "./support.ts";

Deno.test("client: rate holds both directions back, the server's own cap holds too, and rate off lifts it", async () => {
  await using stage = await Stage.set();
  const content = patternBytes(300_000, 5);
  await stage.write(stage.serverFiles, "a.bin", content);
  await stage.startServer(["--max-rate", "50MB"]);
  const { code, client, stderr } = await stage.script([
    "rate",
    "rate 200kB polite",
    "get a.bin",
    "put a.bin -o b.bin",
    "status",
    "rate off",
    "get a.bin -o c.bin",
    "status",
  ], ["--json"]);
  assertEquals(code, 0, stderr);
  const [before, capped, held, after, free] = client.events("result");
  assertEquals([before?.maxRate, before?.polite], [null, "off"]);
  assertEquals([capped?.maxRate, capped?.polite, capped?.serverMaxRate], [
    200_000,
    "on",
    undefined,
  ]);
  assertMatch(String(held?.controller), /^polite \(/);
  assertEquals([after?.maxRate, after?.polite, after?.serverMaxRate], [null, "off", 50_000_000]);
  assertMatch(String(free?.controller), /^bbr \(/);
  const [got, put] = client.events("transfer");
  // What is faster than the cap would be wrong on any machine.
  assert(Number(got?.seconds) > 1.3, `${got?.seconds}`);
  assert(Number(put?.seconds) > 1.3, `${put?.seconds}`);
  assertEquals(await read(stage.serverFiles, "b.bin"), content);
  assertEquals(await read(stage.clientFiles, "c.bin"), content);
});

Deno.test("client and server: --max-rate and --polite hold from the start, bad rates are wrong usage", async () => {
  await using stage = await Stage.set();
  await stage.write(stage.serverFiles, "a.bin", patternBytes(150_000, 6));
  await stage.startServer(["--polite"]);
  const get = await stage.run(["get", "a.bin"], ["--json", "--max-rate", "100kB"]);
  assertEquals(get.code, 0, get.stderr);
  assert(Number(get.client.events("transfer")[0]?.seconds) > 1.3);
  const rate = await stage.script(["list", "rate"], ["--json", "--max-rate", "1MB"]);
  const shown = rate.client.events("result").at(-1);
  assertEquals([shown?.maxRate, shown?.polite, shown?.serverPolite], [1e6, "off", "on"]);

  for (const [args, option] of [[["rate", "0"], []], [["rate", "foo"], []], [["rate", "-5"], []]]) {
    const { code, stderr } = await stage.run(args!, option);
    assertEquals([args, code], [args, 2]);
    assertMatch(stderr, /^(Not|Too low) a rate: "/);
  }
  const option = await stage.run(["list"], ["--max-rate", "0"]);
  assertEquals(option.code, 2);
  assertStringIncludes(option.stderr, 'Too low a rate: "0"');
});
