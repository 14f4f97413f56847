import { assertEquals, assertThrows } from "@std/assert";
import { commandWords, findCommand, readInvocation } from "../../lib/shell/command.ts";
import { nearestWords } from "../../lib/shell/nearest_words.ts";
import { parseLine } from "../../lib/shell/parse_line.ts";
import { allCommands } from "../../lib/shell/shell.ts";
import { UnknownCommandError, UsageError } from "../../lib/shell/shell_error.ts";

function found(line: string): [string, string[]] {
  const { command, rest } = findCommand(allCommands, parseLine(line));
  return [command.name, rest.map((word) => word.text)];
}

function invoked(line: string) {
  const { command, rest } = findCommand(allCommands, parseLine(line));
  return readInvocation(command, rest);
}

Deno.test("findCommand() knows every word of the documentation, in any case", () => {
  const words: Record<string, string> = {
    "list ls dir LIST": "list",
    "lls ldir": "lls",
    "get download dwld mget DWLD": "get",
    "put upload upld mput UPLD": "put",
    "rename change mv ren": "rename",
    "cd chdir CD": "cd",
    "mkdir md": "mkdir",
    "rm delete del": "rm",
    "rmdir rd": "rmdir",
    "hash sum": "hash",
    "open con connect CON": "open",
    "help ?": "help",
    "close disconnect CLOSE": "close",
    "bye quit q": "bye",
    "pwd": "pwd",
    "stat": "stat",
    "lcd": "lcd",
    "lpwd": "lpwd",
    "lmkdir": "lmkdir",
    "status": "status",
    "exit": "exit",
    "shutdown": "shutdown",
  };
  for (const [aliases, name] of Object.entries(words)) {
    for (const word of aliases.split(" ")) assertEquals(found(word)[0], name, word);
  }
  assertEquals(
    new Set(allCommands.flatMap(commandWords)).size,
    allCommands.flatMap(commandWords).length,
  );
});

Deno.test("findCommand() takes two words before paths, and ./server as a path", () => {
  assertEquals(found("LIST SERVER"), ["list", []]);
  assertEquals(found("list server docs"), ["list", ["docs"]]);
  assertEquals(found("List Client"), ["lls", []]);
  assertEquals(found("list ./server"), ["list", ["./server"]]);
  assertEquals(found("list 'server'"), ["list", ["server"]]);
  assertEquals(found("cd.."), ["cd", [".."]]);
});

Deno.test("findCommand() tells an unknown word with what it may have been", () => {
  const error = assertThrows(() => found("lsit"), UnknownCommandError);
  assertEquals(error.nearest[0], "list");
  assertThrows(() => found("xyzzy"), UnknownCommandError, "Unknown command: xyzzy.");
});

Deno.test("readInvocation() sorts options from arguments wherever they stand", () => {
  const get = invoked("get a -r b -o 'c d'");
  assertEquals(get.words.map((word) => word.text), ["a", "b"]);
  assertEquals([get.has("r"), get.value("o")?.text], [true, "c d"]);
  assertEquals(invoked("get -oout a").value("o")?.text, "out");
  const both = invoked("rm -rf x");
  assertEquals([both.has("r"), both.has("f")], [true, true]);
  assertEquals(invoked("rm -- -r").words[0]?.text, "-r");
  assertEquals(invoked("rm '-r'").words[0]?.text, "-r");
  assertEquals(invoked("rm -").words[0]?.text, "-");
});

Deno.test("readInvocation() refuses unknown options and wrong counts, and shows the usage", () => {
  assertThrows(() => invoked("get -z a"), UsageError, "Usage: get REMOTE…");
  assertThrows(() => invoked("get"), UsageError, "something is missing");
  assertThrows(() => invoked("rename a"), UsageError, "Usage: rename OLD NEW");
  assertThrows(() => invoked("pwd x"), UsageError, "too many words");
  assertThrows(() => invoked("get a -o"), UsageError, "-o needs LOCAL");
});

Deno.test("nearestWords() offers what is one or two slips away, nearest first", () => {
  const words = ["list", "get", "put", "status", "stat", "rename"];
  assertEquals(nearestWords("lsit", words), ["list"]);
  assertEquals(nearestWords("renmae", words), ["rename"]);
  assertEquals(nearestWords("stats", words).sort(), ["stat", "status"]);
  assertEquals(nearestWords("sta", words), ["stat", "status"]);
  assertEquals(nearestWords("qqqqqq", words), []);
});
