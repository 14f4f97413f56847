import { assertEquals, assertRejects } from "@std/assert";
import {
  makeDirectory,
  removeDirectory,
  removePath,
  renamePath,
} from "../../lib/operations/mod.ts";
import { RemoteError } from "../../lib/request/mod.ts";
import { namesBelow, plant, refusal } from "./planted_tree.ts";
import { path, sampleBytes, withService } from "./service.ts";

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
