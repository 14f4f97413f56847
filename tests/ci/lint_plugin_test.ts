import { assertEquals } from "@std/assert";
import plugin from "../../.ci/lint_plugin.ts";

/** The rules that a file of this name and text breaks, in order and without the plugin's name. */
function brokenRules(fileName: string, source: string): string[] {
  return Deno.lint.runPlugin(plugin, fileName, source).map(({ id }) => id.replace("ferry/", ""));
}

function assertClean(fileName: string, source: string): void {
  assertEquals(brokenRules(fileName, source), [], `${fileName}: ${source}`);
}

function assertBreaks(rule: string, fileName: string, source: string): void {
  assertEquals(brokenRules(fileName, source), [rule], `${fileName}: ${source}`);
}

Deno.test("import-direction lets a layer import from the layers below it", () => {
  assertClean("lib/transport/path.ts", `import { a } from "../wire/frame.ts";`);
  assertClean("lib/transport/congestion/cubic.ts", `import { a } from "../../crypto/mod.ts";`);
  assertClean("lib/transport/path.ts", `import { a } from "./congestion/cubic.ts";`);
  assertClean("lib/driver/clock.ts", `export { a } from "../transport/mod.ts";`);
  assertClean("server.ts", `import { a } from "./lib/driver/mod.ts";`);
});

Deno.test("import-direction refuses imports upward, sideways and out of lib", () => {
  for (
    const [fileName, specifier] of [
      ["lib/wire/frame.ts", "../transport/mod.ts"],
      ["lib/crypto/aead.ts", "../wire/frame.ts"],
      ["lib/request/caller.ts", "../driver/mod.ts"],
      ["lib/shell/shell.ts", "../driver/mod.ts"],
      ["lib/transfer/sender.ts", "../request/mod.ts"],
      ["lib/bytes/varint.ts", "../../tests/support/pipe.ts"],
      ["lib/bytes/varint.ts", "../../server.ts"],
      ["lib/wire/frame.ts", "../newcomer/thing.ts"],
    ] as const
  ) {
    assertBreaks("import-direction", fileName, `import { a } from "${specifier}";`);
    assertBreaks("import-direction", fileName, `import type { A } from "${specifier}";`);
    assertBreaks("import-direction", fileName, `export { a } from "${specifier}";`);
    assertBreaks("import-direction", fileName, `export * from "${specifier}";`);
    assertBreaks("import-direction", fileName, `const a = () => import("${specifier}");`);
  }
});

Deno.test("import-direction asks for mod.ts where a folder has one", () => {
  assertBreaks(
    "import-direction",
    "lib/transport/path.ts",
    `import { a } from "../crypto/aead.ts";`,
  );
  assertClean("lib/transport/path.ts", `import { a } from "../bytes/varint.ts";`);
});

Deno.test("import-direction gives every outside module an owner", () => {
  assertClean("lib/crypto/aead.ts", `import { createHash } from "node:crypto";`);
  assertBreaks(
    "import-direction",
    "lib/transport/path.ts",
    `import { createHash } from "node:crypto";`,
  );
  assertClean("lib/files/system_disk/system_file.ts", `import { open } from "node:fs/promises";`);
  assertBreaks("import-direction", "lib/files/file_root.ts", `import { open } from "node:fs";`);
  assertBreaks("import-direction", "lib/cli/options.ts", `import { a } from "node:os";`);
  assertBreaks("import-direction", "lib/cli/options.ts", `import { a } from "npm:left-pad";`);
});

Deno.test("tests may import anything", () => {
  assertClean("tests/wire/frame_test.ts", `import { a } from "../../lib/crypto/aead.ts";`);
});

Deno.test("pure-core refuses async, await and everything that cannot be replayed", () => {
  for (
    const source of [
      `async function run() {}`,
      `const run = async () => {};`,
      `class A { async run() {} }`,
      `const at = Date.now();`,
      `const at = new Date();`,
      `const at = performance.now();`,
      `const at = globalThis.performance.now();`,
      `setTimeout(() => {}, 5);`,
      `setInterval(() => {}, 5);`,
      `setImmediate(() => {});`,
      `queueMicrotask(() => {});`,
      `const chance = Math.random();`,
      `crypto.getRandomValues(new Uint8Array(8));`,
      `const digest = crypto.subtle;`,
      `const system = Deno.build.os;`,
      `const file = Deno.openSync("a");`,
      `const { openSync } = Deno;`,
      `console.log("here");`,
    ]
  ) {
    for (const layer of ["bytes", "collections", "wire", "crypto", "transport"]) {
      assertBreaks("pure-core", `lib/${layer}/part.ts`, source);
    }
  }
  assertBreaks("pure-core", "lib/wire/part.ts", `await Promise.resolve();`);
  assertBreaks("pure-core", "lib/crypto/part.ts", `import { randomBytes } from "node:crypto";`);
});

