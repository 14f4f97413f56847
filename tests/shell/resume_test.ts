import { assert, assertEquals, assertMatch } from "@std/assert";
import { FileRoot } from "../../lib/files/mod.ts";
import { RemoteError } from "../../lib/request/mod.ts";
import { SubjectError } from "../../lib/shell/shell_error.ts";
import { isWorthResuming } from "../../lib/shell/transfer_item.ts";
import { TransferNote, unfinishedTransfers } from "../../lib/shell/unfinished.ts";
import { ShellStage } from "./shell_stage.ts";

const BIG = new Uint8Array(3_000_000).map((_, index) => index * 7 % 251);

async function stagingOf(folder: string): Promise<string[]> {
  try {
    const entries = await Array.fromAsync(Deno.readDir(`${folder}/.~ft-staging`));
    return entries.map(({ name }) => name.replace(/^[0-9a-f]+/, "*")).sort();
  } catch {
    return [];
  }
}

Deno.test("resume goes on with a get that was cut off, and then nothing is left", async () => {
  await using stage = await ShellStage.set({ timeoutMs: 1 });
  await Deno.writeFile(`${stage.serverFolder}/big.bin`, BIG);
  await cutOff(stage, "get big.bin -o sub/here.bin", 2_500_000);
  assertEquals(await stagingOf(stage.clientFolder), ["*.note", "*.places"]);
  assertEquals(await stagingOf(`${stage.clientFolder}/sub`), ["*.log", "*.part"]);

  assertEquals(await stage.run("resume -n"), 0);
  assertMatch(stage.terminal.results.at(-1)!, /^get {2}\/big\.bin → .*\/sub\/here\.bin$/);
  assertEquals(await stage.run("resume"), 0, stage.terminal.errors.join());
  assertEquals(await Deno.readFile(`${stage.clientFolder}/sub/here.bin`), BIG);
  assert(stage.terminal.transfers.at(-1)!.resumedFrom > 0);
  assertEquals(await stagingOf(stage.clientFolder), []);
  assertEquals(await stage.run("resume"), 0);
  assertEquals(stage.terminal.notes.at(-1), "Nothing is unfinished.");
});

Deno.test("resume goes on with a put of a client that was killed", async () => {
  await using stage = await ShellStage.set();
  await Deno.writeFile(`${stage.clientFolder}/big.bin`, BIG);
  const home = await FileRoot.open(stage.clientFolder);
  const transfer = {
    command: "put",
    server: { host: "127.0.0.1", port: 5555 },
    remote: "/d.bin",
    folder: stage.clientFolder,
    path: "/big.bin",
    exists: "overwrite",
  } as const;
  const note = new TransferNote(() => Promise.resolve(home), transfer);
  note.begin(2 ** 21);
  note.begin(2 ** 21);
  await note.settled();
  assertEquals(await unfinishedTransfers(home), [transfer]);
  await home.close();
  assertEquals(await stage.run("resume"), 0);
  assertEquals(await Deno.readFile(`${stage.serverFolder}/d.bin`), BIG);
  assertEquals(await stagingOf(stage.clientFolder), []);
});

Deno.test("resume forgets what is not there any more, and leaves other servers alone", async () => {
  await using stage = await ShellStage.set();
  const home = await FileRoot.open(stage.clientFolder);
  const note = async (host: string, remote: string) => {
    const kept = new TransferNote(() => Promise.resolve(home), {
      ...{ command: "get", server: { host, port: 5555 }, remote, exists: "overwrite" },
      ...{ folder: stage.clientFolder, path: "/x.bin" },
    });
    kept.begin(2 ** 21);
    await kept.settled();
  };
  await note("127.0.0.1", "/gone.bin");
  await note("elsewhere", "/other.bin");
  await home.keepNote("not a transfer");
  await home.close();
  assertEquals(await stage.run("resume"), 3);
  assertEquals(
    stage.terminal.results.filter((line) => line.includes("server elsewhere")).length,
    1,
  );
  assertEquals(await stage.run("resume"), 0);
  assertEquals(stage.terminal.results.filter((line) => line.includes("gone.bin")).length, 1);
});

Deno.test("resume forgets a put whose folder is gone, and goes on with the rest", async () => {
  await using stage = await ShellStage.set();
  await Deno.writeFile(`${stage.clientFolder}/big.bin`, BIG);
  const home = await FileRoot.open(stage.clientFolder);
  const server = { host: "127.0.0.1", port: 5555 };
  for (const name of ["gone/x.bin", "big.bin"]) {
    const note = new TransferNote(() => Promise.resolve(home), {
      ...{ command: "put", server, remote: `/${name}`, exists: "overwrite" },
      ...{ folder: stage.clientFolder, path: `/${name}` },
    });
    note.begin(BIG.length);
    await note.settled();
  }
  await home.close();
  assertEquals(await stage.run("resume"), 11);
  assertMatch(stage.terminal.errors.join("\n"), /gone/);
  assertEquals(await Deno.readFile(`${stage.serverFolder}/big.bin`), BIG);
  assertEquals(await stage.run("resume"), 0);
  assertEquals(stage.terminal.notes.at(-1), "Nothing is unfinished.");
});

/** Cuts a fetch off in the middle, as a kill of the client would. */
async function cutOff(stage: ShellStage, line: string, afterBytes: number): Promise<void> {
  stage.connector.loseAfterBytes = afterBytes;
  stage.connector.staysAway = true;
  let isOver = false;
  const running = stage.run(line).finally(() => isOver = true);
  while (!isOver) await stage.clock.pass(100);
  assertEquals(await running, 6);
  stage.connector.isReachable = true;
}

