/**
 * The one argument parser: words and flags → typed options.
 *
 * @module
 */

import type { Durability } from "../files/mod.ts";
import {
  type ExistsPolicy,
  isCommandWord,
  parseRate,
  readHost,
  readPort,
  type Target,
  UsageError,
} from "../shell/mod.ts";

/** How much is told. */
export type Verbosity = "quiet" | "normal" | "verbose" | "debug";

/** What both programs understand. */
export interface CommonOptions {
  /** `--help` was given: nothing else matters. */
  readonly wantsHelp: boolean;
  /** `--version` was given. */
  readonly wantsVersion: boolean;
  /** `--json`. */
  readonly isJson: boolean;
  /** `--quiet`, `--verbose`, `--debug`. */
  readonly verbosity: Verbosity;
  /** Cap in bytes per second; Infinity for none. The client's is for both directions. */
  readonly maxRateBytesPerSecond: number;
  /** `--polite`: yields to everybody else on the path. */
  readonly isPolite: boolean;
  /** False after `--no-ffi`. */
  readonly ffi: boolean;
  /** File with the access code. */
  readonly codeFile: string | null;
  /** Name of a congestion controller; null for the default. */
  readonly congestion: string | null;
  /** What a received file waits for before it counts as saved. */
  readonly durability: Durability;
}

/** What the server was asked to be. */
export interface ServerOptions extends CommonOptions {
  /** Address to listen on. */
  readonly host: string;
  /** Port to listen on, 0 for any. */
  readonly port: number;
  /** Folder to serve. */
  readonly root: string;
  /** Refuses every change. */
  readonly isReadOnly: boolean;
  /** Asks nobody for a code. */
  readonly isOpen: boolean;
}

/** What the client was asked to do. */
export interface ClientOptions extends CommonOptions {
  /** The server. */
  readonly target: Target;
  /** One command, or nothing for the shell. */
  readonly command: readonly string[];
  /** Local folder. */
  readonly folder: string;
  /** What get and put do with a target that exists. */
  readonly exists: ExistsPolicy;
  /** How long to try to connect, and to wait for a server whose port is closed. */
  readonly timeoutMs: number;
  /** How long a transfer that has begun waits for a server that has gone silent. */
  readonly patienceMs: number;
  /** Files travel compressed where that makes them smaller. */
  readonly wantsCompression: boolean;
}

/** Port when none is given. */
export const DEFAULT_PORT = 5555;

const DEFAULT_TIMEOUT_SECONDS = 10;
/** Longer than a router takes to start again. */
const DEFAULT_PATIENCE_MS = 120_000;
const LONGEST_TIMEOUT_SECONDS = 86_400;
const DURABILITY_WORDS: readonly Durability[] = ["full", "data", "none"];
const EXISTS_WORDS: readonly ExistsPolicy[] = ["overwrite", "skip", "rename", "fail"];

/** One option, as it is read and as the help texts show it. */
export interface OptionRow {
  /** The word after two dashes. */
  readonly name: string;
  /** Name of its value when it takes one. */
  readonly value?: string;
  /** What it does. */
  readonly meaning: string;
}

const COMMON_ROWS: readonly OptionRow[] = [
  { name: "code-file", value: "FILE", meaning: "file with the access code (or set FERRY_CODE)" },
  { name: "polite", meaning: "background mode: leave the link to others when they want it" },
  {
    name: "congestion",
    value: "NAME",
    meaning: "congestion control: bbr, cubic, new_reno, polite",
  },
  {
    name: "durability",
    value: "HOW",
    meaning: "flush received files: full (default), data or none",
  },
  { name: "no-ffi", meaning: "use no native code" },
  { name: "json", meaning: "one JSON object per line on stdout" },
  { name: "quiet", meaning: "only errors and results" },
  { name: "verbose", meaning: "tell more" },
  { name: "debug", meaning: "tell everything" },
  { name: "help", meaning: "show this" },
  { name: "version", meaning: "show the version" },
];

