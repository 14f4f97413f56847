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
  const words = wordsOf(stage);
  assertEquals(await words("ren"), [["ren", "rename"], "ren"]);
  assertEquals(await words("GE"), [["get "], "GE"]);
  assertEquals(await words("get my"), [["my\\ docs/", "my\\ file.txt"], "my"]);
  assertEquals(await words("get my\\ docs/"), [["my\\ docs/inner.txt "], "my\\ docs/"]);
  assertEquals(await words(`cd "my`), [["my\\ docs/"], `"my`]);
  assertEquals(await words("put lo"), [["local.txt "], "lo"]);
  assertEquals(await words("get 'my file.txt' -o lo"), [["local.txt "], "lo"]);
  assertEquals(await words("help ge"), [["get "], "ge"]);
  assertEquals(await words("pwd "), [[], ""]);
  assertEquals(await words("nonsense x"), [[], "x"]);
  assertEquals(await words("get nowhere/"), [[], "nowhere/"]);
});

Deno.test("complete() offers both sides where a folder of either can be meant", async () => {
  await using stage = await ShellStage.set();
  await Deno.mkdir(`${stage.serverFolder}/my docs/deep`, { recursive: true });
  await Deno.writeTextFile(`${stage.serverFolder}/my file.txt`, "x");
  await Deno.mkdir(`${stage.clientFolder}/mine`);
  await Deno.mkdir(`${stage.clientFolder}/services`);
  await stage.run("list");
  const words = wordsOf(stage);
  assertEquals(await words("sync m"), [["mine/"], "m"]);
  assertEquals(await words("sync se"), [["server:", "services/"], "se"]);
  assertEquals(await words("sync mine SERV"), [["server:"], "SERV"]);
  assertEquals(await words("sync mine server:"), [["server:my\\ docs/"], "server:"]);
  assertEquals(await words("sync Server:my\\ docs/d"), [
    ["Server:my\\ docs/deep/"],
    "Server:my\\ docs/d",
  ]);
});

Deno.test("complete() knows the second word of a command of two", async () => {
  await using stage = await ShellStage.set();
  await Deno.writeTextFile(`${stage.serverFolder}/clip.txt`, "x");
  await stage.run("list");
  const words = wordsOf(stage);
  assertEquals(await words("LIST cl"), [["client", "clip.txt"], "cl"]);
  assertEquals(await words("list ser"), [["server "], "ser"]);
  assertEquals(await words("ls ser"), [[], "ser"]);
});

function wordsOf(stage: ShellStage): (line: string) => Promise<[readonly string[], string]> {
  const { signal } = new AbortController();
  return async (line) => {
    const found = await complete(line, stage.shell.commands, stage.session, signal);
    return [found.words, found.replaces];
  };
}

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
