import { assertEquals } from "@std/assert";
import { fromFileUrl, toFileUrl } from "@std/path";

const TTY = toFileUrl(fromFileUrl(import.meta.resolve("../../lib/cli/tty.ts"))).href;

/** Runs a program that has a `tty` and may await; what it wrote to stdout. */
async function outputOf(program: string): Promise<string> {
  const script = `
    const { SystemTty } = await import(${JSON.stringify(TTY)});
    const tty = new SystemTty({ noColor: undefined, term: undefined });
    ${program}`;
  const args = ["run", "--quiet", "--allow-all", "-"];
  const child = new Deno.Command(Deno.execPath(), {
    args,
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const input = child.stdin.getWriter();
  await input.write(new TextEncoder().encode(script));
  await input.close();
  return new TextDecoder().decode((await child.output()).stdout);
}

Deno.test("SystemTty writes lines of one turn together, in order, before the program waits", async () => {
  const output = await outputOf(`
    const sizes = [];
    const write = Deno.stdout.writeSync;
    Deno.stdout.writeSync = (bytes) => (sizes.push(bytes.length), write.call(Deno.stdout, bytes));
    for (let i = 0; i < 3; i++) tty.writeOut(i + "\\n");
    await new Promise((resolve) => setTimeout(resolve, 0));
    tty.writeOut(sizes.join() + "\\n");`);
  assertEquals(output, "0\n1\n2\n6\n");
});

Deno.test("SystemTty loses nothing when the program exits at once", async () => {
  assertEquals(await outputOf(`tty.writeOut("last words\\n"); Deno.exit(3);`), "last words\n");
});

Deno.test("SystemTty writes what it holds before it writes an error", async () => {
  const output = await outputOf(`
    tty.writeOut("before\\n");
    tty.writeError("");
    Deno.stdout.writeSync(new TextEncoder().encode("after\\n"));`);
  assertEquals(output, "before\nafter\n");
});

Deno.test("SystemTty survives a disk that takes no output, and tells it when asked", async () => {
  const output = await outputOf(`
    const write = Deno.stdout.writeSync;
    const full = () => { throw Object.assign(new Error("No space left"), { code: "ENOSPC" }); };
    Deno.stdout.writeSync = Deno.stderr.writeSync = full;
    tty.writeOut("lost\\n");
    await new Promise((resolve) => setTimeout(resolve, 0));
    tty.writeError("lost too\\n");
    Deno.stdout.writeSync = write;
    tty.writeOut("written again\\n");
    const failure = tty.outputFailure();
    tty.writeOut(failure.message + "\\n");`);
  assertEquals(output, "written again\nNo space left\n");
});

Deno.test("SystemTty.readLine() keeps what came together with a line for the next ones", async () => {
  const script = `
    const { SystemTty } = await import(${JSON.stringify(TTY)});
    const tty = new SystemTty({ noColor: undefined, term: undefined });
    const complete = () => Promise.resolve({ words: [], replaces: "" });
    const lines = [];
    for (let i = 0; i < 4; i++) lines.push(await tty.readLine("> ", complete));
    tty.writeOut(JSON.stringify(lines.map(({ kind, text }) => text ?? kind)));
    Deno.exit();`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", script],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const input = child.stdin.getWriter();
  await input.write(new TextEncoder().encode("one\rtwo\rthr"));
  await input.write(new TextEncoder().encode("ee\r"));
  await input.close();
  const { stdout } = await child.output();
  assertEquals(JSON.parse(new TextDecoder().decode(stdout)), ["one", "two", "three", "end"]);
});

/** The rows of a terminal after it was sent `output`. */
function screenOf(output: string, columns: number): string[] {
  const rows: string[][] = [[]];
  let [row, column] = [0, 0];
  // deno-lint-ignore no-control-regex
  for (const [piece, count, final] of output.matchAll(/\x1b\[(\d*)([A-Z])|[^]/g)) {
    if (final === "A") row -= Number(count || 1);
    else if (final === "D") column -= Number(count || 1);
    else if (final === "G") column = Number(count || 1) - 1;
    else if (final === "J") rows.splice(row, rows.length, (rows[row] ?? []).slice(0, column));
    else if (final === "K") rows[row]?.splice(column);
    else if (piece === "\r") column = 0;
    else if (piece === "\n") [row, column] = [row + 1, 0];
    else {
      if (column === columns) [row, column] = [row + 1, 0];
      (rows[row] ??= [])[column++] = piece;
    }
    rows[row] ??= [];
  }
  return rows.map((cells) => cells.join(""));
}

Deno.test("SystemTty.writeError() keeps a notice and a typed line that takes several rows", async () => {
  const script = `
    const { default: process } = await import("node:process");
    const { SystemTty } = await import(${JSON.stringify(TTY)});
    Object.defineProperty(process.stderr, "columns", { value: 10 });
    const tty = new SystemTty({ noColor: undefined, term: undefined });
    tty.readLine("> ", () => Promise.resolve({ words: [], replaces: "" }));
    for (const key of "0123456789abcdefghij") process.stdin.emit("keypress", key, { name: key });
    tty.writeError("one notice\\n");
    for (let i = 0; i < 9; i++) process.stdin.emit("keypress", undefined, { name: "left" });
    tty.writeError("another\\n");
    process.stdin.emit("keypress", "|", { name: "|" });
    Deno.exit();`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", script],
    stdin: "piped",
    stdout: "inherit",
    stderr: "piped",
  }).spawn();
  const { stderr } = await child.output();
  await child.stdin.close();
  assertEquals(screenOf(new TextDecoder().decode(stderr), 10), [
    "one notice",
    "another",
    "> 01234567",
    "89a|bcdefg",
    "hij",
  ]);
});

Deno.test("SystemTty sends a dumb terminal nothing but text, around a typed line too", async () => {
  const script = `
    const { default: process } = await import("node:process");
    const { systemTty } = await import(${JSON.stringify(TTY)});
    Deno.stdout.isTerminal = Deno.stderr.isTerminal = () => true;
    const tty = systemTty();
    tty.writeError([tty.isErrorTerminal, tty.allowsColour] + "\\n");
    tty.readLine("> ", () => Promise.resolve({ words: [], replaces: "" }));
    for (const key of "list") process.stdin.emit("keypress", key, { name: key });
    tty.writeError("a notice\\n");
    Deno.exit();`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", script],
    env: { TERM: "dumb", NO_COLOR: "" },
    stdin: "piped",
    stdout: "inherit",
    stderr: "piped",
  }).spawn();
  const { stderr } = await child.output();
  await child.stdin.close();
  assertEquals(new TextDecoder().decode(stderr), "false,false\n> list\na notice\n> list");
});
