import { assertEquals } from "@std/assert";
import { describeFailure } from "../../lib/cli/exit_code.ts";
import { givenCode } from "../../lib/cli/given_code.ts";

Deno.test("givenCode() says which of the files it is that cannot be read", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const failures = [];
    for (const file of [`${folder}/none`, folder]) {
      try {
        await givenCode(file);
      } catch (error) {
        const { exitCode, message } = describeFailure("", error);
        failures.push([exitCode, message]);
      }
    }
    assertEquals(failures, [
      [3, `No such file here: ${folder}/none (--code-file)`],
      [2, `A folder here: ${folder} (--code-file)`],
    ]);
  } finally {
    await Deno.remove(folder);
  }
});
