import { assertEquals, assertStrictEquals } from "@std/assert";
import { FileError, fileErrorFrom } from "../../lib/files/mod.ts";

Deno.test("fileErrorFrom() knows the codes of operating systems", () => {
  const kinds: [string, string][] = [
    ["ENOENT", "not-found"],
    ["EEXIST", "exists"],
    ["ENOSPC", "no-space"],
    ["EDQUOT", "no-space"],
    ["EROFS", "read-only"],
    ["EMFILE", "too-many-open"],
    ["ENAMETOOLONG", "name-too-long"],
    ["EXDEV", "cross-device"],
    ["EIO", "io"],
    ["EWHATEVER", "io"],
  ];
  for (const [code, kind] of kinds) {
    const cause = Object.assign(new Error("x"), { code });
    const error = fileErrorFrom(cause, "/a");
    assertEquals([error.kind, error.code, error.path], [kind, code, "/a"]);
    assertStrictEquals(error.cause, cause);
  }
});

Deno.test("fileErrorFrom() knows Deno's error classes", async () => {
  const cause = await Deno.open("/nowhere/at/all").catch((error) => error);
  assertEquals(fileErrorFrom(cause, "/a").kind, "not-found");
  assertEquals(fileErrorFrom(new Deno.errors.NotCapable("x"), "/a").kind, "permission");
  assertEquals(fileErrorFrom("not even an error", "/a").kind, "io");
});

Deno.test("fileErrorFrom() passes a FileError unchanged", () => {
  const error = new FileError("busy", "/x");
  assertStrictEquals(fileErrorFrom(error, "/other"), error);
});

Deno.test("fileErrorFrom() reads the number of an error without a code", () => {
  const kindOf = (number: number) =>
    fileErrorFrom(new Error(`It failed (os error ${number})`), "/f").kind;
  assertEquals([27, 122, 24, 30, 5].map(kindOf), [
    "no-space",
    "no-space",
    "too-many-open",
    "read-only",
    "io",
  ]);
  assertEquals(fileErrorFrom(new Error("It failed (os error 9999)"), "/f").kind, "io");
});
