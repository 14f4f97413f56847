/** Who gets in, who does not, and what each may do: real programs of several people. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { FarAway, runAs, somebodyElse } from "./access_support.ts";
import { exists, Stage } from "./support.ts";

const CODE = "K7QF-9X2M";

Deno.test("access: the owner types nothing, another user gets in by the code alone and stops nothing", async () => {
  await using stage = await Stage.set();
  await stage.write(stage.serverFiles, "a.txt", "a");
  const server = stage.start("server.ts", [
    "127.0.0.1",
    "0",
    "--root",
    stage.serverFiles,
    "--json",
  ]);
  const listening = await server.event("listening");
  stage.port = Number(listening.port);
  const code = String(listening.code);
  assertMatch(code, /^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/);
  const cookie = join(stage.home["XDG_RUNTIME_DIR"]!, "ferry", `cookie-${stage.port}`);
  assertEquals((await Deno.stat(cookie)).mode! & 0o777, 0o600);

  const owner = await stage.run(["status"], ["--json"]);
  assertEquals([owner.code, owner.client.events("connected")[0]?.role], [0, "owner"]);

  const { options: other } = await somebodyElse(stage, "other");
  for (const command of [["list"], ["get", "a.txt"], ["exit"], ["shutdown"]]) {
    const refused = await runAs(stage, other, command);
    assertEquals([command, refused.code], [command, 4], refused.stderr);
    assertStringIncludes(refused.stderr, "wants an access code");
  }
  const wrong = await runAs(stage, other, ["list"], { code: "0000-0000" });
  assertEquals([wrong.code, wrong.stdout], [4, ""]);
  assertStringIncludes(wrong.stderr, "Wrong access code");
  assertEquals((await server.event("guess")).outcome, "wrong");

  const typed = code.toLowerCase().replace("-", " ");
  const right = await runAs(stage, other, ["list"], { code: typed });
  assertEquals(right.code, 0, right.stderr);
  assertStringIncludes(right.stdout, "a.txt");

  // Both sides know each other now: no code any more.
  await stage.write(stage.clientFiles, "b.txt", "b");
  assertEquals((await runAs(stage, other, ["put", "b.txt"])).code, 0);
  const exit = await runAs(stage, other, ["exit"]);
  assertEquals(exit.code, 0);
  assertStringIncludes(exit.stderr, "only its owner may stop it");
  const shutdown = await runAs(stage, other, ["shutdown"]);
  assertEquals(shutdown.code, 4);
  assertStringIncludes(shutdown.stderr, "only its owner may stop it");

  assertMatch((await stage.run(["exit"])).stderr, /^The server stops too\.$/m);
  assertEquals(await server.ended(), 0);
  assert(!await exists(cookie));
});

Deno.test("access: from another machine three wrong guesses close the door for a while, also to the right code", async () => {
  await using far = await FarAway.set();
  await using stage = await Stage.set();
  await stage.write(stage.serverFiles, "a.txt", "a");
  const server = stage.start("server.ts", ["0", "--root", stage.serverFiles, "--json"], {
    env: { FERRY_CODE: CODE },
  });
  const listening = await server.event("listening");
  assert(!("code" in listening));
  stage.port = Number(listening.port);
  const { host } = far;
  const friend = far.options({ env: stage.homeOf("friend") });
  const stranger = far.options({ env: stage.homeOf("stranger") });

  assertEquals((await runAs(stage, stranger, ["list"], { host })).code, 4);
  const first = await runAs(stage, friend, ["list"], { host, code: "k7qf9x2m" });
  assertEquals([first.code, first.stderr], [0, ""]);

  for (const code of ["AAAA-AAAA", "BBBB-BBBB", "CCCC-CCCC"]) {
    const wrong = await runAs(stage, stranger, ["list"], { host, code });
    assertEquals([wrong.code, wrong.stdout], [4, ""]);
  }
  const late = await runAs(stage, stranger, ["list"], { host, code: CODE });
  assertEquals([late.code, late.stdout], [4, ""]);
  assertStringIncludes(late.stderr, "too many wrong ones");
  const guesses = server.events("guess").map(({ outcome, wrongCount }) => [outcome, wrongCount]);
  assertEquals(guesses, [
    ["right", 0],
    ["wrong", 1],
    ["wrong", 2],
    ["wrong", 3],
    ["too-many", 0],
  ]);
  // Who is known needs no guess, from the same address too.
  assertEquals((await runAs(stage, friend, ["get", "a.txt"], { host })).code, 0);
  const exit = await runAs(stage, friend, ["exit"], { host });
  assertStringIncludes(exit.stderr, "only its owner may stop it");
  assertEquals((await stage.run(["list"])).code, 0);
});

Deno.test("access: a server with another key is refused with both fingerprints, and nothing is sent", async () => {
  await using stage = await Stage.set();
  const guest = { env: stage.homeOf("guest") };
  const first = await stage.startServer(["--code-file", await codeFile(stage)]);
  const [{ fingerprint: known }] = first.events("listening") as [{ fingerprint: string }];
  const paired = await runAs(stage, guest, ["list"], { code: CODE });
  assertEquals(paired.code, 0, paired.stderr);
  first.signal("SIGTERM");
  assertEquals(await first.ended(), 0);

  // The same server again is the same; in another home it is another one.
  const again = await stage.startServer(["--code-file", await codeFile(stage)], stage.port);
  assertEquals((await runAs(stage, guest, ["list"])).code, 0);
  again.signal("SIGTERM");
  await again.ended();
  const impostor = stage.start("server.ts", [
    ...["127.0.0.1", String(stage.port), "--root", stage.serverFiles, "--json", "--open"],
  ], { env: stage.homeOf("impostor") });
  const shown = String((await impostor.event("listening")).fingerprint);
  await stage.write(stage.clientFiles, "secret.txt", "s");
  const refused = await runAs(stage, guest, ["put", "secret.txt"], { code: CODE });
  assertEquals(refused.code, 4);
  for (const part of [known, shown, "known_servers", `127.0.0.1:${stage.port}`]) {
    assertStringIncludes(refused.stderr, part);
  }
  assert(!await exists(join(stage.serverFiles, "secret.txt")));
});

Deno.test("access: a server that lets anybody in cannot pose as one that knows the code", async () => {
  await using stage = await Stage.set();
  await stage.startServer(["--open"]);
  const guest = { env: stage.homeOf("guest") };
  const refused = await runAs(stage, guest, ["list"], { code: CODE });
  assertEquals(refused.code, 4);
  assertStringIncludes(refused.stderr, "cannot prove that it knows the access code");
});

Deno.test("access: --open asks nobody, warns on both sides, and gives nobody the server", async () => {
  await using stage = await Stage.set();
  await stage.write(stage.serverFiles, "a.txt", "a");
  await stage.write(stage.clientFiles, "b.txt", "b");
  const server = await stage.startServer(["--open"]);
  await server.errorLine(/^Warning: no access code is asked\. .* read and write\.$/);
  const guest = { env: stage.homeOf("guest") };
  const list = await runAs(stage, guest, ["list"]);
  assertEquals(list.code, 0);
  assertStringIncludes(list.stderr, "has not proved who it is");
  assertEquals((await runAs(stage, guest, ["put", "b.txt"])).code, 0);
  assertEquals((await runAs(stage, guest, ["shutdown"])).code, 4);
  const owner = await stage.run(["exit"]);
  assertMatch(owner.stderr, /^The server stops too\.$/m);
  assertEquals(await server.ended(), 0);
});

Deno.test("access: --read-only lets guests read and nobody write; who paired then may read later too", async () => {
  await using stage = await Stage.set();
  await stage.write(stage.serverFiles, "a.txt", "a");
  await stage.write(stage.clientFiles, "b.txt", "b");
  const args = ["--code-file", await codeFile(stage)];
  const server = await stage.startServer(["--read-only", ...args]);
  const guest = { env: stage.homeOf("guest") };
  assertEquals((await runAs(stage, guest, ["get", "a.txt"], { code: CODE })).code, 0);
  for (
    const command of [["put", "b.txt"], ["rename", "a.txt", "c.txt"], ["mkdir", "d"], [
      "rm",
      "a.txt",
    ]]
  ) {
    const refused = await runAs(stage, guest, command);
    assertEquals([command, refused.code], [command, 4]);
    assertStringIncludes(refused.stderr, "read-only");
    assertEquals((await stage.run(command)).code, 4);
  }
  server.signal("SIGTERM");
  await server.ended();

  await stage.startServer(args, stage.port);
  assertEquals((await runAs(stage, guest, ["get", "a.txt"])).code, 0);
  const refused = await runAs(stage, guest, ["put", "b.txt"]);
  assertEquals(refused.code, 4);
  assertStringIncludes(refused.stderr, "this client may only read");
  assertEquals((await stage.run(["put", "b.txt"])).code, 0);
});

Deno.test("access: the code of one served folder opens no other one", async () => {
  await using stage = await Stage.set();
  const args = ["--code-file", await codeFile(stage)];
  const first = await stage.startServer(args);
  const guest = { env: stage.homeOf("guest") };
  assertEquals((await runAs(stage, guest, ["list"], { code: CODE })).code, 0);
  first.signal("SIGTERM");
  await first.ended();
  const second = stage.start("server.ts", [
    ...["127.0.0.1", "0", "--root", stage.clientFiles, "--json", ...args],
  ]);
  stage.port = Number((await second.event("listening")).port);
  assertEquals((await runAs(stage, guest, ["list"])).code, 4);
  // The key is known, so the first request went out at once and was refused; the code makes good for that.
  const listing = await runAs(stage, guest, ["list"], { code: CODE });
  assertEquals(listing.code, 0);
  assertEquals(listing.stderr, "(empty)\n");
});

Deno.test("access: a cookie of a server that is gone is no obstacle", async () => {
  await using stage = await Stage.set();
  const server = await stage.startServer();
  const cookie = join(stage.home["XDG_RUNTIME_DIR"]!, "ferry", `cookie-${stage.port}`);
  const stale = await Deno.readTextFile(cookie);
  server.signal("SIGTERM");
  await server.ended();
  assert(!await exists(cookie));

  const next = stage.start("server.ts", [
    ...["127.0.0.1", String(stage.port), "--root", stage.serverFiles, "--json"],
  ], { env: { ...stage.homeOf("other"), FERRY_CODE: CODE } });
  await next.event("listening");
  await Deno.writeTextFile(cookie, stale, { mode: 0o600 });
  const refused = await stage.run(["list"]);
  assertEquals(refused.code, 4);
  assertStringIncludes(refused.stderr, "wants an access code");
  const right = await runAs(stage, { env: stage.home }, ["list"], { code: CODE });
  assertEquals(right.code, 0, right.stderr);
});

Deno.test("access: where no cookie can be kept, this machine may read and write, and nobody is the owner", async () => {
  await using stage = await Stage.set();
  await stage.write(stage.clientFiles, "b.txt", "b");
  const blocked = join(stage.folder, "file");
  await Deno.writeTextFile(blocked, "");
  const env = { XDG_CONFIG_HOME: join(blocked, "c"), XDG_RUNTIME_DIR: join(blocked, "r") };
  const server = stage.start("server.ts", [
    ...["127.0.0.1", "0", "--root", stage.serverFiles, "--json"],
  ], { env });
  stage.port = Number((await server.event("listening")).port);
  await server.errorLine(/^Warning: no place for a cookie/);
  await server.errorLine(/^Warning: The key of this server is for this start only/);
  for (const person of [{ env }, { env: stage.homeOf("other") }]) {
    assertEquals((await runAs(stage, person, ["put", "b.txt"])).code, 0);
    const exit = await runAs(stage, person, ["exit"]);
    assertStringIncludes(exit.stderr, "only its owner may stop it");
  }
});

Deno.test("access: the smallest permissions that the documentation names are enough for both sides", async () => {
  await using stage = await Stage.set();
  await stage.write(stage.serverFiles, "a.txt", "a");
  const flags = (person: string, folder: string): string[] => {
    const home = stage.homeOf(person);
    const own = [home["XDG_CONFIG_HOME"]!, home["XDG_RUNTIME_DIR"]!].map((path) =>
      join(path, "ferry")
    );
    const paths = [folder, ...own].join(",");
    return [
      "--no-prompt",
      "--allow-net",
      `--allow-read=${paths}`,
      `--allow-write=${paths}`,
      "--allow-env=HOME,XDG_CONFIG_HOME,XDG_RUNTIME_DIR,FERRY_CODE,NO_COLOR",
    ];
  };
  const server = stage.start("server.ts", [
    ...["127.0.0.1", "0", "--root", stage.serverFiles, "--json"],
  ], { env: { FERRY_CODE: CODE }, denoArgs: flags("owner", stage.serverFiles) });
  stage.port = Number((await server.event("listening")).port);

  const owner = { env: stage.home, denoArgs: flags("owner", stage.clientFiles) };
  const guest = { env: stage.homeOf("guest"), denoArgs: flags("guest", stage.clientFiles) };
  assertEquals((await runAs(stage, guest, ["list"])).code, 4);
  const got = await runAs(stage, guest, ["get", "a.txt"], { code: CODE });
  assertEquals(got.code, 0, got.stderr);
  assertEquals((await runAs(stage, guest, ["put", "a.txt", "-o", "b.txt"])).code, 0);
  const exit = await runAs(stage, owner, ["exit"]);
  assertMatch(exit.stderr, /^The server stops too\.$/m);
  assertEquals(await server.ended(), 0);
  assertEquals(server.stderr, "");
});

Deno.test("access: a code that cannot be one is said so before anything is sent", async () => {
  await using stage = await Stage.set();
  const file = join(stage.folder, "short");
  await Deno.writeTextFile(file, "abc\n");
  for (const script of ["server.ts", "client.ts"]) {
    const program = stage.start(script, ["127.0.0.1", "1", "--code-file", file]);
    await program.endInput();
    assertEquals([script, await program.ended()], [script, 2]);
    assertStringIncludes(program.stderr, "at least 8 letters and digits");
  }
});

async function codeFile(stage: Stage): Promise<string> {
  const path = join(stage.folder, "code");
  await Deno.writeTextFile(path, `${CODE}\n`);
  return path;
}
