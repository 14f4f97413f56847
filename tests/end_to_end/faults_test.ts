/**
 * What goes wrong with disks and files while real programs work on them: each fault has its sentence and its
 * exit code, what was there stays, and both sides go on.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import {
  exists,
  type Finished,
  patternBytes,
  type Program,
  reached,
  read,
  sha256,
  Stage,
} from "./support.ts";

/** Puts a private file system of 1 MiB over a folder, for the program that follows. Needs a name space. */
const tinyDiskAt = (folder: string, options = "size=1m"): string[] => [
  ...["unshare", "--mount", "--map-root-user", "sh", "-c"],
  `mount -t tmpfs -o ${options},mode=755 tiny "$0" && exec "$@"`,
  folder,
];

/** Makes writing fail behind the first MiB of any file: what every user may ask of the system. */
const SHORT_FILES = ["bash", "-c", `trap '' XFSZ; ulimit -f 1024; exec "$@"`, "bash"];

/** Leaves the program few file descriptors. */
const fewDescriptors = (count: number) => ["bash", "-c", `ulimit -n ${count}; exec "$@"`, "bash"];

/** Whether this system lets us have a file system of our own. */
async function canMount(): Promise<boolean> {
  const folder = await Deno.makeTempDir();
  try {
    const [command, ...args] = [...tinyDiskAt(folder), "true"];
    const options = { args, stdout: "null", stderr: "null" } as const;
    return (await new Deno.Command(command!, options).output()).success;
  } catch {
    return false;
  } finally {
    await Deno.remove(folder);
  }
}

async function startServerUnder(prefix: readonly string[], stage: Stage): Promise<Program> {
  const args = ["127.0.0.1", "0", "--root", stage.serverFiles, "--json"];
  const server = stage.start("server.ts", args, { prefix });
  stage.port = Number((await server.event("listening")).port);
  return server;
}

async function runUnder(
  prefix: readonly string[],
  stage: Stage,
  command: readonly string[],
): Promise<Finished> {
  const client = stage.startClient(["--json", ...command], { prefix });
  await client.endInput();
  return { code: await client.ended(), stdout: client.stdout, stderr: client.stderr, client };
}

/** Both directions work on: the fault did no harm to the programs. */
async function assertServes(stage: Stage): Promise<void> {
  await stage.write(stage.clientFiles, "sign.txt", "of life");
  const put = await stage.run(["put", "sign.txt", "-o", "of-life.txt"]);
  assertEquals(put.code, 0, put.stderr);
  const get = await stage.run(["get", "of-life.txt"]);
  assertEquals(get.code, 0, get.stderr);
  assertEquals(new TextDecoder().decode(await read(stage.clientFiles, "of-life.txt")), "of life");
}

function assertFails(run: Finished, code: number, sentence: RegExp): void {
  assertEquals(run.code, code, `${run.stderr}${run.stdout}`);
  assertMatch(run.stderr, sentence);
}

const SLOW = ["--max-rate", "10MB"];

Deno.test("a server whose disk is full refuses with 8, keeps what was there and serves on", async () => {
  await using stage = await Stage.set();
  await stage.write(stage.clientFiles, "big.bin", patternBytes(3_000_000, 41));
  await stage.write(stage.clientFiles, "small.txt", "small");
  const hasOwnDisk = await canMount();
  await startServerUnder(hasOwnDisk ? tinyDiskAt(stage.serverFiles) : SHORT_FILES, stage);
  assertEquals((await stage.run(["put", "small.txt", "-o", "big.bin"])).code, 0);
  assertFails(
    await stage.run(["put", "big.bin"]),
    8,
    /^No space on the server for big\.bin/m,
  );
  const kept = await stage.run(["get", "big.bin", "-o", "kept.txt"]);
  assertEquals(kept.code, 0, kept.stderr);
  assertEquals(new TextDecoder().decode(await read(stage.clientFiles, "kept.txt")), "small");
  await assertServes(stage);
});