Deno.test("pure-core lets the core declare promises, compute, and use names of its own", () => {
  assertClean("lib/bytes/byte_stream.ts", `export interface S { read(): Promise<void> }`);
  assertClean("lib/transport/pacer.ts", `const up = Math.ceil(1.5); timers.setTimeout(up);`);
  assertClean("lib/crypto/hash.ts", `import { createHash } from "node:crypto"; createHash("x");`);
});

Deno.test("pure-core lets the one native-code file of the core load its library", () => {
  const source = `if (Deno.build.os === "linux") Deno.dlopen("libcrypto.so.3", {});
    Deno.permissions.querySync({ name: "ffi" });`;
  assertClean("lib/crypto/libcrypto.ts", source);
  assertBreaks("pure-core", "lib/crypto/libcrypto.ts", `const at = Date.now();`);
  assertBreaks("pure-core", "lib/crypto/libcrypto.ts", `Deno.readFileSync("key");`);
});

Deno.test("one-owner keeps each outside thing in its one file", () => {
  for (
    const [owner, source] of [
      ["lib/driver/udp_socket.ts", `Deno.listenDatagram({ port: 0, transport: "udp" });`],
      ["lib/driver/clock.ts", `setTimeout(() => {}, performance.now());`],
      ["lib/driver/system_entropy.ts", `crypto.getRandomValues(bytes);`],
      ["lib/driver/socket_options.ts", `Deno.dlopen("libc.so.6", {});`],
      ["lib/files/system_disk/system_file.ts", `Deno.renameSync("a", "b");`],
      ["lib/cli/tty.ts", `Deno.stdout.writeSync(bytes);`],
      ["lib/cli/tty.ts", `console.log("here");`],
      ["lib/cli/options.ts", `Deno.exit(Deno.args.length);`],
      ["server.ts", `Deno.exit(0);`],
    ] as const
  ) {
    assertClean(owner, source);
    const broken = brokenRules("lib/shell/part.ts", source);
    assertEquals([...new Set(broken)], ["one-owner"], source);
    assertClean("tests/shell/part_test.ts", source.replace("setTimeout", "run"));
  }
});

Deno.test("file-name refuses names that say nothing and names in another case", () => {
  for (const stem of ["utils", "helpers", "common", "types", "misc", "index", "byteReader"]) {
    assertBreaks("file-name", `lib/bytes/${stem}.ts`, ``);
  }
  assertBreaks("file-name", `tests/bytes/utils_test.ts`, ``);
  assertClean("lib/bytes/byte_reader.ts", ``);
  assertClean("lib/std.d.ts", ``);
});

Deno.test("floating-call reports dropped promises of the same file", () => {
  for (
    const source of [
      `async function send() {} send();`,
      `send(); async function send() {}`,
      `const send = async () => {}; send();`,
      `function send(): Promise<void> { return done; } send();`,
      `async function send() {} void send();`,
      `async function send() {} send().catch(() => {});`,
      `class A { async send() {} run() { this.send(); } }`,
      `class A { async #send() {} run() { void this.#send(); } }`,
    ]
  ) assertBreaks("floating-call", "lib/driver/loop.ts", source);
});

Deno.test("floating-call lets promises be awaited, returned and handed on", () => {
  for (
    const source of [
      `async function send() {} await send();`,
      `async function send() {} const run = () => send();`,
      `async function send() {} group.run("send", send);`,
      `async function* items() {} items();`,
      `function send() {} send();`,
      `class A { async send() {} run() { other.send(); } }`,
    ]
  ) assertClean("lib/driver/loop.ts", source);
  assertClean("tests/driver/loop_test.ts", `async function send() {} void send();`);
  assertBreaks(
    "floating-call",
    "tests/driver/loop_test.ts",
    `async function send() {} send();`,
  );
});

Deno.test("virtual-time refuses timers in tests that start no processes", () => {
  const source = `setTimeout(() => {}, 5);`;
  assertBreaks("virtual-time", "tests/transport/pacer_test.ts", source);
  assertClean("tests/end_to_end/resume_test.ts", source);
});