Deno.test("resume does to a file that is there what get was to do", async () => {
  await using stage = await ShellStage.set({ timeoutMs: 1, exists: "rename" });
  await Deno.writeFile(`${stage.serverFolder}/big.bin`, BIG);
  await Deno.writeTextFile(`${stage.clientFolder}/big.bin`, "precious");
  await cutOff(stage, "get big.bin", 2_500_000);
  stage.useExists("overwrite");
  assertEquals(await stage.run("resume"), 0, stage.terminal.errors.join());
  assert(stage.terminal.transfers.at(-1)!.resumedFrom > 0);
  assertEquals(await Deno.readTextFile(`${stage.clientFolder}/big.bin`), "precious");
  assertEquals(await Deno.readFile(`${stage.clientFolder}/big (1).bin`), BIG);
  assertEquals(await stagingOf(stage.clientFolder), []);
});

Deno.test("resume goes on with the parts of a tree, deep ones too", async () => {
  await using stage = await ShellStage.set({ timeoutMs: 1 });
  await Deno.mkdir(`${stage.serverFolder}/tree/sub/deep`, { recursive: true });
  await Deno.writeFile(`${stage.serverFolder}/tree/sub/deep/big.bin`, BIG);
  await cutOff(stage, "get -r tree -o got", 2_500_000);
  await Deno.remove(`${stage.clientFolder}/got/sub`, { recursive: true });
  assertEquals(await stage.run("resume"), 0, stage.terminal.errors.join());
  assert(stage.terminal.transfers.at(-1)!.resumedFrom > 0);
  assertEquals(await Deno.readFile(`${stage.clientFolder}/got/sub/deep/big.bin`), BIG);
  assertEquals(await stagingOf(`${stage.clientFolder}/got`), []);
  assertEquals(await stagingOf(stage.clientFolder), []);
});

Deno.test("of one file asked for twice, resume knows the last wish", async () => {
  await using stage = await ShellStage.set({ timeoutMs: 1, exists: "fail" });
  await Deno.writeFile(`${stage.serverFolder}/big.bin`, BIG);
  await cutOff(stage, "get big.bin", 1_500_000);
  stage.useExists("overwrite");
  await cutOff(stage, "get big.bin", 1_000_000);
  const before = stage.terminal.results.length;
  assertEquals(await stage.run("resume -n"), 0);
  assertEquals(stage.terminal.results.length, before + 1);
  assertEquals(await stage.run("get big.bin"), 0);
  assertEquals(await stagingOf(stage.clientFolder), []);
});

Deno.test("resume sends what is to be sent although something cannot be fetched", async () => {
  await using stage = await ShellStage.set();
  await Deno.writeFile(`${stage.clientFolder}/big.bin`, BIG);
  const home = await FileRoot.open(stage.clientFolder);
  const server = { host: "127.0.0.1", port: 5555 };
  for (const [command, name] of [["get", "gone.bin"], ["put", "big.bin"]] as const) {
    const note = new TransferNote(() => Promise.resolve(home), {
      ...{ command, server, remote: `/${name}`, exists: "overwrite" },
      ...{ folder: stage.clientFolder, path: `/${name}` },
    });
    note.begin(BIG.length);
    await note.settled();
  }
  await home.close();
  assertEquals(await stage.run("resume"), 11);
  assertEquals(await Deno.readFile(`${stage.serverFolder}/big.bin`), BIG);
  assertEquals(await stagingOf(stage.clientFolder), []);
});

Deno.test("resume calls a file that is to be sent what it is called here", async () => {
  await using stage = await ShellStage.set();
  await Deno.writeFile(`${stage.clientFolder}/here.bin`, BIG);
  const home = await FileRoot.open(stage.clientFolder);
  const server = { host: "127.0.0.1", port: 5555 };
  for (const name of ["here.bin", "gone.bin"]) {
    const note = new TransferNote(() => Promise.resolve(home), {
      ...{ command: "put", server, remote: `/there-${name}`, exists: "overwrite" },
      ...{ folder: stage.clientFolder, path: `/${name}` },
    });
    note.begin(BIG.length);
    await note.settled();
  }
  await home.close();
  assertEquals(await stage.run("resume"), 11);
  assertMatch(stage.terminal.errors[0]!, /^No such file here: gone\.bin/);
  assertEquals(stage.terminal.transfers.map(({ name }) => name), ["here.bin"]);
});

Deno.test("a transfer is remembered when it only has to wait, not when it can never be had", () => {
  const isRemembered = (status: ConstructorParameters<typeof RemoteError>[0]) =>
    isWorthResuming(new SubjectError("f", new RemoteError(status, "/f")));
  for (const status of ["no-space", "quota", "busy", "stopping"] as const) {
    assert(isRemembered(status), status);
  }
  for (const status of ["not-found", "refused", "is-a-directory", "changed"] as const) {
    assert(!isRemembered(status), status);
  }
});

Deno.test("small files, and those that arrive, leave no note", async () => {
  await using stage = await ShellStage.set();
  await Deno.writeFile(`${stage.serverFolder}/big.bin`, BIG);
  await Deno.writeFile(`${stage.serverFolder}/small.bin`, BIG.subarray(0, 1000));
  assertEquals(await stage.run("get big.bin small.bin"), 0);
  assertEquals(await stage.run("get small.bin"), 0);
  assertEquals(await stage.run("get none.bin"), 3);
  assertEquals(await stagingOf(stage.clientFolder), []);
});