Deno.test("a disk that fills up while a file arrives ends the transfer with 8 on either side", async () => {
  await using stage = await Stage.set();
  await stage.write(stage.clientFiles, "up.bin", patternBytes(3_000_000, 42));
  await stage.write(stage.serverFiles, "down.bin", patternBytes(3_000_000, 43));
  await startServerUnder(SHORT_FILES, stage);
  assertFails(await stage.run(["put", "up.bin"]), 8, /^No space on the server for up\.bin/m);
  assertFails(
    await runUnder(SHORT_FILES, stage, ["get", "down.bin"]),
    8,
    /^No space here for down\.bin/m,
  );
  const whole = await stage.run(["get", "down.bin"]);
  assertEquals(whole.code, 0, whole.stderr);
  await assertServes(stage);
});

Deno.test("a server that can make no more files refuses with 8; files that are empty go both ways", async () => {
  await using stage = await Stage.set();
  await stage.write(stage.clientFiles, "one.txt", "one");
  await stage.write(stage.clientFiles, "empty.txt", "");
  // The root, the staging folder and two files; a system that does not let us mount has room for more.
  const isLimited = await canMount();
  const prefix = isLimited ? tinyDiskAt(stage.serverFiles, "size=1m,nr_inodes=4") : [];
  await startServerUnder(prefix, stage);
  for (const name of ["one.txt", "empty.txt"]) {
    assertEquals((await stage.run(["put", name])).code, 0, name);
  }
  const third = await stage.run(["put", "one.txt", "-o", "three.txt"]);
  if (isLimited) assertFails(third, 8, /^No space on the server for three\.txt/m);
  const get = await stage.run(["get", "empty.txt", "-o", "fetched.txt"]);
  assertEquals(get.code, 0, get.stderr);
  assertEquals(await read(stage.clientFiles, "fetched.txt"), new Uint8Array(0));
});

Deno.test("a put to a name whose other sender was killed takes its place, and is whole", async () => {
  await using stage = await Stage.set();
  const [first, second] = [patternBytes(30_000_000, 51), patternBytes(20_000_000, 52)];
  await stage.write(stage.clientFiles, "first.bin", first);
  await stage.write(stage.clientFiles, "second.bin", second);
  await stage.startServer();
  const killed = stage.startClient(["--json", ...SLOW, "put", "first.bin", "-o", "same.bin"]);
  await reached(killed, 5_000_000);
  killed.signal("SIGKILL");
  await killed.ended();
  const put = await stage.run(["put", "second.bin", "-o", "same.bin"]);
  assertEquals(put.code, 0, put.stderr);
  assertEquals(await read(stage.serverFiles, "same.bin"), second);
  const staged = await Array.fromAsync(Deno.readDir(`${stage.serverFiles}/.~ft-staging`));
  assertEquals(staged.filter(({ name }) => !name.endsWith(".note")), [], "no part is left over");
  const again = await stage.run(["put", "first.bin", "-o", "same.bin"]);
  assertEquals(again.code, 0, again.stderr);
  assertEquals(await read(stage.serverFiles, "same.bin"), first);
});

Deno.test("a full disk here refuses small files one by one, with the list, and 8 when all failed so", async () => {
  await using stage = await Stage.set();
  for (let index = 0; index < 8; index++) {
    await stage.write(stage.serverFiles, `set/f${index}.bin`, patternBytes(200_000, index + 1));
  }
  await stage.startServer();
  if (await canMount()) {
    const some = await runUnder(tinyDiskAt(stage.clientFiles), stage, ["get", "-r", "set"]);
    assertFails(some, 11, /of 8 failed: set\/f\d\.bin/);
    const { done, failed } = some.client.events("batch")[0] ?? {};
    assertEquals(Number(done) + Number(failed), 8);
    assert(Number(done) >= 3 && Number(failed) >= 3, "what had room arrived");
  }
  const short = ["bash", "-c", `trap '' XFSZ; ulimit -f 100; exec "$@"`, "bash"];
  assertFails(await runUnder(short, stage, ["get", "-r", "set"]), 8, /^8 of 8 failed/m);
  await assertServes(stage);
});

