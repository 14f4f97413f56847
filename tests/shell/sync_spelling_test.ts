import { assertEquals } from "@std/assert";
import type { FileStatus } from "../../lib/files/mod.ts";
import type { Tree } from "../../lib/shell/sync_plan.ts";
import { settleSpelling } from "../../lib/shell/sync_spelling.ts";

/** Folders end with a slash. */
function tree(...paths: string[]): Tree {
  return new Map(paths.map((path): [string, FileStatus] => {
    const kind = path.endsWith("/") ? "directory" : "file";
    return [path.replace(/\/$/, ""), { kind, sizeBytes: 1, modifiedMs: 1, mode: 0o644 }];
  }));
}

/** What comes out, and what was asked for. */
async function settle(source: Tree, target: Tree, has: (path: string) => boolean) {
  const asked: string[] = [];
  const settled = await settleSpelling(source, target, (path) => {
    asked.push(path);
    return Promise.resolve(has(path));
  });
  return {
    source: [...settled.source.keys()],
    target: [...settled.target.keys()],
    leftOut: settled.leftOut.map(({ path, first }) => `${first} ${path}`),
    asked,
  };
}

Deno.test("settleSpelling() asks nothing where no two names are nearly the same", async () => {
  const settled = await settle(tree("a", "d/", "d/A"), tree("b", "d/", "d/b"), () => true);
  assertEquals(settled.asked, []);
  assertEquals(settled.source, ["a", "d", "d/A"]);
  assertEquals(settled.target, ["b", "d", "d/b"]);
});

Deno.test("settleSpelling() respells what the target's disk takes for the same, with all that is in it", async () => {
  const settled = await settle(
    tree("docs/", "docs/b", "docs/sub/", "docs/sub/c"),
    tree("Docs/", "Docs/B", "Docs/SUB/", "Docs/SUB/c", "Docs2"),
    () => true,
  );
  assertEquals(settled.target, ["docs", "docs/b", "docs/sub", "docs/sub/c", "Docs2"]);
  assertEquals(settled.source, ["docs", "docs/b", "docs/sub", "docs/sub/c"]);
  assertEquals(settled.leftOut, []);
});

Deno.test("settleSpelling() leaves names alone that the target's disk tells apart", async () => {
  const settled = await settle(tree("A", "a"), tree("A", "â", "Â"), () => false);
  assertEquals(settled.asked, ["a"]);
  assertEquals(settled.target, ["A", "â", "Â"]);
  assertEquals(settled.source, ["A", "a"]);
});

Deno.test("settleSpelling() leaves out what would be the same as another thing of the source", async () => {
  const settled = await settle(
    tree("Docs/", "Docs/a", "docs/", "docs/a", "X", "x"),
    tree("Docs/", "Docs/a", "x"),
    () => true,
  );
  assertEquals(settled.leftOut, ["Docs docs", "x X"]);
  assertEquals(settled.source, ["Docs", "Docs/a", "x"]);
});

Deno.test("settleSpelling() gives a name that is spelled otherwise to the first of several", async () => {
  const settled = await settle(tree("README", "Readme"), tree("readme"), () => true);
  assertEquals(settled.target, ["README"]);
  assertEquals(settled.leftOut, ["README Readme"]);
});
