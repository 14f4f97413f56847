/** `known_servers` and `authorized_clients`: the keys that each side keeps of the other. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  AuthorizedClients,
  KnownServers,
  PrivateFolder,
  serverNameText,
} from "../../lib/access/mod.ts";
import { folderOptions, withPrivateFolder, withTemporary } from "./support.ts";

const KEY = new Uint8Array(32).fill(7);
const OTHER_KEY = new Uint8Array(32).fill(9);

Deno.test("KnownServers.standing() tells known, unknown and changed keys apart", async () => {
  await withPrivateFolder(async (folder) => {
    const server = { host: "Files.example", port: 5555 };
    const known = new KnownServers(folder);
    assertEquals(await known.standing(server, KEY), { kind: "unknown" });
    assert(await known.remember(server, KEY));
    const later = new KnownServers(folder);
    assertEquals(await later.standing({ host: "files.EXAMPLE", port: 5555 }, KEY), {
      kind: "known",
    });
    assertEquals(await later.standing(server, OTHER_KEY), { kind: "changed", knownKey: KEY });
    assertEquals(await later.standing({ ...server, port: 5556 }, OTHER_KEY), { kind: "unknown" });
    await later.remember(server, OTHER_KEY);
    assertEquals(await known.standing(server, KEY), { kind: "changed", knownKey: OTHER_KEY });
  });
});

Deno.test("KnownServers takes a line that it cannot read for a changed key, never for none", async () => {
  await withPrivateFolder(async (folder) => {
    await Deno.writeTextFile(`${folder.path}/known_servers`, "a:1 nonsense\n# remark\n\nb:2\n");
    const known = new KnownServers(folder);
    assertEquals((await known.standing({ host: "a", port: 1 }, KEY)).kind, "changed");
    assertEquals((await known.standing({ host: "b", port: 2 }, KEY)).kind, "changed");
    await known.remember({ host: "c", port: 3 }, KEY);
    const content = await Deno.readTextFile(known.path!);
    assert(content.startsWith("a:1 nonsense\n# remark\nb:2\nc:3 "));
  });
});

Deno.test("KnownServers of several programs lose none of each other's lines", async () => {
  await withTemporary(async (path) => {
    const remember = async (program: number) => {
      const known = new KnownServers(await PrivateFolder.open(`${path}/ferry`, folderOptions));
      for (let n = 0; n < 10; n++) await known.remember({ host: `${program}-${n}`, port: 1 }, KEY);
    };
    await Promise.all([0, 1, 2, 3].map(remember));
    const names = await Array.fromAsync(Deno.readDir(`${path}/ferry`), ({ name }) => name);
    assertEquals(names, ["known_servers"]);
    const content = await Deno.readTextFile(`${path}/ferry/known_servers`);
    assertEquals(content.trim().split("\n").length, 40);
  });
});

Deno.test("KnownServers says of a file that is none what is wrong with it", async () => {
  await withPrivateFolder(async (folder) => {
    await Deno.mkdir(`${folder.path}/known_servers`);
    const known = new KnownServers(folder);
    await assertRejects(
      () => known.standing({ host: "a", port: 1 }, KEY),
      Error,
      `${folder.path}/known_servers is not a regular file`,
    );
  });
});

Deno.test("KnownServers without a folder remembers until the program ends", async () => {
  const known = new KnownServers(null);
  assert(!await known.remember({ host: "::1", port: 5555 }, KEY));
  assertEquals((await known.standing({ host: "::1", port: 5555 }, KEY)).kind, "known");
  assertEquals(serverNameText({ host: "::1", port: 5555 }), "[::1]:5555");
});

Deno.test("AuthorizedClients gives each key its role, for the folder it was let into", async () => {
  await withPrivateFolder(async (folder) => {
    const clients = new AuthorizedClients(folder, "/srv/my files");
    assertEquals(await clients.roleOf(KEY), null);
    assert(await clients.allow(KEY, "read-write", { remark: "192.0.2.1\nowner", isKept: true }));
    assertEquals(await new AuthorizedClients(folder, "/srv/my files").roleOf(KEY), "read-write");
    assertEquals(await new AuthorizedClients(folder, "/srv/other").roleOf(KEY), null);
    assertEquals(await clients.roleOf(OTHER_KEY), null);
    await clients.allow(KEY, "read-only", { remark: "", isKept: true });
    assertEquals(await clients.roleOf(KEY), "read-only");
    assertEquals((await Deno.readTextFile(clients.path!)).split("\n").length, 2);
  });
});

Deno.test("AuthorizedClients reads lines that people wrote, and allows nothing for wrong ones", async () => {
  await withPrivateFolder(async (folder) => {
    const lines = [
      "# my machines",
      `root ${KEY.toBase64()} *`,
      `owner ${KEY.toBase64()}`,
      `owner ${OTHER_KEY.toBase64()} * laptop`,
      `rw ${KEY.subarray(1).toBase64()} *`,
    ];
    await Deno.writeTextFile(`${folder.path}/authorized_clients`, lines.join("\n"));
    const clients = new AuthorizedClients(folder, "/srv");
    assertEquals(await clients.roleOf(OTHER_KEY), "owner");
    assertEquals(await clients.roleOf(KEY), null);
  });
});

Deno.test("AuthorizedClients loses nobody who pairs at the same time", async () => {
  await withPrivateFolder(async (folder) => {
    const clients = new AuthorizedClients(folder, "/srv");
    const keys = [1, 2, 3, 4, 5].map((value) => new Uint8Array(32).fill(value));
    const options = { remark: "", isKept: true };
    await Promise.all(keys.map((key) => clients.allow(key, "read-write", options)));
    for (const key of keys) assertEquals(await clients.roleOf(key), "read-write");
  });
});

Deno.test("AuthorizedClients keeps no line for a key that will not come back", async () => {
  await withPrivateFolder(async (folder) => {
    const clients = new AuthorizedClients(folder, "/srv");
    assert(!await clients.allow(KEY, "read-write", { remark: "", isKept: false }));
    assertEquals(await clients.roleOf(KEY), "read-write");
    assertEquals(await new AuthorizedClients(folder, "/srv").roleOf(KEY), null);
  });
});
