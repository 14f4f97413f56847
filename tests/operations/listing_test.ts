import { assert, assertEquals } from "@std/assert";
import { listDirectory, walkTree } from "../../lib/operations/mod.ts";
import { namesBelow, plant, refusal } from "./planted_tree.ts";
import { path, sampleBytes, withService } from "./service.ts";

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
