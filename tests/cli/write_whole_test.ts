import { assert, assertEquals } from "@std/assert";
import { fromFileUrl, toFileUrl } from "@std/path";
import { writeWhole } from "../../lib/cli/write_whole.ts";

const MODULE = toFileUrl(fromFileUrl(import.meta.resolve("../../lib/cli/write_whole.ts"))).href;

/** Makes a descriptor of the process non-blocking, where that is known how. */
const MAKE_NON_BLOCKING = `
  const F_SETFL = 4;
  const O_NONBLOCK = 0o4000;
  if (Deno.build.os === "linux") {
    const libc = Deno.dlopen("libc.so.6", {
      fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
    });
    for (const fd of [1, 2]) libc.symbols.fcntl(fd, F_SETFL, O_NONBLOCK);
  }`;

Deno.test("writeWhole() loses and repeats nothing where a slow reader's pipe does not block", async () => {
  const text =
    Array.from({ length: 20_000 }, (_, index) => `line ${index} ${"x".repeat(index % 90)}`)
      .join("\n") + "\n" + "no end of line ".repeat(30_000);
  const script = `${MAKE_NON_BLOCKING}
    const { writeWhole } = await import(${JSON.stringify(MODULE)});
    const text = ${JSON.stringify(text)};
    writeWhole(Deno.stdout, new TextEncoder().encode(text), { isLineBuffered: true });
    writeWhole(Deno.stderr, new TextEncoder().encode(text), { isLineBuffered: false });`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-all", "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const input = child.stdin.getWriter();
  await input.write(new TextEncoder().encode(script));
  await input.close();
  const { stdout, stderr } = await child.output();
  assert(new TextDecoder().decode(stdout) === text);
  assert(new TextDecoder().decode(stderr) === text);
});

Deno.test("writeWhole() ends lines at the ends of what it hands over, as far as it can", () => {
  const pieces: string[] = [];
  const stream = {
    writeSync(bytes: Uint8Array): number {
      pieces.push(new TextDecoder().decode(bytes));
      return bytes.length;
    },
  };
  writeWhole(stream, new TextEncoder().encode("one\ntwo\nthree"), { isLineBuffered: false });
  assertEquals(pieces, ["one\ntwo\n", "three"]);
});
