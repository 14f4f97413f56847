import { assert, assertEquals, assertRejects } from "@std/assert";
import { formatRemotePath, type NewFolder } from "../../lib/files/mod.ts";
import { makeDirectories, serverOperations, walkTree } from "../../lib/operations/mod.ts";
import { RemoteError } from "../../lib/request/mod.ts";
import { path, type Service, withService } from "./service.ts";

function folder(text: string): NewFolder {
  return { path: path(text), mode: 0o755 };
}

async function foldersBelow(service: Service): Promise<string[]> {
  const pages = await Array.fromAsync(walkTree(service.caller, path("/")));
  return pages.flatMap(({ entries }) =>
    entries.filter(({ status }) => status.kind === "directory")
      .map((entry) => formatRemotePath(entry.path))
  );
}

Deno.test("makeDirectories() makes all, those above too, and takes what exists", async () => {
  await withService({}, async (service) => {
    await makeDirectories(service.caller, ["a", "a/b", "c/d/e"].map(folder));
    await makeDirectories(service.caller, ["a/b", "a/b/c", "/"].map(folder));
    await makeDirectories(service.caller, []);
    const made = ["/a", "/a/b", "/a/b/c", "/c", "/c/d", "/c/d/e"];
    assertEquals((await foldersBelow(service)).slice(1), made);
  });
});

Deno.test("makeDirectories() makes more folders than fit one message, in few requests", async () => {
  await withService({}, async (service) => {
    const names = Array.from({ length: 3000 }, (_, index) => `/top/folder ${index + 10_000} é`);
    await makeDirectories(service.caller, names.map(folder));
    assertEquals((await foldersBelow(service)).slice(1), ["/top", ...names]);
    const requests = service.events.filter((event) =>
      event.kind === "request" && event.name === "mkdir-many"
    );
    assert(requests.length > 1 && requests.length < 20, `${requests.length} requests`);
  });
});

Deno.test("makeDirectories() names the topmost folder that cannot be made", async () => {
  await withService({}, async (service) => {
    await service.server.write("a", new Uint8Array(1));
    const error = await assertRejects(
      () => makeDirectories(service.caller, ["x", "a", "a/b", "a/b/c"].map(folder)),
      RemoteError,
    );
    assertEquals([error.status, error.path], ["not-a-directory", "/a"]);
  });
});

Deno.test("makeDirectories() is refused to who may only read", async () => {
  await withService({ role: "read-only" }, async (service) => {
    const error = await assertRejects(
      () => makeDirectories(service.caller, [folder("a")]),
      RemoteError,
    );
    assertEquals(error.status, "refused");
  });
});

Deno.test("makeDirectories() gives each folder the mode of its source, tightened, and its owner everything", async () => {
  await withService({}, async (service) => {
    const modes = { a: 0o700, "a/b": 0o555, "a/b/c": 0o777, "a/d": 0o050, "x/y": 0o750 };
    const folders = Object.entries(modes).map(([name, mode]) => ({ path: path(name), mode }));
    // Whoever comes first makes those above.
    for (const order of [folders, folders.toReversed()]) {
      await makeDirectories(service.caller, order);
      const found = Object.keys(modes).map((name) =>
        service.server.disk.statusOf(`/server/${name}`)
      );
      assertEquals(found.map((status) => status?.mode), [0o700, 0o755, 0o755, 0o750, 0o750]);
      await service.server.root.removeTree(path("a"));
      await service.server.root.removeTree(path("x"));
    }
    await service.server.root.makeDirectory(path("a"), { parents: false });
    await makeDirectories(service.caller, folders);
    assertEquals(service.server.disk.statusOf("/server/a")?.mode, 0o755);
  });
});

Deno.test("makeDirectories() never loosens a folder, however many requests the others take", async () => {
  await withService({}, async (service) => {
    const below = Array.from({ length: 600 }, (_, index) => `top/middle/f${index}`);
    const folders = ["top", "top/middle", ...below].map((name) => ({
      path: path(name),
      mode: 0o700,
    }));
    await makeDirectories(service.caller, folders);
    const requests = service.events.filter(({ kind }) => kind === "request");
    assert(requests.length > 1);
    for (const { path } of folders) {
      const found = service.server.disk.statusOf(`/server${formatRemotePath(path)}`);
      assertEquals(found?.mode, 0o700, formatRemotePath(path));
    }
  });
});

Deno.test("makeDirectories() does without modes at a server that does not know them", async () => {
  const operations = serverOperations.filter(({ name }) => name !== "mkdir-many");
  await withService({ operations }, async (service) => {
    await makeDirectories(service.caller, ["a", "a/b"].map(folder));
    assertEquals((await foldersBelow(service)).slice(1), ["/a", "/a/b"]);
  });
});