Deno.test("a server with 64 file descriptors moves many files, and is only busy when they are used up", async () => {
  await using stage = await Stage.set();
  for (let index = 0; index < 300; index++) {
    await stage.write(stage.clientFiles, `set/d${index % 7}/f${index}`, `content ${index}`);
  }
  await startServerUnder(fewDescriptors(64), stage);
  const put = await stage.run(["put", "-r", "set"], ["--json"]);
  const failed = Number(put.client.events("batch")[0]?.failed);
  if (put.code !== 0) assertFails(put, put.code, /In use on the server|busy/);
  assert(failed < 300, "some found room");
  const again = await stage.run(["put", "-r", "set"], ["--exists", "skip"]);
  assert(again.code === 0 || again.code === 11, again.stderr);
  await assertServes(stage);
});

Deno.test("a folder that may not be written is told with 4, on either side", async () => {
  await using stage = await Stage.set();
  await stage.write(stage.clientFiles, "a.txt", "a");
  await stage.write(stage.serverFiles, "b.txt", "b");
  const [server, client] = await canMount()
    ? [readOnlyAt(stage.serverFiles), readOnlyAt(stage.clientFiles)]
    : [[], []];
  if (server.length === 0) await Deno.chmod(stage.serverFiles, 0o555);
  await startServerUnder(server, stage);
  assertFails(
    await stage.run(["put", "a.txt"]),
    4,
    /^The server's (disk is read-only|system denies)/m,
  );
  if (client.length === 0) await Deno.chmod(stage.clientFiles, 0o555);
  assertFails(
    await runUnder(client, stage, ["get", "b.txt"]),
    4,
    /^(The disk here is read-only|Access denied here)/m,
  );
  await Deno.chmod(stage.clientFiles, 0o755);
  assertEquals((await stage.run(["get", "b.txt"])).code, 0);
  await Deno.chmod(stage.serverFiles, 0o755);
});

const readOnlyAt = (folder: string): string[] => [
  ...["unshare", "--mount", "--map-root-user", "sh", "-c"],
  `mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"`,
  folder,
];

Deno.test("a pipe in a folder is listed, never opened, and skipped with a word", async () => {
  await using stage = await Stage.set();
  await stage.write(stage.serverFiles, "set/a.txt", "a");
  await stage.write(stage.clientFiles, "up/a.txt", "a");
  for (const pipe of [join(stage.serverFiles, "set/pipe"), join(stage.clientFiles, "up/pipe")]) {
    assert((await new Deno.Command("mkfifo", { args: [pipe] }).output()).success);
  }
  await stage.startServer();
  assertFails(await stage.run(["get", "set/pipe"]), 1, /^Not a regular file on the server/m);
  assertFails(await stage.run(["put", "up/pipe"]), 1, /^Not a regular file here/m);
  for (const command of [["get", "-r", "set"], ["put", "-r", "up"]]) {
    const run = await stage.run(command);
    assertEquals(run.code, 0, run.stderr);
    assertMatch(run.stderr, /^Skipped \w+\/pipe: it is neither a file nor a folder$/m);
  }
  await assertServes(stage);
});

