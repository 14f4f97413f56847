/**
 * The client from its arguments to its exit code: one command, a script, or the shell.
 *
 * @module
 */

import { openPortProbe, systemClock } from "../driver/mod.ts";
import { FileError, fileErrorFrom, FileRoot, systemDisk } from "../files/mod.ts";
import {
  CancelledError,
  complete,
  type LineOutcome,
  Session,
  Shell,
  type Terminal,
  wordFromArgument,
} from "../shell/mod.ts";
import { chooseLeafHashing } from "./ciphers.ts";
import { ClientAccess } from "./client_access.ts";
import { type ControllerImport, loadController } from "./congestion.ts";
import { describeFailure, EXIT } from "./exit_code.ts";
import { givenCode } from "./given_code.ts";
import { clientHelp, versionLine } from "./help.ts";
import { JsonTerminal } from "./json_terminal.ts";
import { setUpNetwork } from "./network.ts";
import { NetworkConnector } from "./network_connector.ts";
import { type ClientOptions, hasJsonFlag, readClientOptions } from "./options.ts";
import { openPrivateFiles } from "./private_files.ts";
import { show } from "./show.ts";
import { onSignals } from "./signals.ts";
import { cleanLeftovers } from "./staging_care.ts";
import { TextTerminal } from "./text_terminal.ts";
import { systemTty, type Tty } from "./tty.ts";

/**
 * Runs the client.
 *
 * @param args The program's arguments.
 * @returns The exit code. The caller leaves with it: input may still be waited for.
 */
export async function runClient(
  args: readonly string[],
  importController: ControllerImport,
): Promise<number> {
  const tty = systemTty();
  const exitCode = await runOn(tty, args, importController);
  const failure = tty.outputFailure();
  if (failure === null || exitCode !== EXIT.ok) return exitCode;
  tty.writeError(`Cannot write the output: ${failure.message.replace(OS_CODE, "")}\n`);
  return fileErrorFrom(failure, "").kind === "no-space" ? EXIT.noSpace : EXIT.other;
}

async function runOn(
  tty: Tty,
  args: readonly string[],
  importController: ControllerImport,
): Promise<number> {
  let options: ClientOptions;
  try {
    options = readClientOptions(args);
  } catch (error) {
    const output = openOutput(tty, { isJson: hasJsonFlag(args), verbosity: "normal" });
    return output.leave(output.terminal.failure("", error));
  }
  if (options.wantsHelp || options.wantsVersion) {
    tty.writeOut(`${options.wantsHelp ? clientHelp() : versionLine()}\n`);
    return EXIT.ok;
  }
  const isInteractive = options.command.length === 0 && tty.isInputTerminal;
  const output = openOutput(tty, options, isInteractive);
  try {
    const program = await prepare(options, { tty, output, isInteractive }, importController);
    return output.leave(await program.run());
  } catch (error) {
    return output.leave(output.terminal.failure("", error));
  }
}

/** How the runtime ends the messages of the system. */
const OS_CODE = / \(os error \d+\)$/;

/** Where the client's answers go. */
interface Output {
  readonly terminal: Terminal;
  /** Tells the end, where that is asked for, and returns the code. */
  leave(exitCode: number): number;
}

function openOutput(
  tty: Tty,
  options: Pick<ClientOptions, "isJson" | "verbosity">,
  isInteractive: boolean = false,
): Output {
  const nowMs = () => systemClock.nowMs();
  const verbosity = options.verbosity;
  // Two programs drawing on one line would spoil both.
  const plain = options.isJson ? plainErrors(tty) : tty;
  const text = new TextTerminal({ tty: plain, verbosity, nowMs, isInteractive });
  if (!options.isJson) return { terminal: text, leave: (exitCode) => exitCode };
  const json = new JsonTerminal({ tty, text, nowMs });
  return {
    terminal: json,
    leave: (exitCode) => {
      json.emit({ event: "end", exitCode });
      return exitCode;
    },
  };
}

