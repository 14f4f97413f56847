/**
 * Real programs for tests: started as users start them, watched line by line, ended by their own id.
 *
 * Nothing here waits for a fixed time: every wait is for a line, an event or the end of a process.
 *
 * @module
 */

import { dirname, fromFileUrl, join } from "@std/path";

const REPOSITORY = dirname(dirname(dirname(fromFileUrl(import.meta.url))));
/** A test that waits longer than this for a line says what it has seen so far. */
const LINE_LIMIT_MS = 60_000;

/** Output of one stream of a process. */
class OutputLines {
  readonly lines: string[] = [];
  readonly ended: Promise<void>;
  #wake = Promise.withResolvers<void>();
  #isEnded = false;

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.ended = this.#read(stream);
  }

  get text(): string {
    return this.lines.map((line) => `${line}\n`).join("");
  }

  /** The first line at or after `from` that fits. */
  async find(pattern: RegExp, from: number): Promise<{ line: string; index: number }> {
    const limit = Promise.withResolvers<"late">();
    const timer = setTimeout(() => limit.resolve("late"), LINE_LIMIT_MS);
    try {
      for (let index = from;; index++) {
        while (index >= this.lines.length) {
          if (this.#isEnded) throw new Error(`Ended without ${pattern}. Output:\n${this.text}`);
          if (await Promise.race([this.#wake.promise, limit.promise]) === "late") {
            throw new Error(`No line ${pattern} in time. Output:\n${this.text}`);
          }
        }
        const line = this.lines[index]!;
        if (pattern.test(line)) return { line, index };
      }
    } finally {
      clearTimeout(timer);
    }
  }

  async #read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    let rest = "";
    for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      this.lines.push(...lines);
      this.#notify();
    }
    if (rest !== "") this.lines.push(rest);
    this.#isEnded = true;
    this.#notify();
  }

  #notify(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }
}