for (const change of ["written", "cut", "removed"] as const) {
  Deno.test(`a source that is ${change} while it is read: ${outcomeOf(change)}`, async () => {
    await using stage = await Stage.set();
    const content = patternBytes(20_000_000, 44);
    await stage.write(stage.serverFiles, "down.bin", content);
    await stage.write(stage.clientFiles, "up.bin", content);
    await stage.startServer(SLOW);
    for (
      const [command, name, from, to] of [
        ["get", "down.bin", stage.serverFiles, stage.clientFiles],
        ["put", "up.bin", stage.clientFiles, stage.serverFiles],
      ] as const
    ) {
      const client = stage.startClient(["--json", ...SLOW, command, name]);
      await reached(client, 3_000_000);
      await CHANGES[change](join(from, name));
      const code = await client.ended();
      assertEquals(code, 0, client.stderr);
      const expected = change === "removed" ? content : await read(from, name);
      assertEquals(await sha256(await read(to, name)), await sha256(expected));
    }
    await assertServes(stage);
  });
}

function outcomeOf(change: string): string {
  return change === "removed" ? "what was opened arrives" : "what it is then arrives";
}

Deno.test("a source that is written all the time ends with 12, and nothing is published", async () => {
  await using stage = await Stage.set();
  await stage.write(stage.serverFiles, "down.bin", patternBytes(5_000_000, 44));
  await stage.write(stage.clientFiles, "up.bin", patternBytes(5_000_000, 45));
  await stage.startServer(SLOW);
  for (
    const [command, name, from, to] of [
      ["get", "down.bin", stage.serverFiles, stage.clientFiles],
      ["put", "up.bin", stage.clientFiles, stage.serverFiles],
    ] as const
  ) {
    const client = stage.startClient(["--json", ...SLOW, command, name]);
    for (let attempt = 0; attempt < 2; attempt++) {
      await reached(client, 1_000_000 + attempt);
      await CHANGES.written(join(from, name));
      if (attempt === 0) { while (Number((await client.event("progress")).bytes) > 1_000_000); }
    }
    assertEquals(await client.ended(), 12, client.stderr);
    assertMatch(client.stderr, /changed while it was read$/m);
    assertEquals(await exists(join(to, name)), NO);
  }
  await assertServes(stage);
});

const NO = false;

const CHANGES = {
  written: async (path: string) => {
    const file = await Deno.open(path, { write: true });
    await file.seek(19_000_000, Deno.SeekMode.Start);
    await file.write(new Uint8Array(10));
    file.close();
  },
  cut: (path: string) => Deno.truncate(path, 1_000_000),
  removed: (path: string) => Deno.remove(path),
};

Deno.test("a target folder that vanishes under a put is told with 3", async () => {
  await using stage = await Stage.set();
  await stage.write(stage.clientFiles, "up.bin", patternBytes(10_000_000, 45));
  await Deno.mkdir(join(stage.serverFiles, "folder"));
  await stage.startServer();
  const client = stage.startClient(["--json", ...SLOW, "put", "up.bin", "-o", "folder/up.bin"]);
  await reached(client, 3_000_000);
  await Deno.remove(join(stage.serverFiles, "folder"), { recursive: true });
  assertEquals(await client.ended(), 3, client.stderr);
  assertMatch(client.stderr, /^No such folder on the server: folder\/$/m);
  await Deno.mkdir(join(stage.serverFiles, "folder"));
  const again = await stage.run(["put", "up.bin", "-o", "folder/up.bin"], ["--json"]);
  assertEquals(again.code, 0, again.stderr);
  await assertServes(stage);
});

Deno.test("rename and rm during transfers leave them alone", async () => {
  await using stage = await Stage.set();
  const content = patternBytes(30_000_000, 46);
  await stage.write(stage.serverFiles, "down.bin", content);
  await stage.write(stage.serverFiles, "up.bin", "the old one");
  await stage.write(stage.clientFiles, "up.bin", content);
  await stage.startServer(SLOW);
  const shell = stage.startClient();
  await shell.type("pwd");
  await shell.outLine(/^\/$/);
  const get = stage.startClient(["--json", "get", "down.bin"]);
  const put = stage.startClient(["--json", ...SLOW, "put", "up.bin"]);
  await Promise.all([reached(get, 3_000_000), reached(put, 3_000_000)]);
  for (const line of ["rename down.bin moved.bin", "rm up.bin"]) await shell.type(line);
  await shell.endInput();
  assertEquals(await shell.ended(), 0, shell.stderr);
  assertEquals(await get.ended(), 0, get.stderr);
  assertEquals(await put.ended(), 0, put.stderr);
  assertEquals(await read(stage.clientFiles, "down.bin"), content);
  assertEquals(await read(stage.serverFiles, "up.bin"), content);
});

