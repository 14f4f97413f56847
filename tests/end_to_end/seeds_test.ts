/**
 * The five descriptions that Ferry was asked to fulfil, each played from its first to its last line by real
 * programs: what it shows working, and what it says of errors.
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { patternBytes, read, sha256, Stage } from "./support.ts";

const LARGE_BYTES = 60_000_000;

Deno.test("000: list on both sides, get and put with size and success told on both screens, close", async () => {
  await using stage = await Stage.set();
  const lesson = patternBytes(20_000, 3);
  await stage.write(stage.serverFiles, "ders.pdf", lesson);
  await stage.write(stage.clientFiles, "odev.txt", "bitti\n");
  const server = await stage.startTextServer();

  const client = stage.startClient(["--verbose"]);
  await client.type("LIST SERVER");
  await client.outLine(/^ders\.pdf\s+20000\s/);
  await client.type("LIST CLIENT");
  await client.outLine(/^odev\.txt\s+6\s/);

  await client.type("GET ders.pdf");
  await client.errorLine(/^ders\.pdf: 20000 bytes$/);
  await client.outLine(/^ders\.pdf: 20000 bytes in \d+\.\d+ s \(.+\/s\), verified$/);
  await server.outLine(/ders\.pdf: 20000 bytes in \d+\.\d+ s \(.+\/s\), verified$/);
  assertEquals(await read(stage.clientFiles, "ders.pdf"), lesson);

  await client.type("PUT odev.txt");
  await client.outLine(/^odev\.txt: 6 bytes in .*, verified$/);
  await server.outLine(/odev\.txt: 6 bytes in .*, verified$/);
  assertEquals(new TextDecoder().decode(await read(stage.serverFiles, "odev.txt")), "bitti\n");

  // The name and its extension must match; both screens say so when they do not.
  await client.type("-GET ders.txt");
  await client.errorLine(/^No such file on the server: ders\.txt$/);
  await server.outLine(/get \/ders\.txt: no such file$/);

  await client.type("CLOSE");
  await client.errorLine(/^Connection closed\.$/);
  await server.outLine(/gone: /);
  await client.type("-LIST SERVER");
  await client.errorLine(/^Not connected\. `open` connects again$/);
  await client.endInput();
  assertEquals(await client.ended(), 0);
});

Deno.test("001: port alone, 60 MB each way, rename, errors that come back to the menu, exit stops the server", async () => {
  await using stage = await Stage.set();
  const large = patternBytes(LARGE_BYTES, 5);
  const largeHash = await sha256(large);
  await stage.write(stage.serverFiles, "large.bin", large);
  await stage.write(stage.clientFiles, "upload.bin", large);
  const server = stage.start("server.ts", ["0", "--root", stage.serverFiles, "--json"]);
  const listening = await server.event("listening");
  assertEquals(listening.host, "0.0.0.0");
  stage.port = Number(listening.port);

  const client = stage.start("client.ts", [
    ...[String(stage.port), "--dir", stage.clientFiles, "--json"],
  ]);
  await client.event("connected");
  await client.type("list");
  assertEquals((await client.event("entry")).name, "large.bin");
  await client.type("get large.bin");
  const got = await client.event("transfer");
  assertEquals([got.bytes, got.sha256, got.ok], [LARGE_BYTES, largeHash, true]);
  assertEquals(await sha256(await read(stage.clientFiles, "large.bin")), largeHash);
  await client.type("put upload.bin");
  const put = await client.event("transfer");
  assertEquals([put.bytes, put.sha256, put.ok], [LARGE_BYTES, largeHash, true]);
  assertEquals(await sha256(await read(stage.serverFiles, "upload.bin")), largeHash);
  await client.type("rename upload.bin renamed.bin");
  await client.type("stat renamed.bin");
  assertEquals((await client.event("result")).bytes, LARGE_BYTES);

  // Errors are told, and the menu goes on (here the leading dash keeps the script going).
  await client.type("-get absent.bin");
  assertEquals((await client.event("error")).message, "No such file on the server: absent.bin");
  await client.type("-put absent.bin");
  assertEquals((await client.event("error")).message, "No such file here: absent.bin");
  await client.type("-frobnicate");
  const unknown = await client.event("error");
  assertStringIncludes(String(unknown.message), "Unknown command: frobnicate.");
  await client.errorLine(/^Commands: .*list.*get.*put/);

  await client.type("exit");
  assertEquals(await client.ended(), 0);
  assertEquals(await server.ended(), 0);
});

Deno.test("001: Ctrl-C leaves the client and keeps the part; a server that has gone ends it with an error", async () => {
  await using stage = await Stage.set();
  const large = patternBytes(LARGE_BYTES, 6);
  await stage.write(stage.serverFiles, "large.bin", large);
  const slow = await stage.startServer(["--max-rate", "8MB"]);

  const interrupted = stage.startClient(["--json", "get", "large.bin"]);
  await interrupted.event("progress");
  await interrupted.event("progress");
  interrupted.signal("SIGINT");
  assertEquals(await interrupted.ended(), 130);
  assertEquals(interrupted.events("end").at(-1)?.exitCode, 130);
  await Array.fromAsync(Deno.readDir(stage.clientFiles)).then((entries) =>
    assert(entries.every(({ name }) => name !== "large.bin"), "an unfinished file has no name")
  );

  const waiting = stage.startClient(["--timeout", "2", "--json"]);
  await waiting.event("connected");
  slow.signal("SIGKILL");
  await slow.ended();
  await waiting.type("list");
  const lost = await waiting.event("error");
  assertEquals(lost.code, "connection-lost");
  assertEquals(await waiting.ended(), 6);

  // A new server takes over; the transfer goes on where it was.
  await stage.startServer();
  const again = await stage.run(["get", "large.bin"], ["--json"]);
  assertEquals(again.code, 0);
  const [transfer] = again.client.events("transfer");
  assert(Number(transfer?.resumedFrom) > 0, "the part was used");
  assertEquals(await read(stage.clientFiles, "large.bin"), large);
});

Deno.test("002: CON, UPLD, DWLD, LIST with folders, CD and CD.., each request on the server's screen", async () => {
  await using stage = await Stage.set();
  await stage.write(stage.serverFiles, "Arquivos/arquivo.txt", "conteúdo\n");
  await stage.write(stage.serverFiles, "Vazia/x.txt", "x");
  await stage.write(stage.clientFiles, "meu arquivo.txt", "para cima\n");
  const server = await stage.startTextServer();
  assertMatch(server.stdout, /^Ferry \d+\.\d+\.\d+\n/);
  await server.outLine(/^Folder .*: 2 files, /);
  await server.outLine(/^Key SHA256:/);
  await server.outLine(/client\.ts 127\.0\.0\.1 \d+/);

  const client = stage.startClient(["--verbose"]);
  await client.errorLine(/^Connected to 127\.0\.0\.1 port \d+, key SHA256:/);
  await server.outLine(/connected$/);
  await client.type("CLOSE");
  await server.outLine(/gone: /);
  await client.type("CON");
  await client.errorLine(/^Connected to /);
  await server.outLine(/connected$/);

  await client.type("LIST");
  await client.outLine(/^Arquivos\/\s+-\s/);
  await client.outLine(/^Vazia\/\s+-\s/);
  await server.outLine(/list \/$/);
  await client.type("CD Arquivos");
  await client.errorLine(/^Folder on the server: \/Arquivos$/);
  await client.type('UPLD "meu arquivo.txt"');
  await client.outLine(/^meu arquivo\.txt: 10 bytes in .*, verified$/);
  await server.outLine(/put \/Arquivos\/meu arquivo\.txt$/);
  await client.type("DWLD arquivo.txt");
  await client.outLine(/^arquivo\.txt: 10 bytes in .*, verified$/);
  await client.type("CD ..");
  await client.errorLine(/^Folder on the server: \/$/);
  await client.type("cd Arquivos");
  await client.type("CD..");
  await client.type("pwd");
  await client.outLine(/^\/$/);
  await client.type("-CD ../fora");
  await client.errorLine(/^Outside the served folder: \.\.\/fora$/);
  await client.type("-CD nenhuma");
  await client.errorLine(/^No such folder on the server: nenhuma$/);
  await client.type("quit");
  assertEquals(await client.ended(), 0);
  const received = await read(stage.serverFiles, "Arquivos/meu arquivo.txt");
  assertEquals(new TextDecoder().decode(received), "para cima\n");
});

Deno.test("003: host name, ls, download and upload with counts, missing files on both sides, exit with others connected", async () => {
  await using stage = await Stage.set();
  await stage.write(stage.serverFiles, "a.txt", patternBytes(3552, 7));
  await stage.write(stage.serverFiles, "server.txt", "s");
  await stage.write(stage.clientFiles, "foo_new.png", patternBytes(271_296, 8));
  const server = await stage.startTextServer();
  const other = stage.startClient(["--verbose"]);
  await other.errorLine(/^Connected/);

  const client = stage.start("client.ts", [
    ...["localhost", String(stage.port), "--dir", stage.clientFiles, "--verbose"],
  ]);
  await client.errorLine(/^Connected to localhost port/);
  await client.type("ls");
  await client.outLine(/^a\.txt\s+3552\s/);
  await client.type("-download b.txt");
  await client.errorLine(/^No such file on the server: b\.txt$/);
  await client.type("download a.txt");
  await client.errorLine(/^a\.txt: 3552 bytes$/);
  await client.errorLine(/^Total received: \d+ \/ 3552$/);
  await client.errorLine(/^Total received: 3552 \/ 3552$/);
  await client.outLine(/^a\.txt: 3552 bytes in .*, verified$/);
  await client.type("-upload c.txt");
  await client.errorLine(/^No such file here: c\.txt$/);
  await client.type("upload foo_new.png");
  await client.errorLine(/^Sent: 271296 \/ 271296$/);
  await client.outLine(/^foo_new\.png: 271296 bytes in .*, verified$/);
  await server.outLine(/received foo_new\.png: 271296 bytes in .*, verified$/);
  await client.type("ls");
  await client.outLine(/^foo_new\.png\s+271296\s/);
  await client.type("exit");
  await client.errorLine(/^The server keeps running: another client is connected\.$/);
  assertEquals(await client.ended(), 0);
  assertEquals(await read(stage.serverFiles, "foo_new.png"), patternBytes(271_296, 8));

  await other.type("ls");
  await other.outLine(/^foo_new\.png/);
  await other.type("bye");
  assertEquals(await other.ended(), 0);
});

Deno.test("004: address, port and debug in order; put, get, change, help, bye; sessions after and beside each other", async () => {
  await using stage = await Stage.set();
  await stage.write(stage.serverFiles, "server_file.txt", "from the server");
  await stage.write(stage.clientFiles, "client_file.txt", "from the client");
  const server = stage.start("server.ts", ["127.0.0.1", "0", "1", "--root", stage.serverFiles]);
  stage.port = Number(/port (\d+)/.exec(await server.outLine(/^Listening on 127\.0\.0\.1/))![1]);

  const session = [String(stage.port), "--dir", stage.clientFiles];
  const first = stage.start("client.ts", ["127.0.0.1", session[0]!, "1", ...session.slice(1)]);
  await first.errorLine(/^Connected/);
  await first.errorLine(/^Round trip /);
  await first.type("put client_file.txt");
  await first.outLine(/^client_file\.txt: 15 bytes .*verified$/);
  await first.type("get server_file.txt");
  await first.outLine(/^server_file\.txt: 15 bytes .*verified$/);
  await first.type("change server_file.txt new_server_file.txt");
  await first.errorLine(/^Renamed server_file\.txt to new_server_file\.txt$/);
  await first.type("help");
  for (const word of ["list", "get", "put", "rename", "help", "bye"]) {
    await first.outLine(new RegExp(`^${word}\\b`));
  }

  // A second client at the same time sees what the first did.
  const second = stage.start("client.ts", ["127.0.0.1", session[0]!, "0", ...session.slice(1)]);
  await second.type("list");
  await second.outLine(/^new_server_file\.txt/);
  await first.type("bye");
  assertEquals(await first.ended(), 0);
  await second.type("bye");
  assertEquals(await second.ended(), 0);

  const third = await stage.script(["list", "bye"]);
  assertEquals(third.code, 0);
  assertStringIncludes(third.stdout, "client_file.txt");
  server.signal("SIGTERM");
  assertEquals(await server.ended(), 0);
});
