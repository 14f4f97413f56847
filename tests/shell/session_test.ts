import { exists } from "@std/fs";
import { assert, assertEquals, assertInstanceOf, assertMatch } from "@std/assert";
import { StreamError } from "../../lib/bytes/byte_stream.ts";
import { ConnectionLostError } from "../../lib/shell/mod.ts";
import { ShellStage, type StageLink, turns } from "./shell_stage.ts";

const LARGE = "0123456789abcdef".repeat(400_000);

Deno.test("a lost connection comes back by itself and the transfer goes on where it was", async () => {
  await using stage = await ShellStage.set();
  await Deno.writeTextFile(`${stage.serverFolder}/large.txt`, LARGE);
  stage.connector.loseAfterBytes = 3_000_000;
  assertEquals(await stage.run("get large.txt"), 0);
  assertEquals(stage.connector.links.length, 2);
  assertEquals(stage.terminal.notes.filter((note) => !note.startsWith("large")), [
    "Connection to 127.0.0.1 port 5555 lost (no answer any more). Trying again…",
    "Connected again.",
  ]);
  assertEquals(await Deno.readTextFile(`${stage.clientFolder}/large.txt`), LARGE);
});

Deno.test("a request to a known server does not wait for it to say what this client may do", async () => {
  await using stage = await ShellStage.set();
  stage.connector.isKnown = true;
  const running = stage.run("mkdir new");
  while (!await exists(`${stage.serverFolder}/new`)) await turns();
  assertEquals(stage.terminal.connectedCount, 0);
  stage.connector.links[0]!.say("owner");
  assertEquals(await running, 0);
  assertEquals(stage.terminal.connectedCount, 1);
});

Deno.test("with a rate to hold nothing is asked before the server has said what this client may do", async () => {
  const rate = { maxRateBytesPerSecond: 1e6, isPolite: false };
  await using stage = await ShellStage.set({ rate });
  stage.connector.isKnown = true;
  assertEquals(await stage.run("list"), 0);
  assertEquals(stage.connector.links[0]!.admitted, undefined);
});

Deno.test("one command gives the server --timeout to come back, then ends as lost", async () => {
  await using stage = await ShellStage.set({ timeoutMs: 2_000 });
  await Deno.writeTextFile(`${stage.serverFolder}/large.txt`, LARGE);
  stage.connector.loseAfterBytes = 3_000_000;
  stage.connector.staysAway = true;
  const running = stage.run("get large.txt");
  while (stage.connector.attemptCount < 2) await turns();
  await stage.clock.pass(2_500);
  assertEquals(await running, 6);
  assertMatch(stage.terminal.errors[0]!, /lost and not back within 2 s; what arrived is kept/);
});

Deno.test("one transfer waits longer than the connecting before it", async () => {
  await using stage = await ShellStage.set({ timeoutMs: 2_000, patienceMs: 60_000 });
  await Deno.writeTextFile(`${stage.serverFolder}/large.txt`, LARGE);
  stage.connector.loseAfterBytes = 3_000_000;
  stage.connector.staysAway = true;
  const running = stage.run("get large.txt");
  while (stage.connector.attemptCount < 2) await turns();
  await stage.clock.pass(40_000);
  stage.connector.isReachable = true;
  await stage.clock.pass(10_000);
  assertEquals(await running, 0);
});

Deno.test("one transfer gives a server whose port is closed --timeout from then, not its long patience", async () => {
  await using stage = await ShellStage.set({ timeoutMs: 10_000, patienceMs: 120_000 });
  await Deno.writeTextFile(`${stage.serverFolder}/large.txt`, LARGE);
  stage.connector.loseAfterBytes = 3_000_000;
  stage.connector.staysAway = true;
  const running = watchedRun(stage, "get large.txt");
  while (stage.connector.attemptCount < 2) await turns();
  await stage.clock.pass(30_000); // dark
  assertEquals(running.exitCode, null);
  stage.port.answers = [true];
  await stage.clock.pass(9_000);
  assertEquals(running.exitCode, null, "the first refusal ends nothing");
  await stage.clock.pass(4_000);
  assertEquals(await running.ended, 6);
  assertMatch(stage.terminal.errors[0]!, /lost and not back within 10 s; what arrived is kept/);
  assertEquals(closedNotes(stage), ["The server's port is closed. Trying again…"]);
  assertEquals(stage.clock.waitCount, 0);
});