/** Every option of the server. */
export const SERVER_ROWS: readonly OptionRow[] = [
  { name: "root", value: "DIR", meaning: "folder to serve; default ./server_files" },
  { name: "read-only", meaning: "refuse put, rename, mkdir and rm" },
  { name: "open", meaning: "ask nobody for an access code" },
  { name: "max-rate", value: "RATE", meaning: "cap on sending to each client: 80Mbit, 10MB" },
  ...COMMON_ROWS,
];

/** Every option of the client. */
export const CLIENT_ROWS: readonly OptionRow[] = [
  { name: "dir", value: "DIR", meaning: "local folder; default ./client_files" },
  { name: "exists", value: "WHAT", meaning: "existing targets: overwrite, skip, rename or fail" },
  {
    name: "timeout",
    value: "SECONDS",
    meaning: "how long to wait for a server: to connect (default 10), when it has ended " +
      "under a transfer (10), when it is silent under one (120)",
  },
  { name: "max-rate", value: "RATE", meaning: "cap on each direction: 80Mbit, 10MB" },
  { name: "compress", meaning: "compress what travels, both ways: for text over slow links" },
  ...COMMON_ROWS,
];

/**
 * Reads the server's arguments.
 *
 * @throws {UsageError}
 */
export function readServerOptions(args: readonly string[]): ServerOptions {
  const { given, words } = scan(args, SERVER_ROWS, () => false);
  const rest = [...words];
  const host = isDigits(rest[0]) ? "0.0.0.0" : readHost(rest.shift() ?? "0.0.0.0");
  const port = rest.length > 0 ? readListeningPort(rest.shift()!) : DEFAULT_PORT;
  const isDebug = readDebug(rest);
  if (rest.length > 0) throw new UsageError(`Unexpected "${rest[0]}". See --help`);
  return {
    ...readCommon(given, isDebug),
    host,
    port,
    root: given.get("root") ?? "./server_files",
    isReadOnly: given.has("read-only"),
    isOpen: given.has("open"),
  };
}

/**
 * Reads the client's arguments.
 *
 * @throws {UsageError}
 */
export function readClientOptions(args: readonly string[]): ClientOptions {
  const { given, words } = scan(args, CLIENT_ROWS, (before) => splitClient(before).length > 0);
  const rest = [...words];
  if (isCommandWord(rest[0] ?? "") && !isDigits(rest[1])) {
    throw new UsageError(
      `"${rest[0]}" is a command: the server comes first, as in 127.0.0.1 5555 ${rest[0]}`,
    );
  }
  const host = isDigits(rest[0]) ? "127.0.0.1" : readHost(rest.shift() ?? "127.0.0.1");
  const port = isDigits(rest[0]) ? readPort(rest.shift()!) : DEFAULT_PORT;
  const isDebug = readDebug(rest);
  const timeoutMs = readSeconds(given.get("timeout")) * 1000;
  return {
    ...readCommon(given, isDebug),
    target: { host, port },
    command: rest,
    folder: given.get("dir") ?? "./client_files",
    exists: readExists(given.get("exists") ?? "overwrite"),
    timeoutMs,
    patienceMs: given.has("timeout") ? timeoutMs : DEFAULT_PATIENCE_MS,
    wantsCompression: given.has("compress"),
  };
}

/** Whether `--json` is among arguments that could not be read: then their error is told as JSON too. */
export function hasJsonFlag(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return (end < 0 ? args : args.slice(0, end)).includes("--json");
}

/**
 * Takes the long options out of the words. Single dashes belong to a command, so they are refused before
 * one has begun; a `--` ends the options, and stays with the command when one has begun.
 */
