import { assert, assertEquals, assertRejects } from "@std/assert";
import { expandGlob, parseGlobComponent } from "../../lib/shell/glob.ts";

function fits(pattern: string, name: string): boolean {
  return parseGlobComponent(pattern).matches(name);
}

Deno.test("parseGlobComponent() matches stars, question marks and sets", () => {
  const yes: [string, string][] = [
    ["*", "anything"],
    ["*.txt", "a.txt"],
    ["a*b*c", "a--b--c"],
    ["a*b*c", "abc"],
    ["?", "日"],
    ["?", "😀"],
    ["[a-c]x", "bx"],
    ["[!a-c]x", "dx"],
    ["[]]", "]"],
    ["[a-]", "-"],
    ["x[", "x["],
    ["a\\*b", "a*b"],
    [".*", ".hidden"],
  ];
  for (const [pattern, name] of yes) assert(fits(pattern, name), `${pattern} should fit ${name}`);
  const no: [string, string][] = [
    ["*.txt", "a.txt.bak"],
    ["?", ""],
    ["?", "ab"],
    ["[a-c]x", "dx"],
    ["[!a-c]x", "ax"],
    ["a\\*b", "axb"],
    ["*", ".hidden"],
    ["A", "a"],
  ];
  for (const [pattern, name] of no) assert(!fits(pattern, name), `${pattern} must not fit ${name}`);
});

Deno.test("parseGlobComponent() takes time that grows with pattern times name only", () => {
  const name = "a".repeat(5000);
  assert(!fits(`${"*a".repeat(50)}b`, name));
});

Deno.test("expandGlob() walks the components and keeps the form of the pattern", async () => {
  const folders: Record<string, [string, boolean][]> = {
    "": [["docs", true], ["b.txt", false], ["drafts", true]],
    "docs": [["a.txt", false], ["c.md", false], ["deep", true]],
    "drafts": [["z.txt", false]],
    "/": [["top.txt", false]],
    "../other": [["o.txt", false]],
  };
  const list = (folder: string) =>
    Promise.resolve(
      folders[folder]!.map(([name, isFolder]) => ({ name, isFolder, isUsable: true })),
    );
  const paths = async (pattern: string) =>
    (await expandGlob(pattern, list)).map(({ path }) => path);
  assertEquals(await paths("*.txt"), ["b.txt"]);
  assertEquals(await paths("d*/*.txt"), ["docs/a.txt", "drafts/z.txt"]);
  assertEquals(await paths("docs/*"), ["docs/a.txt", "docs/c.md", "docs/deep"]);
  assertEquals(await paths("/t*"), ["/top.txt"]);
  assertEquals(await paths("../other/*"), ["../other/o.txt"]);
  assertEquals(await paths("*.pdf"), []);
});

Deno.test("expandGlob() tells an unreadable folder that was named, and passes over one that was found", async () => {
  const list = (folder: string) =>
    folder === ""
      ? Promise.resolve([{ name: "closed", isFolder: true, isUsable: true }])
      : Promise.reject(new Error(`closed: ${folder}`));
  await assertRejects(() => expandGlob("closed/*", list), Error, "closed");
  assertEquals(await expandGlob("*/x*", list), []);
});

Deno.test("expandGlob() takes a name that is there for itself, not for a pattern", async () => {
  const names = ["r1.txt", "r[1].txt", "s1.txt", "d[a]", "da"];
  const list = (folder: string) =>
    Promise.resolve(
      (folder === "" ? names : [`in ${folder}`])
        .map((name) => ({ name, isFolder: name.startsWith("d"), isUsable: true })),
    );
  const paths = async (pattern: string) =>
    (await expandGlob(pattern, list)).map(({ path }) => path);
  assertEquals(await paths("r[1].txt"), ["r[1].txt"]);
  assertEquals(await paths("s[1].txt"), ["s1.txt"]);
  assertEquals(await paths("d[a]/*"), ["d[a]/in d[a]"]);
});