Deno.test("a transfer goes on when the server whose port was closed is back in time", async () => {
  await using stage = await ShellStage.set({ timeoutMs: 10_000, patienceMs: 120_000 });
  await Deno.writeTextFile(`${stage.serverFolder}/large.txt`, LARGE);
  stage.connector.loseAfterBytes = 3_000_000;
  stage.connector.staysAway = true;
  stage.port.answers = [true];
  const running = stage.run("get large.txt");
  while (stage.connector.attemptCount < 2) await turns();
  await stage.clock.pass(7_000);
  stage.connector.isReachable = true;
  await stage.clock.pass(10_000);
  assertEquals(await running, 0);
});

Deno.test("a refusal that does not come again is forgotten: patience is long once more", async () => {
  await using stage = await ShellStage.set({ timeoutMs: 10_000, patienceMs: 120_000 });
  await Deno.writeTextFile(`${stage.serverFolder}/large.txt`, LARGE);
  stage.connector.loseAfterBytes = 3_000_000;
  stage.connector.staysAway = true;
  stage.port.answers = [true, true, false];
  const running = watchedRun(stage, "get large.txt");
  while (stage.connector.attemptCount < 2) await turns();
  await stage.clock.pass(100_000);
  assertEquals(running.exitCode, null, stage.terminal.errors.join());
  await stage.clock.pass(30_000);
  assertEquals(await running.ended, 6);
  assertMatch(stage.terminal.errors[0]!, /not back within 120 s/);
});

Deno.test("a silent connection is given up when its port stays closed for --timeout", async () => {
  await using stage = await ShellStage.set({ timeoutMs: 10_000, patienceMs: 120_000 });
  const { signal } = new AbortController();
  const link = await stage.session.connected(signal) as StageLink;
  stage.connector.isReachable = false;
  let error: unknown = null;
  const requesting = stage.session.request(signal, () => lossOf(link), { onLoss: "patiently" })
    .catch((cause) => {
      error = cause;
    });
  await passSilently(stage, link, 60_000);
  assertEquals(error, null, "silence alone");
  assertEquals(closedNotes(stage), []);
  stage.port.answers = [true];
  await passSilently(stage, link, 9_000);
  assertEquals(error, null, "the first refusal ends nothing");
  await passSilently(stage, link, 7_000);
  await requesting;
  assertInstanceOf(error, ConnectionLostError);
  assertMatch(error.message, /lost and not back within 10 s; what arrived is kept/);
  assertEquals(closedNotes(stage).length, 1);
  assertEquals(stage.clock.waitCount, 0);
});

Deno.test("a closed port does not end what a person waits for", async () => {
  const times = { timeoutMs: 10_000, patienceMs: 120_000, isInteractive: true };
  await using stage = await ShellStage.set(times);
  await Deno.writeTextFile(`${stage.serverFolder}/large.txt`, LARGE);
  stage.connector.loseAfterBytes = 3_000_000;
  stage.connector.staysAway = true;
  stage.port.answers = [true];
  const running = watchedRun(stage, "get large.txt");
  while (stage.connector.attemptCount < 2) await turns();
  await stage.clock.pass(300_000);
  assertEquals(running.exitCode, null);
  assertEquals(closedNotes(stage), ["The server's port is closed. Trying again…"]);
  stage.connector.isReachable = true;
  while (running.exitCode === null) await stage.clock.pass(100);
  assertEquals(running.exitCode, 0);
});

Deno.test("a port is left in peace while its server answers", async () => {
  await using stage = await ShellStage.set();
  await Deno.writeTextFile(`${stage.serverFolder}/large.txt`, LARGE);
  assertEquals(await stage.run("get large.txt"), 0);
  assertEquals(stage.port.askCount, 0);
});

Deno.test("a person's transfer waits for as long as it takes, other commands do not", async () => {
  await using stage = await ShellStage.set({ timeoutMs: 2_000, isInteractive: true });
  await Deno.writeTextFile(`${stage.serverFolder}/large.txt`, LARGE);
  stage.connector.loseAfterBytes = 3_000_000;
  stage.connector.staysAway = true;
  const running = stage.run("get large.txt");
  while (stage.connector.attemptCount < 2) await turns();
  await stage.clock.pass(60_000);
  stage.connector.isReachable = true;
  await stage.clock.pass(10_000);
  assertEquals(await running, 0);

  stage.connector.isReachable = false;
  stage.connector.links.at(-1)!.lose();
  await turns();
  const attemptCount = stage.connector.attemptCount;
  const listing = stage.run("list");
  while (stage.connector.attemptCount === attemptCount) await turns();
  await stage.clock.pass(2_500);
  assertEquals(await listing, 5);
});

