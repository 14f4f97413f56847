import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { JsonTerminal } from "../../lib/cli/json_terminal.ts";
import type { Verbosity } from "../../lib/cli/options.ts";
import { batchLine, progressLine, Tenths } from "../../lib/cli/progress_view.ts";
import { TextTerminal, transferEndLine } from "../../lib/cli/text_terminal.ts";
import type { LineReading, Tty } from "../../lib/cli/tty.ts";
import { RemoteError } from "../../lib/request/mod.ts";
import type { TransferEnd, TransferStart } from "../../lib/shell/mod.ts";
import { Progress } from "../../lib/transfer/mod.ts";

class FakeTty implements Tty {
  readonly isInputTerminal = false;
  readonly isOutputTerminal: boolean;
  readonly isErrorTerminal: boolean;
  readonly allowsColour: boolean;
  out = "";
  errors = "";

  constructor(options: { isTerminal?: boolean; allowsColour?: boolean } = {}) {
    this.isOutputTerminal = options.isTerminal ?? false;
    this.isErrorTerminal = options.isTerminal ?? false;
    this.allowsColour = options.allowsColour ?? true;
  }

  columns(): number {
    return 80;
  }

  writeOut(text: string): void {
    this.out += text;
  }

  writeError(text: string): void {
    this.errors += text;
  }

  readLine(): Promise<LineReading> {
    return Promise.resolve({ kind: "end" });
  }

  dropTypedAhead(): void {}

  readSecret(): Promise<LineReading> {
    return Promise.resolve({ kind: "end" });
  }

  async *inputLines(): AsyncIterable<string> {}
}

const START: TransferStart = { command: "get", name: "a.txt", totalBytes: 3552, resumedFrom: 0 };
const END: TransferEnd = {
  ...START,
  movedBytes: 3552,
  seconds: 0.01,
  sha256: null,
  wasSkipped: false,
  savedAs: null,
  limitedBy: null,
};

function textTerminal(tty: Tty, verbosity: Verbosity, nowMs: () => number = () => 0): TextTerminal {
  return new TextTerminal({ tty, verbosity, nowMs, isInteractive: false });
}

Deno.test("off a terminal: size before the data, the final line on stdout, nothing in between", () => {
  const tty = new FakeTty();
  const terminal = textTerminal(tty, "normal");
  const row = terminal.transferStarts(START);
  row.progress(2048);
  row.progress(3552);
  row.close();
  terminal.transferEnds(END);
  assertEquals(tty.errors, "a.txt: 3552 bytes\n");
  assertEquals(tty.out, "a.txt: 3552 bytes in 0.01 s (355 kB/s), verified\n");
});

Deno.test("the final line says behind the documented part what limited the transfer", () => {
  const end: TransferEnd = { ...END, totalBytes: 2e6, movedBytes: 2e6, seconds: 2 };
  const lines = (["path", "loss", "cap", "cpu", "disk-here", "disk-there"] as const).map(
    (limitedBy) => transferEndLine({ ...end, limitedBy }),
  );
  assertEquals(lines, [
    "a.txt: 2000000 bytes in 2.00 s (1.00 MB/s), verified, limited by the path",
    "a.txt: 2000000 bytes in 2.00 s (1.00 MB/s), verified, limited by loss",
    "a.txt: 2000000 bytes in 2.00 s (1.00 MB/s), verified, limited by the cap",
    "a.txt: 2000000 bytes in 2.00 s (1.00 MB/s), verified, limited by CPU",
    "a.txt: 2000000 bytes in 2.00 s (1.00 MB/s), verified, limited by the disk here",
    "a.txt: 2000000 bytes in 2.00 s (1.00 MB/s), verified, limited by the other side's disk",
  ]);
});

Deno.test("off a terminal with --verbose: a line at each tenth, in both directions", () => {
  const tty = new FakeTty();
  const terminal = textTerminal(tty, "verbose");
  terminal.transferStarts({ ...START, totalBytes: 1000 }).progress(250);
  const sending = terminal.transferStarts({
    ...START,
    command: "put",
    totalBytes: 20,
    resumedFrom: 15,
  });
  sending.progress(20);
  assertEquals(tty.errors.split("\n"), [
    "a.txt: 1000 bytes",
    "Total received: 100 / 1000",
    "Total received: 200 / 1000",
    "a.txt: 20 bytes, continuing at 15",
    "Sent: 16 / 20",
    "Sent: 18 / 20",
    "Sent: 20 / 20",
    "",
  ]);
});

Deno.test("--quiet leaves errors and results only", () => {
  const tty = new FakeTty({ isTerminal: true });
  const terminal = textTerminal(tty, "quiet");
  terminal.transferStarts(START).progress(2048);
  terminal.transferEnds(END);
  terminal.note("note");
  assertEquals([tty.out, tty.errors], ["", ""]);
  terminal.result("answer");
  assertEquals(terminal.failure("get", new RemoteError("not-found", "b.txt")), 3);
  assertEquals(tty.out, "answer\n");
  assertStringIncludes(tty.errors, "No such file on the server: b.txt");
});

