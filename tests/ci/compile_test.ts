import { assert } from "@std/assert";
import { join } from "@std/path";
import { compile, EXECUTABLES } from "../../.ci/compile.ts";

// The runtime that an executable embeds is a download. The deno binary stands in for it here: the
// result does not run, but the compiler has resolved, loaded and packed every module.
const STAND_IN = { DENORT_BIN: Deno.execPath() };

for (const name of Object.keys(EXECUTABLES)) {
  Deno.test(`${name} compiles with everything it imports`, async () => {
    const directory = await Deno.makeTempDir({ prefix: "ferry-compile-" });
    try {
      const path = await compile(name, { directory, extra: ["--no-check"], env: STAND_IN });
      const { size } = await Deno.stat(path);
      const runtime = await Deno.stat(Deno.execPath());
      assert(size > runtime.size, `${join(directory, name)} holds nothing but the runtime`);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });
}
