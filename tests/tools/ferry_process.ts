/**
 * Starts the real programs as their users do, and reads the JSON events they print.
 *
 * @module
 */
import { dirname, fromFileUrl, join } from "@std/path";

const REPOSITORY = dirname(dirname(dirname(fromFileUrl(import.meta.url))));

/** One line of `--json` output. */
export type ProgramEvent = { readonly event: string } & Readonly<Record<string, unknown>>;

/** How to start a program. */
export interface ProcessOptions {
  /** Command and arguments that go in front of `deno`, for instance `ip netns exec name`. */
  readonly prefix?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Ends the process at once when aborted. */
  readonly signal?: AbortSignal;
  /** Called for each event as it arrives. */
  readonly onEvent?: (event: ProgramEvent) => void;
  /** Called for each other line of output, of either stream. */
  readonly onText?: (line: string) => void;
}

/** A program that runs, and what it has said. */
export class ProgramProcess {
  readonly #child: Deno.ChildProcess;
  readonly #outputEnded: Promise<void>;
  readonly #errorText: Promise<string>;
  readonly #waiting = new Map<string, (event: ProgramEvent | null) => void>();
  readonly events: ProgramEvent[] = [];

  /** @param script Path below the repository, for instance `server.ts`. */
  constructor(script: string, args: readonly string[], options: ProcessOptions = {}) {
    const [command, ...rest] = [
      ...(options.prefix ?? []),
      Deno.execPath(),
      "run",
      "--quiet",
      "--allow-all",
      join(REPOSITORY, script),
      ...args,
    ];
    this.#child = new Deno.Command(command!, {
      args: rest,
      env: { NO_COLOR: "1", ...options.env },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    }).spawn();
    this.#errorText = this.#readErrors(options);
    this.#outputEnded = this.#readEvents(options);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** What the program has written to its standard error, once it has ended. */
  get errorText(): Promise<string> {
    return this.#errorText;
  }

  /** The next event of this name, or the first one seen; throws when the program ends without. */
  async event(name: string): Promise<ProgramEvent> {
    const seen = this.events.find(({ event }) => event === name);
    const event = seen ?? await new Promise<ProgramEvent | null>((resolve) => {
      this.#waiting.set(name, resolve);
    });
    if (event !== null) return event;
    throw new Error(`The program ended without "${name}": ${(await this.#errorText).trim()}`);
  }

  /** Lets the program end by itself and gives its exit code. */
  async ended(): Promise<number> {
    const [{ code }] = await Promise.all([this.#child.status, this.#outputEnded]);
    await this.#errorText;
    return code;
  }

  /** Closes the program's standard input: no more commands. */
  async closeInput(): Promise<void> {
    await this.#child.stdin.close();
  }

  /** Ends the program as if it had crashed; its `ended()` tells when that is done. */
  kill(): void {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
  }

  /** Asks the program to end, as a service manager does, and gives its exit code. */
  stop(): Promise<number> {
    try {
      this.#child.kill("SIGTERM");
    } catch {
      // It has ended already.
    }
    return this.ended();
  }

  async #readErrors({ onText }: ProcessOptions): Promise<string> {
    const lines: string[] = [];
    for await (const line of linesOf(this.#child.stderr)) {
      lines.push(line);
      onText?.(line);
    }
    return lines.join("\n");
  }

  async #readEvents({ onEvent, onText }: ProcessOptions): Promise<void> {
    for await (const line of linesOf(this.#child.stdout)) {
      if (!line.startsWith("{")) {
        onText?.(line);
        continue;
      }
      const event = JSON.parse(line) as ProgramEvent;
      this.events.push(event);
      onEvent?.(event);
      this.#waiting.get(event.event)?.(event);
      this.#waiting.delete(event.event);
    }
    for (const resolve of this.#waiting.values()) resolve(null);
    this.#waiting.clear();
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let pending = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (pending + text).split("\n");
    pending = lines.pop() ?? "";
    yield* lines;
  }
  if (pending !== "") yield pending;
}

/** A server that listens, and where. */
export interface RunningServer {
  readonly program: ProgramProcess;
  readonly port: number;
}

/** Starts `server.ts` on a free port and waits until it listens. */
export async function startFerryServer(
  root: string,
  options: ProcessOptions & { readonly host?: string; readonly args?: readonly string[] } = {},
): Promise<RunningServer> {
  // In a network of its own it meets clients that cannot find its cookie.
  const open = options.prefix === undefined ? [] : ["--open"];
  const host = options.host ?? "127.0.0.1";
  const args = [host, "0", "--root", root, "--json", ...open, ...options.args ?? []];
  const program = new ProgramProcess("server.ts", args, options);
  const { port } = await program.event("listening");
  return { program, port: Number(port) };
}

/** Starts `client.ts` for one command, with `--json` unless it is told not to; its standard input is closed. */
export async function startFerryClient(
  port: number,
  command: readonly string[],
  options: ProcessOptions & {
    readonly host?: string;
    readonly directory: string;
    readonly args?: readonly string[];
    readonly isText?: boolean;
  },
): Promise<ProgramProcess> {
  const args = [
    ...options.isText === true ? [] : ["--json"],
    ...["--dir", options.directory, ...options.args ?? []],
    ...[options.host ?? "127.0.0.1", String(port), ...command],
  ];
  const program = new ProgramProcess("client.ts", args, options);
  await program.closeInput();
  return program;
}
