import { assert, assertEquals, assertRejects } from "@std/assert";
import { formatRemotePath } from "../../lib/files/mod.ts";
import {
  listDirectory,
  makeDirectory,
  removeDirectory,
  removePath,
  renamePath,
  walkTree,
} from "../../lib/operations/mod.ts";
import { RemoteError } from "../../lib/request/mod.ts";
import { path, sampleBytes, type Service, withService } from "./service.ts";

async function refusal(asked: Promise<unknown>): Promise<[string, string]> {
  const { status, path } = await assertRejects(() => asked, RemoteError);
  return [status, path];
}

/** Makes `x/`, `x/b.txt`, `x/y/`, `x/y/c.txt` and `a.txt` on the server. */
async function plant(service: Service): Promise<void> {
  for (const name of ["a.txt", "x/b.txt", "x/y/c.txt"]) {
    await service.server.write(name, sampleBytes(name.length));
  }
}

async function namesBelow(service: Service): Promise<string[]> {
  const pages = await Array.fromAsync(walkTree(service.caller, path("/")));
  return pages.flatMap(({ entries }) => entries.map((entry) => formatRemotePath(entry.path)));
}

Deno.test("listDirectory() gives folders first, with kind, size, time and mode", async () => {
  await withService({}, async (service) => {
    await plant(service);
    const pages = await Array.fromAsync(listDirectory(service.caller, path("/")));
    assertEquals(pages, [[
      { name: "x", readable: true, ...await service.server.root.status(path("x")) },
      { name: "a.txt", readable: true, ...await service.server.root.status(path("a.txt")) },
    ]]);
    assertEquals(pages[0]!.map(({ kind, sizeBytes }) => [kind, sizeBytes]), [
      ["directory", 0],
      ["file", 5],
    ]);
  });
});

Deno.test("listDirectory() comes in pages, and complete", async () => {
  await withService({}, async (service) => {
    const names = Array.from({ length: 3000 }, (_, index) => `file ${index + 10_000} é.txt`);
    for (const name of names) await service.server.write(name, new Uint8Array());
    const pages = await Array.fromAsync(listDirectory(service.caller, path("/")));
    assert(pages.length > 5, `${pages.length} pages`);
    assertEquals(pages.flat().map(({ name }) => name), names);
  });
});

Deno.test("listDirectory() says what is no folder and what is not there", async () => {
  await withService({}, async (service) => {
    await plant(service);
    const list = (text: string) =>
      refusal(Array.fromAsync(listDirectory(service.caller, path(text))));
    assertEquals(await list("a.txt"), ["not-a-directory", "/a.txt"]);
    assertEquals(await list("x/none"), ["not-found", "/x/none"]);
    assertEquals(service.events.at(-1), {
      kind: "failure",
      name: "list",
      path: "/x/none",
      reason: "not-found",
    });
  });
});

Deno.test("walkTree() gives everything below a path, folders before their contents", async () => {
  await withService({}, async (service) => {
    await plant(service);
    assertEquals(await namesBelow(service), [
      "/",
      "/x",
      "/x/y",
      "/x/y/c.txt",
      "/x/b.txt",
      "/a.txt",
    ]);
    const [page] = await Array.fromAsync(walkTree(service.caller, path("x/b.txt")));
    assertEquals(page!.entries.map(({ status }) => status.sizeBytes), [7]);
    assertEquals(page!.skipped, []);
  });
});

Deno.test("walkTree() names what it could not visit and goes on", async () => {
  await withService({}, async (service) => {
    await plant(service);
    await service.server.write("bad:name", sampleBytes(3));
    const pages = await Array.fromAsync(walkTree(service.caller, path("/")));
    assertEquals(pages.flatMap(({ skipped }) => skipped.map(({ reason }) => reason)), [
      "invalid-name",
    ]);
    assertEquals(pages.flatMap(({ entries }) => entries).length, 6);
  });
});

Deno.test("makeDirectory() makes one folder, or the whole path", async () => {
  await withService({}, async (service) => {
    const { caller } = service;
    await makeDirectory(caller, path("a"), { parents: false });
    assertEquals(await refusal(makeDirectory(caller, path("a"), { parents: false })), [
      "exists",
      "/a",
    ]);
    assertEquals(await refusal(makeDirectory(caller, path("b/c"), { parents: false })), [
      "not-found",
      "/b/c",
    ]);
    await makeDirectory(caller, path("a/b/c"), { parents: true });
    assertEquals(await namesBelow(service), ["/", "/a", "/a/b", "/a/b/c"]);
  });
});

Deno.test("removeDirectory() removes an empty folder and nothing else", async () => {
  await withService({}, async (service) => {
    await plant(service);
    const remove = (text: string) => removeDirectory(service.caller, path(text));
    assertEquals(await refusal(remove("x")), ["not-empty", "/x"]);
    assertEquals(await refusal(remove("a.txt")), ["not-a-directory", "/a.txt"]);
    await makeDirectory(service.caller, path("e"), { parents: false });
    await remove("e");
    assertEquals(await service.server.names(), ["x", "a.txt"]);
  });
});

Deno.test("removePath() removes a file, a folder only when asked, and never the served folder", async () => {
  await withService({}, async (service) => {
    await plant(service);
    const remove = (text: string, recursive: boolean) =>
      removePath(service.caller, path(text), { recursive });
    const [plain, recursive] = [false, true];
    assertEquals(await remove("a.txt", plain), { removed: 1 });
    assertEquals(await refusal(remove("a.txt", plain)), ["not-found", "/a.txt"]);
    assertEquals(await refusal(remove("x", plain)), ["is-a-directory", "/x"]);
    await assertRejects(() => remove("/", recursive), RemoteError);
    assertEquals(await remove("x", recursive), { removed: 4 });
    assertEquals(await namesBelow(service), ["/"]);
  });
});

Deno.test("renamePath() moves, and replaces only when asked", async () => {
  await withService({}, async (service) => {
    await plant(service);
    const rename = (from: string, to: string, replace: boolean) =>
      renamePath(service.caller, path(from), path(to), { replace });
    const [plain, replacing] = [false, true];
    await rename("a.txt", "x/d.txt", plain);
    assertEquals(await service.server.read("x/d.txt"), sampleBytes(5));
    assertEquals((await refusal(rename("x/d.txt", "x/b.txt", plain)))[0], "exists");
    await rename("x/d.txt", "x/b.txt", replacing);
    assertEquals(await service.server.read("x/b.txt"), sampleBytes(5));
    assertEquals(await refusal(rename("none", "other", plain)), ["not-found", "/none"]);
    await rename("x", "z", plain);
    assertEquals(await namesBelow(service), ["/", "/z", "/z/y", "/z/y/c.txt", "/z/b.txt"]);
  });
});

Deno.test("a server that is read-only, and a client that is, change nothing", async () => {
  for (
    const [options, expected] of [
      [{ readOnly: true }, "read-only-server"],
      [{ role: "read-only" }, "refused"],
    ] as const
  ) {
    await withService(options, async (service) => {
      await plant(service);
      const before = await namesBelow(service);
      const { caller } = service;
      for (
        const change of [
          makeDirectory(caller, path("n"), { parents: true }),
          removeDirectory(caller, path("x")),
          removePath(caller, path("x"), { recursive: true }),
          renamePath(caller, path("a.txt"), path("b"), { replace: true }),
        ]
      ) assertEquals((await refusal(change))[0], expected);
      assertEquals(await namesBelow(service), before);
    });
  }
});
