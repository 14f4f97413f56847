import { assertEquals, assertStringIncludes } from "@std/assert";
import { readRateSetting } from "../../lib/shell/commands/rate.ts";
import { UNHELD } from "../../lib/operations/mod.ts";
import { ShellStage } from "./shell_stage.ts";

Deno.test("readRateSetting() takes the words one after the other, each a change to what holds", () => {
  const capped = { maxRateBytesPerSecond: 1e6, isPolite: false };
  const both = { maxRateBytesPerSecond: 1e6, isPolite: true };
  assertEquals(readRateSetting(["1MB"], UNHELD), capped);
  assertEquals(readRateSetting(["polite"], capped), both);
  assertEquals(readRateSetting(["1MB", "Polite"], UNHELD), both);
  assertEquals(readRateSetting(["polite", "1MB"], UNHELD), both);
  assertEquals(readRateSetting(["off"], both), UNHELD);
  assertEquals(readRateSetting(["off", "1MB"], both), capped);
});

Deno.test("rate holds both directions of the running connection back, and of the next one", async () => {
  await using stage = await ShellStage.set();
  await Deno.writeTextFile(`${stage.serverFolder}/a.txt`, "a");
  assertEquals(await stage.run("list"), 0);
  assertEquals(stage.wishes, []);
  assertEquals(await stage.run("rate 1MB polite"), 0);
  const setting = { maxRateBytesPerSecond: 1e6, isPolite: true };
  assertEquals(stage.connector.links[0]!.rates, [UNHELD, setting]);
  assertEquals(stage.wishes, [setting]);
  assertEquals(stage.terminal.facts_, { maxRate: 1e6, polite: "on" });

  stage.connector.links[0]!.lose();
  assertEquals(await stage.run("get a.txt"), 0);
  assertEquals(stage.connector.links[1]!.rates, [setting]);
  assertEquals(stage.wishes, [setting, setting]);

  assertEquals(await stage.run("rate off"), 0);
  assertEquals(stage.wishes.at(-1), UNHELD);
  assertEquals(stage.terminal.facts_, { maxRate: Infinity, polite: "off" });
});

Deno.test("rate without a connection makes none; what it says holds for the first", async () => {
  await using stage = await ShellStage.set({
    rate: { maxRateBytesPerSecond: Infinity, isPolite: true },
  });
  assertEquals(await stage.run("rate"), 0);
  assertEquals(stage.terminal.facts_, { maxRate: Infinity, polite: "on" });
  assertEquals(await stage.run("rate 500kB"), 0);
  assertEquals(stage.connector.attemptCount, 0);
  assertEquals(await stage.run("list"), 0);
  const setting = { maxRateBytesPerSecond: 500_000, isPolite: true };
  assertEquals(stage.connector.links[0]!.rates, [setting]);
  assertEquals(stage.wishes, [setting]);
});

Deno.test("rate says what is wrong with what it cannot read, and leaves the setting", async () => {
  await using stage = await ShellStage.set();
  for (const word of ["0", "-5", "foo", "10 MB", "8bit", "on"]) {
    assertEquals(await stage.run(`rate ${word}`), 2, word);
  }
  assertEquals(await stage.run("rate 1MB 2MB 3MB 4MB"), 2);
  assertEquals(stage.connector.attemptCount, 0);
  const [zero, negative, word] = stage.terminal.errors;
  assertStringIncludes(zero!, 'Too low a rate: "0". The lowest is 1kB');
  assertStringIncludes(negative!, 'Not a rate: "-5"');
  assertStringIncludes(word!, 'Not a rate: "foo". Write it like 80Mbit, 10MB or 500kB');
  assertEquals(stage.session.rate, UNHELD);
});

Deno.test("status shows the figures of the connection and how it is held back", async () => {
  await using stage = await ShellStage.set({
    rate: { maxRateBytesPerSecond: 1e6, isPolite: true },
  });
  assertEquals(await stage.run("status"), 0);
  const { rttMs, minRttMs, lossRate, rateBytesPerSecond, mtuBytes, controller, maxRate, polite } =
    stage.terminal.facts_;
  assertEquals(
    [rttMs, minRttMs, lossRate, rateBytesPerSecond, mtuBytes, controller, maxRate, polite],
    [1, 0.5, 0, 2e6, 1200, "none", 1e6, "on"],
  );
  assertEquals(stage.terminal.facts_.deliveryBytesPerSecond, NaN);
});