/** The same terminal, never redrawn. */
function plainErrors(tty: Tty): Tty {
  return {
    isInputTerminal: tty.isInputTerminal,
    isOutputTerminal: tty.isOutputTerminal,
    isErrorTerminal: false,
    allowsColour: false,
    columns: () => tty.columns(),
    writeOut: (text) => tty.writeOut(text),
    writeError: (text) => tty.writeError(text),
    readLine: (prompt, completer) => tty.readLine(prompt, completer),
    dropTypedAhead: () => tty.dropTypedAhead(),
    readSecret: (prompt) => tty.readSecret(prompt),
    inputLines: () => tty.inputLines(),
  };
}

async function prepare(
  options: ClientOptions,
  io: { tty: Tty; output: Output; isInteractive: boolean },
  importController: ControllerImport,
): Promise<ClientProgram> {
  const congestion = await loadController(options.congestion, importController);
  const { terminal } = io.output;
  const localFolder = await prepareLocalFolder(options.folder, io);
  const { tty } = io;
  const access = await ClientAccess.prepare({
    files: await openPrivateFiles(),
    givenCode: await givenCode(options.codeFile),
    readSecret: tty.isInputTerminal ? (prompt) => tty.readSecret(prompt) : null,
    note: (line) => terminal.note(line),
  });
  if (access.identity.warning !== null) terminal.detail(access.identity.warning);
  const { identity } = access.identity;
  const setup = setUpNetwork({ ...options, congestion, identity });
  const portProbe = options.ffi ? openPortProbe() : null;
  const session = new Session({
    connector: new NetworkConnector(setup, access, {
      sleep: (delayMs) => systemClock.sleep(delayMs),
      portProbe,
      wantsCompression: options.wantsCompression,
    }),
    portProbe,
    clock: systemClock,
    terminal,
    target: options.target,
    localFolder,
    timeoutMs: options.timeoutMs,
    patienceMs: options.patienceMs,
    isInteractive: io.isInteractive,
    rate: {
      maxRateBytesPerSecond: options.maxRateBytesPerSecond,
      isPolite: options.isPolite,
    },
    onIdleEnd: (end) => {
      if (!io.isInteractive) return;
      terminal.note(`Connection ended: ${end.reason}. The next command connects again.`);
    },
  });
  const { exists, durability, ffi: hasNativeCode } = options;
  const leafHashing = chooseLeafHashing(options);
  const shell = new Shell({ session, terminal, exists, durability, hasNativeCode, leafHashing });
  return new ClientProgram({ options, session, shell, terminal, ...io });
}

/**
 * Makes the local folder and throws away what is old in it; returns its absolute path. Who only lists or renames
 * on the server does without it: where it cannot be made, whatever needs it fails.
 */
async function prepareLocalFolder(
  folder: string,
  { output: { terminal }, isInteractive }: { output: Output; isInteractive: boolean },
): Promise<string> {
  try {
    const local = await FileRoot.open(folder, { create: true });
    const cleaned = await cleanLeftovers(local);
    await local.close();
    if (cleaned !== null) terminal.detail(cleaned);
    return local.directory;
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    const problem = `The local folder cannot be used. ${describeFailure("lcd", error).message}`;
    if (isInteractive) terminal.note(problem);
    else terminal.detail(problem);
    return systemDisk.absolutePath(folder);
  }
}

interface ClientParts {
  readonly options: ClientOptions;
  readonly session: Session;
  readonly shell: Shell;
  readonly terminal: Terminal;
  readonly tty: Tty;
  readonly isInteractive: boolean;
}

/** The loop, and what signals do to it. */
class ClientProgram {
  readonly #parts: ClientParts;
  /** The command under way. */
  #running: AbortController | null = null;
  /** Resolves when a signal ends the program while no command runs. */
  readonly #endedIdle = Promise.withResolvers<number>();
  /** The exit code of that signal. */
  #signalCode: number | null = null;