function scan(
  args: readonly string[],
  rows: readonly OptionRow[],
  hasCommand: (words: readonly string[]) => boolean,
): { given: ReadonlyMap<string, string>; words: readonly string[] } {
  const given = new Map<string, string>();
  const words: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const arg = args[index]!;
    if (arg === "--") {
      words.push(...args.slice(hasCommand(words) ? index : index + 1));
      break;
    }
    if (!arg.startsWith("--")) {
      if (arg === "-h" && !hasCommand(words)) given.set("help", "");
      else if (/^-./.test(arg) && !hasCommand(words)) throw unknownOption(arg);
      else words.push(arg);
      continue;
    }
    const [name, attached] = splitOnce(arg.slice(2), "=");
    const row = rows.find((candidate) => candidate.name === name);
    if (row === undefined && hasCommand(words)) {
      words.push(arg); // an option of the command, or its mistake to tell
      continue;
    }
    if (row === undefined) throw unknownOption(arg);
    if (row.value === undefined) {
      if (attached !== null) throw new UsageError(`--${name} takes no value`);
      given.set(name, "");
    } else {
      const value = attached ?? args[++index];
      // Empty is what a variable of a script gives that was not set.
      if (value === undefined || value === "") throw new UsageError(`--${name} needs ${row.value}`);
      given.set(name, value);
    }
  }
  return { given, words };
}

function unknownOption(arg: string): UsageError {
  return new UsageError(`Unknown option ${arg}. See --help`);
}

/** The words after HOST, PORT and DEBUG. */
function splitClient(words: readonly string[]): readonly string[] {
  const rest = [...words];
  if (!isDigits(rest[0])) rest.shift();
  if (isDigits(rest[0])) rest.shift();
  if (rest[0] === "0" || rest[0] === "1") rest.shift();
  return rest;
}

function readCommon(given: ReadonlyMap<string, string>, isDebug: boolean): CommonOptions {
  const rate = given.get("max-rate");
  return {
    wantsHelp: given.has("help"),
    wantsVersion: given.has("version"),
    isJson: given.has("json"),
    verbosity: readVerbosity(given, isDebug),
    maxRateBytesPerSecond: rate === undefined ? Infinity : parseRate(rate),
    isPolite: given.has("polite") || given.get("congestion") === "polite",
    ffi: !given.has("no-ffi"),
    codeFile: given.get("code-file") ?? null,
    congestion: readControllerName(given.get("congestion")),
    durability: readDurability(given.get("durability") ?? "full"),
  };
}

function readVerbosity(given: ReadonlyMap<string, string>, isDebug: boolean): Verbosity {
  if (isDebug || given.has("debug")) return "debug";
  if (given.has("verbose")) return "verbose";
  return given.has("quiet") ? "quiet" : "normal";
}

function readControllerName(name: string | undefined): string | null {
  if (name === undefined) return null;
  if (!/^[a-z][a-z0-9_]*$/.test(name)) {
    throw new UsageError(`Not a name of a congestion controller: "${name}"`);
  }
  return name;
}

function readListeningPort(text: string): number {
  if (text === "0") return 0;
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) {
    throw new UsageError(`Port must be 0 to 65535, not "${text}"`);
  }
  return Number(text);
}

/** Takes DEBUG off the front of `rest`. */
function readDebug(rest: string[]): boolean {
  if (rest[0] !== "0" && rest[0] !== "1") return false;
  return rest.shift() === "1";
}

function readExists(word: string): ExistsPolicy {
  const policy = EXISTS_WORDS.find((candidate) => candidate === word);
  if (policy === undefined) {
    throw new UsageError(`--exists takes overwrite, skip, rename or fail, not "${word}"`);
  }
  return policy;
}

function readDurability(word: string): Durability {
  const durability = DURABILITY_WORDS.find((candidate) => candidate === word);
  if (durability === undefined) {
    throw new UsageError(`--durability takes full, data or none, not "${word}"`);
  }
  return durability;
}

function readSeconds(text: string | undefined): number {
  if (text === undefined) return DEFAULT_TIMEOUT_SECONDS;
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0;
  if (!(seconds > 0) || seconds > LONGEST_TIMEOUT_SECONDS) {
    throw new UsageError(`--timeout takes seconds, 0.1 to ${LONGEST_TIMEOUT_SECONDS}`);
  }
  return seconds;
}

function isDigits(word: string | undefined): boolean {
  return word !== undefined && /^\d+$/.test(word);
}

function splitOnce(text: string, separator: string): [string, string | null] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + 1)];
}
