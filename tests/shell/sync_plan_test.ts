import { assert, assertEquals } from "@std/assert";
import type { FileStatus } from "../../lib/files/mod.ts";
import { isSameMoment, planSync, type Tree } from "../../lib/shell/sync_plan.ts";

/** `a/` is a folder, `a@` a link, `a:3` a file of three bytes, `a:3:7` one last changed at 7 ms. */
function tree(...entries: string[]): Tree {
  return new Map(entries.map((entry): [string, FileStatus] => {
    const [name = "", size = "0", moment = "0"] = entry.split(":");
    const kind = name.endsWith("/") ? "directory" : name.endsWith("@") ? "other" : "file";
    const status = {
      kind,
      sizeBytes: Number(size),
      modifiedMs: Number(moment),
      mode: 0o644,
    } as const;
    return [name.replace(/[/@]$/, ""), status];
  }));
}

const compare = (source: Tree, target: Tree) => planSync(source, target, isSameMoment);

Deno.test("planSync() sends what is missing or differs in size or time, and nothing else", async () => {
  const plan = await compare(
    tree("d/", "d/same:5:1", "d/longer:6:1", "d/later:5:2", "new:1:1", "empty/"),
    tree("d/", "d/same:5:1", "d/longer:5:1", "d/later:5:1"),
  );
  assertEquals(plan.files, [
    { path: "d/longer", sizeBytes: 6, kind: "changed" },
    { path: "d/later", sizeBytes: 5, kind: "changed" },
    { path: "new", sizeBytes: 1, kind: "new" },
  ]);
  assertEquals(plan.folders.map(({ path }) => path), ["empty"]);
  assertEquals([plan.sameCount, plan.extras, plan.obstacles], [1, [], []]);
});

Deno.test("isSameMoment() forgives what a coarse disk loses, and nothing else", () => {
  const isSame = (sourceMs: number, targetMs: number) => {
    const [source, target] = [sourceMs, targetMs].map((ms) => tree(`a:1:${ms}`).get("a")!);
    return isSameMoment("a", source!, target!);
  };
  for (const kept of [5_123_456, 5_123_450, 5_123_000, 5_122_000]) {
    assert(isSame(5_123_456, kept), `${kept}`);
  }
  for (const other of [5_123_457, 5_123_455, 5_123_460, 5_124_000, 5_121_000, 0]) {
    assert(!isSame(5_123_456, other), `${other}`);
  }
  // Changed a second later, on a disk that keeps milliseconds.
  assert(!isSame(5_123_000, 5_122_000));
});

Deno.test("planSync() names the top of what the source does not have", async () => {
  const plan = await compare(
    tree("d/", "d/a:1"),
    tree("d/", "d/a:1", "d/b:1", "old/", "old/x:1", "old/y/", "old/y/z:1", "oldest:1", "link@"),
  );
  assertEquals(plan.extras, ["d/b", "old", "oldest", "link"]);
});

Deno.test("planSync() finds what stands in the way, once", async () => {
  const plan = await compare(
    tree("file:1", "folder/", "folder/in:1"),
    tree("file/", "file/in:1", "folder:1"),
  );
  assertEquals(plan.obstacles, ["file", "folder"]);
  assertEquals(plan.folders.map(({ path }) => path), ["folder"]);
  assertEquals(plan.files.map(({ path }) => path), ["file", "folder/in"]);
  assertEquals(plan.extras, [], "what lies in an obstacle goes with it");
});

Deno.test("planSync() asks about files of equal size only, and believes the answer", async () => {
  const asked: string[] = [];
  const plan = await planSync(
    tree("a:1:1", "b:2:1", "c:3:1"),
    tree("a:1:9", "b:2:9", "c:4:9"),
    (path) => {
      asked.push(path);
      return path === "a";
    },
  );
  assertEquals(asked, ["a", "b"]);
  assertEquals(plan.files.map(({ path }) => path), ["b", "c"]);
});

Deno.test("planSync() reports what cannot be sent", async () => {
  const plan = await compare(tree("link@", "a:1"), tree());
  assertEquals([plan.others, plan.files.length], [["link"], 1]);
});
