import { assertEquals } from "@std/assert";
import { fromFileUrl, toFileUrl } from "@std/path";

const TTY = toFileUrl(fromFileUrl(import.meta.resolve("../../lib/cli/tty.ts"))).href;

/** Runs a program that has a `tty` and may await; what it wrote to stdout. */
async function outputOf(program: string): Promise<string> {
  const script = `
    const { SystemTty } = await import(${JSON.stringify(TTY)});
    const tty = new SystemTty({ noColor: undefined });
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
    const tty = new SystemTty({ noColor: undefined });
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
