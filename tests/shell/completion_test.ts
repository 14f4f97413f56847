import { assertEquals } from "@std/assert";
import { complete } from "../../lib/shell/completion.ts";
import { ShellStage } from "./shell_stage.ts";

Deno.test("complete() offers commands first, then what the command is about", async () => {
  await using stage = await ShellStage.set();
  await Deno.mkdir(`${stage.serverFolder}/my docs`);
  await Deno.writeTextFile(`${stage.serverFolder}/my file.txt`, "x");
  await Deno.writeTextFile(`${stage.serverFolder}/my docs/inner.txt`, "x");
  await Deno.writeTextFile(`${stage.clientFolder}/local.txt`, "x");
  await stage.run("list");
  const words = async (line: string) => {
    const found = await complete(
      line,
      stage.shell.commands,
      stage.session,
      new AbortController().signal,
    );
    return [found.words, found.replaces];
  };
  assertEquals(await words("ren"), [["ren", "rename"], "ren"]);
  assertEquals(await words("GE"), [["get"], "GE"]);
  assertEquals(await words("get my"), [["my\\ docs/", "my\\ file.txt"], "my"]);
  assertEquals(await words("get my\\ docs/"), [["my\\ docs/inner.txt"], "my\\ docs/"]);
  assertEquals(await words(`cd "my`), [["my\\ docs/"], `"my`]);
  assertEquals(await words("put lo"), [["local.txt"], "lo"]);
  assertEquals(await words("get 'my file.txt' -o lo"), [["local.txt"], "lo"]);
  assertEquals(await words("help ge"), [["get"], "ge"]);
  assertEquals(await words("pwd "), [[], ""]);
  assertEquals(await words("nonsense x"), [[], "x"]);
  assertEquals(await words("get nowhere/"), [[], "nowhere/"]);
});

Deno.test("complete() does not connect for a remote name", async () => {
  await using stage = await ShellStage.set();
  const { words } = await complete(
    "get a",
    stage.shell.commands,
    stage.session,
    new AbortController().signal,
  );
  assertEquals(words, []);
  assertEquals(stage.connector.attemptCount, 0);
});
