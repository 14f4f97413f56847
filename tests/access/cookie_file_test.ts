import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { readCookies, writeCookie } from "../../lib/access/mod.ts";
import { folderOptions, withTemporary } from "./support.ts";

Deno.test("a cookie is found by port, replaced by the next server, and removed by its own", async () => {
  await withTemporary(async (path) => {
    const paths = { runtime: `${path}/run`, config: `${path}/config` };
    const first = await writeCookie(paths, 5555, folderOptions);
    assertEquals(first?.path, `${path}/run/cookie-5555`);
    assertEquals(await readCookies(paths, 5555, folderOptions), [first!.secret]);
    assertEquals(await readCookies(paths, 5556, folderOptions), []);

    const second = await writeCookie(paths, 5555, folderOptions);
    assertNotEquals(second!.secret, first!.secret);
    await first!.remove();
    assertEquals(await readCookies(paths, 5555, folderOptions), [second!.secret]);
    await second!.remove();
    assertEquals(await readCookies(paths, 5555, folderOptions), []);
    await second!.remove();
  });
});

Deno.test("writeCookie() takes the folder for settings when there is none for run time", async () => {
  await withTemporary(async (path) => {
    await Deno.writeTextFile(`${path}/file`, "");
    for (const runtime of [null, `${path}/file/below`]) {
      const cookie = await writeCookie({ runtime, config: `${path}/c` }, 1, folderOptions);
      assertEquals(cookie?.path, `${path}/c/cookie-1`);
    }
    assertEquals(await writeCookie({ runtime: null, config: null }, 1, folderOptions), null);
    const blocked = { runtime: null, config: `${path}/file/below` };
    assertEquals(await writeCookie(blocked, 1, folderOptions), null);
  });
});

Deno.test("readCookies() ignores what is damaged, and what others may have seen", async () => {
  await withTemporary(async (path) => {
    const paths = { runtime: null, config: `${path}/c` };
    const cookie = await writeCookie(paths, 7, folderOptions);
    assert(cookie !== null);
    if (folderOptions.hasModes) {
      await Deno.chmod(cookie.path, 0o644);
      assertEquals(await readCookies(paths, 7, folderOptions), []);
      await Deno.chmod(cookie.path, 0o600);
    }
    assertEquals((await readCookies(paths, 7, folderOptions)).length, 1);
    await Deno.writeTextFile(cookie.path, "abc\n");
    assertEquals(await readCookies(paths, 7, folderOptions), []);
  });
});