/** One running `server.ts` or `client.ts`. */
export class Program implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #output: OutputLines;
  readonly #errors: OutputLines;
  #isInputOpen = true;
  #isOver = false;
  #outIndex = 0;
  #errorIndex = 0;

  constructor(script: string, args: readonly string[], options: ProgramOptions = {}) {
    const [command, ...prefixed] = [...options.prefix ?? [], Deno.execPath()];
    this.#child = new Deno.Command(command!, {
      args: [
        ...prefixed,
        "run",
        "--quiet",
        ...options.denoArgs ?? ["--allow-all"],
        join(REPOSITORY, script),
        ...args,
      ],
      cwd: options.cwd ?? REPOSITORY,
      env: { NO_COLOR: "1", ...options.env },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#output = new OutputLines(this.#child.stdout);
    this.#errors = new OutputLines(this.#child.stderr);
  }

  /** Its process number. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Everything on stdout so far. */
  get stdout(): string {
    return this.#output.text;
  }

  /** Everything on stderr so far. */
  get stderr(): string {
    return this.#errors.text;
  }

  /** Waits for a line on stdout, after the one found last. */
  async outLine(pattern: RegExp): Promise<string> {
    const { line, index } = await this.#output.find(pattern, this.#outIndex);
    this.#outIndex = index + 1;
    return line;
  }

  /** Waits for a line on stderr, after the one found last. */
  async errorLine(pattern: RegExp): Promise<string> {
    const { line, index } = await this.#errors.find(pattern, this.#errorIndex);
    this.#errorIndex = index + 1;
    return line;
  }

  /** Waits for a JSON event on stdout, after the line found last. */
  async event(name: string): Promise<Record<string, unknown>> {
    const line = await this.outLine(new RegExp(`^\\{.*"event":"${name}"`));
    return JSON.parse(line) as Record<string, unknown>;
  }

  /** All JSON events so far. */
  events(name?: string): Record<string, unknown>[] {
    const events = this.#output.lines.filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    return name === undefined ? events : events.filter(({ event }) => event === name);
  }

  /** Types a line. */
  async type(line: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(`${line}\n`));
  }

  /** Ends the input, as Ctrl-D does. */
  async endInput(): Promise<void> {
    if (!this.#isInputOpen) return;
    this.#isInputOpen = false;
    try {
      await this.#input.close();
    } catch {
      // The program has ended and reads no more.
    }
  }

  /** Sends a signal. */
  signal(name: Deno.Signal): void {
    this.#child.kill(name);
  }

  /** Waits for the end and returns the exit code. */
  async ended(): Promise<number> {
    const { code } = await this.#child.status;
    await Promise.all([this.#output.ended, this.#errors.ended]);
    this.#isOver = true;
    return code;
  }

  /** Ends the process if it still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isOver) {
      try {
        this.#child.kill("SIGKILL");
      } catch {
        // It has ended by itself.
      }
      await this.ended();
    }
    await this.endInput();
  }
}

/** How a program is started. */
export interface ProgramOptions {
  /** Command and arguments that go in front of `deno`, for instance to become another user. */
  readonly prefix?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Permissions and flags of Deno in place of `--allow-all`. */
  readonly denoArgs?: readonly string[];
}

/** Two folders and the programs that work on them. */
export class Stage implements AsyncDisposable {
  readonly #programs: Program[] = [];
  /** Folder of everything. */
  readonly folder: string;
  /** Folder of the server. */
  readonly serverFiles: string;
  /** Folder of the client. */
  readonly clientFiles: string;
  /** Variables that keep keys and cookies out of the home of whoever runs the tests. */
  readonly home: Readonly<Record<string, string>>;
  /** Port of the server started last. */
  port = 0;

  private constructor(folder: string) {
    this.folder = folder;
    this.serverFiles = join(folder, "server_files");
    this.clientFiles = join(folder, "client_files");
    this.home = this.homeOf("owner");
  }

  static async set(): Promise<Stage> {
    const stage = new Stage(await Deno.makeTempDir({ prefix: "ferry_stage_" }));
    await Deno.mkdir(stage.serverFiles);
    await Deno.mkdir(stage.clientFiles);
    return stage;
  }

  /** Folder of what belongs to one person. */
  folderOf(person: string): string {
    return join(this.folder, person);
  }

  /** Variables under which programs keep what belongs to one person. */
  homeOf(person: string): Record<string, string> {
    return {
      XDG_CONFIG_HOME: join(this.folderOf(person), "config"),
      XDG_RUNTIME_DIR: join(this.folderOf(person), "run"),
      FERRY_CODE: "",
    };
  }

  /** Starts a server that logs JSON, and waits until it listens. */
  async startServer(args: readonly string[] = [], port: number = 0): Promise<Program> {
    const server = this.start("server.ts", [
      ...["127.0.0.1", String(port), "--root", this.serverFiles, "--json", ...args],
    ]);
    const { port: real } = await server.event("listening");
    this.port = Number(real);
    return server;
  }

  /** Starts a server that logs text on a port known to be free, and waits until it listens. */
  async startTextServer(args: readonly string[] = []): Promise<Program> {
    const server = this.start("server.ts", [
      ...["127.0.0.1", "0", "--root", this.serverFiles, ...args],
    ]);
    const line = await server.outLine(/^Listening on /);
    this.port = Number(/port (\d+)/.exec(line)![1]);
    return server;
  }

  /** Starts a client that reads commands from its input. */
  startClient(args: readonly string[] = [], options: ProgramOptions = {}): Program {
    return this.start("client.ts", [
      ...["127.0.0.1", String(this.port), "--dir", this.clientFiles, ...args],
    ], options);
  }

  /** Runs one command to its end. */
  async run(command: readonly string[], args: readonly string[] = []): Promise<Finished> {
    const client = this.startClient([...args, ...command]);
    await client.endInput();
    return { code: await client.ended(), stdout: client.stdout, stderr: client.stderr, client };
  }

  /** Runs a script to its end. */
  async script(lines: readonly string[], args: readonly string[] = []): Promise<Finished> {
    const client = this.startClient(args);
    for (const line of lines) await client.type(line);
    await client.endInput();
    return { code: await client.ended(), stdout: client.stdout, stderr: client.stderr, client };
  }

  /** Starts a program that ends with the stage. */
  start(script: string, args: readonly string[], options: ProgramOptions = {}): Program {
    const env = { ...this.home, ...options.env };
    const program = new Program(script, args, { ...options, env });
    this.#programs.push(program);
    return program;
  }

  /** Writes a file, in a folder that may not exist yet. */
  async write(folder: string, name: string, content: Uint8Array | string): Promise<void> {
    const path = join(folder, name);
    await Deno.mkdir(dirname(path), { recursive: true });
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    await Deno.writeFile(path, bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const program of this.#programs.toReversed()) await program[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** A program that ran to its end. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly client: Program;
}

/** Bytes that look random and are the same every time. */
export function patternBytes(length: number, seed: number = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let state = seed >>> 0 || 1;
  for (let index = 0; index < length; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[index] = state;
  }
  return bytes;
}

/** Lower-case hexadecimal SHA-256. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return digest.toHex();
}

/** Content of a file. */
export async function read(folder: string, name: string): Promise<Uint8Array<ArrayBuffer>> {
  return await Deno.readFile(join(folder, name));
}

/** Whether a path names anything. */
export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch {
    return false;
  }
}

/** Waits until the transfer of a client with `--json` has moved so much. */
export async function reached(client: Program, bytes: number): Promise<void> {
  while (Number((await client.event("progress")).bytes) < bytes);
}
