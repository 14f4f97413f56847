import { assert, assertEquals, assertRejects } from "@std/assert";
import { formatRemotePath } from "../../lib/files/mod.ts";
import { makeDirectories, walkTree } from "../../lib/operations/mod.ts";
import { RemoteError } from "../../lib/request/mod.ts";
import { path, type Service, withService } from "./service.ts";

async function foldersBelow(service: Service): Promise<string[]> {
  const pages = await Array.fromAsync(walkTree(service.caller, path("/")));
  return pages.flatMap(({ entries }) =>
    entries.filter(({ status }) => status.kind === "directory")
      .map((entry) => formatRemotePath(entry.path))
  );
}

Deno.test("makeDirectories() makes all, those above too, and takes what exists", async () => {
  await withService({}, async (service) => {
    await makeDirectories(service.caller, ["a", "a/b", "c/d/e"].map(path));
    await makeDirectories(service.caller, ["a/b", "a/b/c", "/"].map(path));
    await makeDirectories(service.caller, []);
    const made = ["/a", "/a/b", "/a/b/c", "/c", "/c/d", "/c/d/e"];
    assertEquals((await foldersBelow(service)).slice(1), made);
  });
});

Deno.test("makeDirectories() makes more folders than fit one message, in few requests", async () => {
  await withService({}, async (service) => {
    const names = Array.from({ length: 3000 }, (_, index) => `/top/folder ${index + 10_000} é`);
    await makeDirectories(service.caller, names.map(path));
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
      () => makeDirectories(service.caller, ["x", "a", "a/b", "a/b/c"].map(path)),
      RemoteError,
    );
    assertEquals([error.status, error.path], ["not-a-directory", "/a"]);
  });
});

Deno.test("makeDirectories() is refused to who may only read", async () => {
  await withService({ role: "read-only" }, async (service) => {
    const error = await assertRejects(
      () => makeDirectories(service.caller, [path("a")]),
      RemoteError,
    );
    assertEquals(error.status, "refused");
  });
});
