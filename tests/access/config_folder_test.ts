import { assertEquals } from "@std/assert";
import { privatePaths } from "../../lib/access/mod.ts";

function paths(os: string, variables: Record<string, string>) {
  return privatePaths(os, (name) => variables[name]);
}

Deno.test("privatePaths() follows XDG where it is set, and each system's custom elsewhere", () => {
  assertEquals(paths("linux", { HOME: "/home/a", XDG_RUNTIME_DIR: "/run/user/7" }), {
    runtime: "/run/user/7/ferry",
    config: "/home/a/.config/ferry",
  });
  assertEquals(paths("linux", { HOME: "/home/a", XDG_CONFIG_HOME: "/x/" }), {
    runtime: null,
    config: "/x/ferry",
  });
  assertEquals(
    paths("darwin", { HOME: "/Users/a" }).config,
    "/Users/a/Library/Application Support/ferry",
  );
  assertEquals(
    paths("windows", { LOCALAPPDATA: "C:\\Users\\a\\AppData\\Local" }).config,
    "C:\\Users\\a\\AppData\\Local/Ferry",
  );
});

Deno.test("privatePaths() knows no folder when nothing absolute is set", () => {
  assertEquals(paths("linux", {}), { runtime: null, config: null });
  const relative = { HOME: "a", XDG_RUNTIME_DIR: ".", XDG_CONFIG_HOME: "b" };
  assertEquals(paths("linux", relative), { runtime: null, config: null });
});