Deno.test("of two uploads to one name one is refused, and the other arrives whole", async () => {
  await using stage = await Stage.set();
  const contents = [patternBytes(8_000_000, 47), patternBytes(8_000_000, 48)];
  await stage.write(stage.clientFiles, "one.bin", contents[0]!);
  await stage.write(stage.clientFiles, "two.bin", contents[1]!);
  await stage.startServer();
  const clients = ["one.bin", "two.bin"].map((name) =>
    stage.startClient(["--json", ...SLOW, "put", name, "-o", "same.bin"])
  );
  const codes = await Promise.all(clients.map((client) => client.ended()));
  assertEquals(codes.toSorted(), [0, 1], clients.map(({ stderr }) => stderr).join());
  const hashes = await Promise.all(contents.map(sha256));
  assertEquals(await sha256(await read(stage.serverFiles, "same.bin")), hashes[codes.indexOf(0)]);
});

Deno.test("a sparse file of 1 GiB arrives as its bytes", async () => {
  await using stage = await Stage.set();
  const path = join(stage.serverFiles, "holes.bin");
  await stage.write(stage.serverFiles, "holes.bin", "begin");
  await Deno.truncate(path, 1 << 30);
  const file = await Deno.open(path, { write: true });
  await file.seek(700_000_000, Deno.SeekMode.Start);
  await file.write(new TextEncoder().encode("middle"));
  file.close();
  await stage.startServer();
  const get = await stage.run(["get", "holes.bin"], ["--durability", "none"]);
  assertEquals(get.code, 0, get.stderr);
  const copy = await Deno.open(join(stage.clientFiles, "holes.bin"));
  assertEquals((await copy.stat()).size, 1 << 30);
  await copy.seek(700_000_000, Deno.SeekMode.Start);
  const middle = new Uint8Array(6);
  await copy.read(middle);
  copy.close();
  assertEquals(new TextDecoder().decode(middle), "middle");
});

Deno.test("a folder with 100 000 entries is listed, in bounded memory", async () => {
  await using stage = await Stage.set();
  const folder = join(stage.serverFiles, "many");
  await Deno.mkdir(folder);
  const script = `cd "$0" && seq -f entry-%.0f 100000 | xargs touch`;
  assert((await new Deno.Command("sh", { args: ["-c", script, folder] }).output()).success);
  const server = await stage.startServer();
  const list = await stage.run(["list", "many"], ["--json"]);
  assertEquals(list.code, 0, list.stderr);
  assertEquals(list.client.events("entry").length, 100_000);
  const peakKilobytes = /^VmHWM:\s*(\d+) kB$/m.exec(
    await Deno.readTextFile(`/proc/${server.pid}/status`),
  )?.[1];
  assert(Number(peakKilobytes) < 512 * 1024, `The server took ${peakKilobytes} kB`);
});

Deno.test("a client that is stopped for a while goes on where it was", async () => {
  await using stage = await Stage.set();
  const content = patternBytes(20_000_000, 49);
  await stage.write(stage.clientFiles, "up.bin", content);
  await stage.startServer();
  const client = stage.startClient(["--json", ...SLOW, "put", "up.bin"]);
  await reached(client, 5_000_000);
  client.signal("SIGSTOP");
  await new Promise((resolve) => setTimeout(resolve, 3000));
  client.signal("SIGCONT");
  assertEquals(await client.ended(), 0, client.stderr);
  assertEquals(await read(stage.serverFiles, "up.bin"), content);
});
