import { assertEquals } from "@std/assert";
import { FileError, remotePathFromComponents } from "../../lib/files/mod.ts";
import { RemoteError } from "../../lib/request/mod.ts";
import { shownLocalPath, shownRemotePath, targetSubject } from "../../lib/shell/shown_path.ts";

Deno.test("shownRemotePath() and shownLocalPath() start from the current folder where they can", () => {
  const remote = (...names: string[]) => remotePathFromComponents(names);
  assertEquals(shownRemotePath(remote("a", "b"), remote()), "a/b");
  assertEquals(shownRemotePath(remote("a", "b"), remote("a")), "b");
  assertEquals(shownRemotePath(remote("a"), remote("a")), "/a");
  assertEquals(shownRemotePath(remote("ab"), remote("a")), "/ab");
  assertEquals(shownLocalPath("/home/me/a/b", "/home/me"), "a/b");
  assertEquals(shownLocalPath("/home/me", "/home/me"), ".");
  assertEquals(shownLocalPath("/home/meat", "/home/me"), "/home/meat");
  assertEquals(shownLocalPath("/a", "/"), "a");
});

Deno.test("targetSubject() names the folder where that is what is missing", () => {
  const missing = new RemoteError("not-found", "");
  assertEquals(targetSubject("a/b", missing), "a/");
  assertEquals(targetSubject("a/b/", new FileError("not-found", "")), "a/");
  assertEquals(targetSubject("/b", missing), "/");
  assertEquals(targetSubject("b", missing), "./");
  assertEquals(targetSubject("a/b", new RemoteError("not-a-directory", "")), "a");
  assertEquals(targetSubject("a/b", new RemoteError("exists", "")), "a/b");
});