  constructor(parts: ClientParts) {
    this.#parts = parts;
  }

  async run(): Promise<number> {
    const stopListening = onSignals({
      interrupt: () => this.#interrupt(),
      terminate: () => this.#end(EXIT.terminated),
    });
    try {
      const exitCode = await Promise.race([this.#serve(), this.#endedIdle.promise]);
      await this.#parts.session.close();
      return this.#signalCode ?? exitCode;
    } finally {
      stopListening();
    }
  }

  async #serve(): Promise<number> {
    const { options, shell, isInteractive } = this.#parts;
    if (options.command.length > 0) {
      const words = options.command.map(wordFromArgument);
      return (await this.#command((signal) => shell.runWords(words, signal))).exitCode;
    }
    const failure = await this.#connectFirst();
    if (failure !== null) return failure;
    return isInteractive ? await this.#converse() : await this.#script();
  }

  /** Shell and script want to know at once whether there is a server. */
  async #connectFirst(): Promise<number | null> {
    const { session, terminal } = this.#parts;
    const { exitCode } = await this.#command(async (signal) => {
      try {
        await session.connected(signal);
        return { exitCode: EXIT.ok, next: "go-on" };
      } catch (error) {
        return { exitCode: terminal.failure("open", error), next: "leave" };
      }
    });
    return exitCode === EXIT.ok ? null : exitCode;
  }

  /** One command a line; the first that fails ends the script. */
  async #script(): Promise<number> {
    const { shell, tty } = this.#parts;
    for await (const line of tty.inputLines()) {
      const { exitCode, next } = await this.#command((signal) => shell.runLine(line, signal));
      if (exitCode !== EXIT.ok || next === "leave") return exitCode;
    }
    return EXIT.ok;
  }

  async #converse(): Promise<number> {
    const { shell, session, tty, terminal } = this.#parts;
    terminal.note("`help` shows the commands, `bye` leaves.");
    const endless = new AbortController().signal;
    const completer = (line: string) => complete(line, shell.commands, session, endless);
    for (;;) {
      const reading = await tty.readLine(this.#prompt(), completer);
      if (reading.kind === "interrupt") {
        tty.writeError("\n");
        return EXIT.interrupted;
      }
      if (reading.kind === "end") {
        tty.writeError("\n");
        return EXIT.ok;
      }
      const { next } = await this.#command((signal) => shell.runLine(reading.text, signal));
      if (next === "leave") return EXIT.ok;
    }
  }

  #prompt(): string {
    const { session } = this.#parts;
    if (session.link === null) return "ferry (not connected)> ";
    const folder = session.remoteFolder.components.at(-1);
    return folder === undefined ? "ferry> " : `ferry ${show(folder)}> `;
  }

  async #command(work: (signal: AbortSignal) => Promise<LineOutcome>): Promise<LineOutcome> {
    const running = new AbortController();
    this.#running = running;
    try {
      const outcome = await work(running.signal);
      return this.#signalCode === null ? outcome : { exitCode: this.#signalCode, next: "leave" };
    } finally {
      this.#running = null;
    }
  }

  /** Ctrl-C: the first stops the command, one more or one at the prompt ends the program. */
  #interrupt(): void {
    if (this.#running === null) return this.#end(EXIT.interrupted);
    if (this.#running.signal.aborted) Deno.exit(EXIT.interrupted);
    this.#parts.tty.dropTypedAhead();
    this.#running.abort(new CancelledError());
  }

  /** Ends the program once the running command has put its things in order; a second time at once. */
  #end(exitCode: number): void {
    if (this.#signalCode !== null) Deno.exit(exitCode);
    this.#signalCode = exitCode;
    if (this.#running === null) this.#endedIdle.resolve(exitCode);
    else this.#running.abort(new CancelledError());
  }
}