Deno.test("a change that may have been done is not done twice", async () => {
  await using stage = await ShellStage.set();
  assertEquals(await stage.run("list"), 0);
  const link = stage.connector.links[0]!;
  const running = stage.run("mkdir new");
  link.lose();
  assertEquals(await running, 6);
  assertMatch(stage.terminal.errors[0]!, /may or may not have been done/);
  assertEquals(stage.connector.links.length, 1);
});

Deno.test("a silent connection is pinged, and replaced when a new one comes about beside it", async () => {
  await using stage = await ShellStage.set({ timeoutMs: 30_000 });
  await Deno.writeTextFile(`${stage.serverFolder}/large.txt`, LARGE);
  const running = stage.run("get large.txt");
  while (stage.connector.links.length === 0) await turns();
  const [first] = stage.connector.links;
  first!.silentMs = 5_000;
  await stage.clock.pass(4_000);
  assertEquals(await running, 0);
  assert(first!.pingCount > 0);
  assertEquals(stage.connector.links.length, 2);
  assertEquals(stage.terminal.notes.filter((note) => !note.startsWith("large")), [
    "No answer from 127.0.0.1 port 5555 any more. Trying again…",
    "Connected again.",
  ]);
});

Deno.test("only a first try says that there is no answer yet: after a loss that is known", async () => {
  await using stage = await ShellStage.set({ timeoutMs: 2_000, patienceMs: 60_000 });
  await Deno.writeTextFile(`${stage.serverFolder}/large.txt`, LARGE);
  const silent = "No answer from 127.0.0.1 yet";
  const isSilent = (note: string) => note === silent;
  stage.connector.isReachable = false;
  const listing = stage.run("list");
  while (stage.connector.attemptCount < 1) await turns();
  stage.connector.isReachable = true;
  await stage.clock.pass(1_500);
  assertEquals([await listing, stage.terminal.notes.filter(isSilent)], [0, [silent]]);

  stage.connector.loseAfterBytes = 3_000_000;
  stage.connector.staysAway = true;
  const running = stage.run("get large.txt");
  while (stage.connector.attemptCount < 2) await turns();
  await stage.clock.pass(10_000);
  stage.connector.isReachable = true;
  await stage.clock.pass(10_000);
  assertEquals([await running, stage.terminal.notes.filter(isSilent)], [0, [silent]]);
});

Deno.test("Ctrl-C ends a command with 130, while it connects too", async () => {
  await using stage = await ShellStage.set();
  stage.connector.isReachable = false;
  const stop = new AbortController();
  const running = stage.shell.runLine("list", stop.signal);
  await turns();
  stop.abort();
  assertEquals((await running).exitCode, 130);
  assertEquals(stage.terminal.errors, ["Cancelled"]);
  assertEquals(stage.clock.waitCount, 0);
});

Deno.test("nothing is left waiting after commands", async () => {
  await using stage = await ShellStage.set();
  for (const line of ["list", "mkdir a", "stat a", "rmdir a"]) {
    assertEquals(await stage.run(line), 0);
  }
  assertEquals(stage.clock.waitCount, 0);
});

interface Running {
  /** null until it has ended. */
  exitCode: number | null;
  /** The files it puts in order take real time. */
  readonly ended: Promise<number>;
}

/** A command under way. */
function watchedRun(stage: ShellStage, line: string): Running {
  const ended = stage.run(line);
  const running: Running = { exitCode: null, ended };
  ended.then((exitCode) => {
    running.exitCode = exitCode;
  });
  return running;
}

function closedNotes(stage: ShellStage): string[] {
  return stage.terminal.notes.filter((note) => note.includes("closed"));
}

/** What a request on a connection meets that brings nothing any more. */
async function lossOf(link: StageLink): Promise<never> {
  await link.closed;
  throw new StreamError("connection-lost");
}

async function passSilently(stage: ShellStage, link: StageLink, delayMs: number): Promise<void> {
  for (let passedMs = 0; passedMs < delayMs; passedMs += 100) {
    link.silentMs += 100;
    await stage.clock.pass(100);
  }
}