Deno.test("on a terminal: one line drawn again at most ten times a second, gone at the end", () => {
  const tty = new FakeTty({ isTerminal: true });
  let nowMs = 0;
  const terminal = textTerminal(tty, "normal", () => nowMs);
  const row = terminal.transferStarts({ ...START, totalBytes: 1_000_000 });
  for (let bytes = 0; bytes <= 1_000_000; bytes += 10_000, nowMs += 10) row.progress(bytes);
  row.close();
  assertEquals(tty.errors.split("\r\x1b[K").length - 1, 12, "eleven drawings and one clearing");
  assertMatch(tty.errors, /a\.txt {2}50% \[#{8}-{8}\] \S+ kB of 1\.00 MB/);
  assert(tty.errors.endsWith("\r\x1b[K"), "cleared");
});

Deno.test("the line of several files counts as speed only what has really moved", () => {
  const tty = new FakeTty({ isTerminal: true });
  let nowMs = 0;
  const terminal = textTerminal(tty, "normal", () => nowMs);
  const megabyte = 1_000_000;
  terminal.batchStarts({ command: "get", fileCount: 3, totalBytes: 1000 * megabyte });
  const row = terminal.transferStarts({
    ...START,
    totalBytes: 900 * megabyte,
    resumedFrom: 500 * megabyte,
  });
  for (let step = 1; step <= 10; step++) {
    nowMs += 100;
    row.progress((500 + step) * megabyte);
  }
  assertMatch(
    tty.errors,
    /0 of 3 files {2}51% \S+ 510 MB of 1\.00 GB {2}10\.0 MB\/s {2}00:49 left$/,
  );
  row.close();
  terminal.transferEnds({ ...END, totalBytes: 900 * megabyte, movedBytes: 10 * megabyte });
  nowMs += 1000;
  terminal.transferEnds({
    ...END,
    name: "packed",
    totalBytes: 50 * megabyte,
    movedBytes: 10 * megabyte,
  });
  assertMatch(
    tty.errors,
    /2 of 3 files {2}95% \S+ 950 MB of 1\.00 GB {2}10\.0 MB\/s {2}00:05 left$/,
  );
});

Deno.test("colour only on a terminal, and not with NO_COLOR", () => {
  const folder = {
    name: "docs",
    kind: "directory",
    sizeBytes: 0,
    modifiedMs: 0,
    mode: 0o755,
    readable: true,
  } as const;
  const cases: [FakeTty, boolean][] = [
    [new FakeTty({ isTerminal: true }), true],
    [new FakeTty({ isTerminal: true, allowsColour: false }), false],
    [new FakeTty(), false],
  ];
  for (const [tty, hasColour] of cases) {
    const terminal = textTerminal(tty, "normal");
    terminal.entries([folder]);
    terminal.failure("get", new Error("bad"));
    assertEquals(tty.out.includes("\x1b["), hasColour);
    assertEquals(tty.errors.includes("\x1b["), hasColour);
  }
});

Deno.test("names are shown harmless in every kind of line", () => {
  const tty = new FakeTty();
  const terminal = textTerminal(tty, "debug");
  const name = "evil\x1b[2J\n\u202Etxt";
  const entry = {
    name,
    kind: "file",
    sizeBytes: 1,
    modifiedMs: 0,
    mode: 0,
    readable: true,
  } as const;
  terminal.entries([entry]);
  terminal.note(name);
  terminal.detail(name);
  terminal.result(name);
  terminal.facts("stat", [{ key: "name", label: "Name", value: name }]);
  terminal.transferStarts({ ...START, name }).progress(3552);
  terminal.transferEnds({ ...END, name, savedAs: name });
  terminal.batchStarts({ command: "get", fileCount: 1, totalBytes: 0 });
  terminal.failure("get", new RemoteError("not-found", name));
  terminal.connected(name, 1, name, name, {
    rttMs: 1,
    lossRate: 0,
    minRttMs: 0,
    rateBytesPerSecond: 0,
    deliveryRateBytesPerSecond: 0,
    mtuBytes: 0,
    bytesSent: 0,
    bytesReceived: 0,
    silentMs: 0,
    inFlightBytes: 0,
    controller: name,
    suite: name,
    accelerators: [name],
  });
  for (const text of [tty.out, tty.errors]) {
    assert(!text.includes("\x1b") && !text.includes("\u202E"), text);
  }
});

Deno.test("JSON: objects on stdout as documented, sentences on stderr, progress five times a second", () => {
  const tty = new FakeTty();
  let nowMs = 0;
  const text = textTerminal(tty, "normal", () => nowMs);
  const terminal = new JsonTerminal({ tty, text, nowMs: () => nowMs });
  const row = terminal.transferStarts({ ...START, totalBytes: 1000 });
  for (let bytes = 100; bytes <= 1000; bytes += 100, nowMs += 50) row.progress(bytes);
  terminal.transferEnds({ ...END, sha256: "ab" });
  terminal.entries([
    { name: "d", kind: "directory", sizeBytes: 0, modifiedMs: 0, mode: 0, readable: true },
  ]);
  assertEquals(terminal.failure("get", new RemoteError("not-found", "b.txt")), 3);
  terminal.emit({ event: "end", exitCode: 3 });
  const events = tty.out.trimEnd().split("\n").map((line) => JSON.parse(line));
  assertEquals(events, [
    { event: "progress", name: "a.txt", bytes: 100, total: 1000 },
    { event: "progress", name: "a.txt", bytes: 500, total: 1000 },
    { event: "progress", name: "a.txt", bytes: 900, total: 1000 },
    { event: "progress", name: "a.txt", bytes: 1000, total: 1000 },
    {
      event: "transfer",
      command: "get",
      name: "a.txt",
      bytes: 3552,
      seconds: 0.01,
      resumedFrom: 0,
      sha256: "ab",
      ok: true,
    },
    {
      event: "entry",
      name: "d",
      kind: "directory",
      bytes: 0,
      modified: "1970-01-01T00:00:00.000Z",
    },
    {
      event: "error",
      command: "get",
      code: "not-found",
      exitCode: 3,
      message: "No such file on the server: b.txt",
    },
    { event: "end", exitCode: 3 },
  ]);
  assertEquals(tty.errors, "No such file on the server: b.txt\n");
});

Deno.test("what was done is an object for programs and a sentence for people, where there is one", () => {
  const tty = new FakeTty();
  const text = textTerminal(tty, "normal");
  const json = new JsonTerminal({ tty, text, nowMs: () => 0 });
  json.done({ command: "mkdir", name: "d" }, "Made d");
  json.done({ command: "sync", action: "delete", path: "x" });
  assertEquals(tty.out.trimEnd().split("\n").map((line) => JSON.parse(line)), [
    { event: "done", command: "mkdir", name: "d" },
    { event: "done", command: "sync", action: "delete", path: "x" },
  ]);
  assertEquals(tty.errors, "Made d\n");
  const plain = new FakeTty();
  textTerminal(plain, "normal").done({ command: "mkdir", name: "d" }, "Made d");
  textTerminal(plain, "quiet").done({ command: "mkdir", name: "e" }, "Made e");
  assertEquals([plain.out, plain.errors], ["", "Made d\n"]);
});

Deno.test("Tenths.reach() gives each tenth once, however the bytes come", () => {
  const tenths = new Tenths(3552, 0);
  assertEquals(tenths.reach(300), []);
  assertEquals(tenths.reach(800), [356, 711]);
  assertEquals(tenths.reach(800), []);
  assertEquals(tenths.reach(3552).at(-1), 3552);
  assertEquals(new Tenths(3, 0).reach(3), [1, 2, 3]);
  assertEquals(new Tenths(0, 0).reach(0), [0]);
});

Deno.test("progress lines fit the terminal and know when nothing is known", () => {
  const progress = new Progress({ totalBytes: 1_219_400_000, startBytes: 0, nowMs: 0 });
  progress.update(512_000_000, 5_500);
  const line = progressLine("lab.iso", progress, 80);
  assertMatch(
    line,
    /^lab\.iso {2}41% \[#{7}-{9}\] 512 MB of 1\.22 GB {2}93\.1 MB\/s {2}00:08 left$/,
  );
  assertMatch(
    progressLine("x".repeat(500), progress, 80),
    /^x{13}… {2}41% \[#{7}-{9}\] 512 MB of 1\.22 GB {2}93\.1 MB\/s {2}00:08 left$/,
  );
  assertEquals(
    progressLine("x".repeat(500), progress, 70),
    `${"x".repeat(22)}…  41% 512 MB of 1.22 GB  93.1 MB/s  00:08 left`,
  );
  assertEquals(
    progressLine("x".repeat(500), progress, 40),
    "xxxxxxxxxxx…  41% 512 MB of 1.22 GB  9…",
  );
  assertEquals(progressLine("x".repeat(500), progress, 20), "xxxxxxxxxxx…  41% …");
  assertEquals(progressLine("lab.iso", progress, 20), "lab.iso  41% 512 M…");
  assertEquals(
    batchLine(99_999, 100_000, progress, 80),
    "99999 of 100000 files  41% 512 MB of 1.22 GB  93.1 MB/s  00:08 left",
  );
  const unknown = new Progress({ totalBytes: 0, startBytes: 0, nowMs: 0 });
  unknown.update(5000, 100);
  assertEquals(batchLine(1, 3, unknown, 80), "1 of 3 files 5.00 kB");
});

Deno.test("a very long name in a listing does not push the others aside", () => {
  const tty = new FakeTty();
  const entry = {
    kind: "file",
    sizeBytes: 1,
    modifiedMs: NaN,
    mode: 0o644,
    readable: true,
  } as const;
  const names = ["a", "b".repeat(200), "ccc"];
  textTerminal(tty, "normal").entries(names.map((name) => ({ ...entry, name })));
  const sizeColumns = tty.out.split("\n").slice(0, 3).map((line) => line.indexOf("  1  "));
  assertEquals(sizeColumns, [3, 200, 3]);
});
