/**
 * The server's console: one line per event, as text or as JSON.
 *
 * @module
 */

import type { GuessEvent, ServiceEvent } from "../operations/mod.ts";
import type { Role, StatusName } from "../request/mod.ts";
import type { Verbosity } from "./options.ts";
import type { CodeFact } from "./server_access.ts";
import { show, showJson } from "./show.ts";
import { startWords } from "./start_words.ts";
import type { Tty } from "./tty.ts";
import { limitSeenBy } from "../transfer/mod.ts";
import { formatBytes, formatCount, formatLimit, formatTransfer } from "./units.ts";
import { versionLine } from "./help.ts";

/** What the server is and offers, told at its start. */
export interface ServerFacts {
  /** Address it listens on. */
  readonly host: string;
  /** Port it listens on. */
  readonly port: number;
  /** Folder it serves, absolute. */
  readonly root: string;
  /** What is in there. */
  readonly files: number;
  /** Their bytes together. */
  readonly bytes: number;
  /** Fingerprint of its key. */
  readonly fingerprint: string;
  /** It refuses every change. */
  readonly isReadOnly: boolean;
  /** It asks nobody for a code. */
  readonly isOpen: boolean;
  /** The code that it asks others for. */
  readonly code: CodeFact;
  /** An address of this machine that others can use; null when it listens on loopback only. */
  readonly outsideAddress: string | null;
  /** Faster ways in use. */
  readonly accelerators: readonly string[];
}

/** What a log is made of. */
export interface ServerLogOptions {
  /** Where it goes. */
  readonly tty: Tty;
  /** JSON instead of text. */
  readonly isJson: boolean;
  /** How much is told. */
  readonly verbosity: Verbosity;
}

/** Writes what happens. */
export class ServerLog {
  readonly #options: ServerLogOptions;

  /** Starts with nothing written. */
  constructor(options: ServerLogOptions) {
    this.#options = options;
  }

  /** The server listens. */
  listening(facts: ServerFacts): void {
    const { host, port, root, fingerprint } = facts;
    if (this.#options.isJson) {
      const code = facts.code.kind === "fresh" ? { code: facts.code.text } : {};
      this.#emit({ event: "listening", host, port, root, fingerprint, ...code });
    } else {
      for (const line of startLines(facts)) this.#line(line);
      // A code that nobody sees opens nothing: it is shown with --quiet too.
      if (facts.code.kind === "fresh") this.#options.tty.writeOut(`${codeLine(facts)}\n`);
    }
    if (facts.isOpen) {
      const may = facts.isReadOnly ? "read" : "read and write";
      this.warn(
        `Warning: no access code is asked. Whoever reaches this address may ${may}.`,
      );
    }
  }

  /** A client has connected. */
  connected(peer: string, role: Role): void {
    this.#tell(peer, CONNECTED_LINES[role], { event: "connection", peer, role });
  }

  /** A client has gone. */
  ended(peer: string, reason: string): void {
    this.#tell(peer, `gone: ${reason}`, { event: "disconnection", peer, reason });
  }

  /** Something happened to a request. */
  event(peer: string, event: ServiceEvent): void {
    // What came of it is told by the guess.
    if (event.kind !== "guess" && event.name === "authenticate") return;
    switch (event.kind) {
      case "request": {
        const { name, path } = event;
        const about = path === "" ? name : `${name} ${path}`;
        this.#tell(peer, about, { event: "request", name, path, peer });
        return;
      }
      case "failure": {
        const { name, path, reason, detail } = event;
        const about = [name, path].filter((part) => part !== "").join(" ");
        this.#tell(peer, `${about}: ${missingFolder(name, reason) ?? sentence(reason)}`, {
          event: "failure",
          name,
          path,
          reason,
          peer,
        });
        if (detail !== undefined) this.debug(detail);
        return;
      }
      case "guess": {
        const { outcome, wrongCount } = event;
        this.#tell(peer, GUESS_LINES[outcome](wrongCount), {
          event: "guess",
          outcome,
          wrongCount,
          peer,
        });
        return;
      }
      case "transfer": {
        const { direction, bytes, resumedFrom, seconds, ok, reason, limit } = event;
        const side = direction === "send" ? "sender" : "receiver";
        const limitedBy = limit === undefined ? null : limitSeenBy(side, limit);
        const name = event.name.replace(/^\//, "");
        const verb = direction === "send" ? "sent" : "received";
        const measure = formatTransfer(bytes + resumedFrom, bytes, seconds);
        const line = ok
          ? `${verb} ${name}: ${measure}, verified${formatLimit(limitedBy)}`
          : `${name}: stopped after ${bytes} bytes: ${sentence(reason ?? "internal")}`;
        this.#tell(peer, line, {
          event: "transfer",
          direction,
          name,
          bytes: bytes + resumedFrom,
          seconds: Math.round(seconds * 1e6) / 1e6,
          ok,
          peer,
          ...(resumedFrom === 0 ? {} : { resumedFrom }),
          ...(reason === undefined ? {} : { reason }),
          ...(limitedBy === null ? {} : { limitedBy }),
        });
        return;
      }
    }
  }

  /** The server finishes what runs and lets nothing new in. */
  draining(connections: number): void {
    const waits = connections === 0
      ? "."
      : `; ${formatCount(connections, "connection")} to end. Ctrl-C again leaves at once.`;
    this.#note(`Stopping${waits}`, { event: "draining", connections });
  }

  /** Something the server did by itself. */
  notice(sentence: string): void {
    this.#note(sentence, { event: "notice", message: sentence });
  }

  /** The server is done. */
  stopped(exitCode: number): void {
    this.#note("Stopped.", { event: "end", exitCode });
  }

  /** Something an operator must see, on stderr. */
  warn(line: string): void {
    this.#options.tty.writeError(`${show(line)}\n`);
  }

  /** Something for `--debug`, on stderr. */
  debug(text: string): void {
    if (this.#options.verbosity !== "debug") return;
    for (const line of text.split("\n")) this.warn(line);
  }

  #tell(peer: string, line: string, event: Readonly<Record<string, unknown>>): void {
    this.#note(`${peer} ${line}`, event);
  }

  #note(line: string, event: Readonly<Record<string, unknown>>): void {
    if (this.#options.isJson) this.#emit(event);
    else this.#line(line);
  }

  #emit(event: Readonly<Record<string, unknown>>): void {
    this.#options.tty.writeOut(`${showJson(event)}\n`);
  }

  #line(line: string): void {
    if (this.#options.verbosity !== "quiet") this.#options.tty.writeOut(`${show(line)}\n`);
  }
}

const CONNECTED_LINES: Readonly<Record<Role, string>> = {
  "owner": "connected",
  "read-write": "connected, may read and write",
  "read-only": "connected, may read",
  "none": "connected, not let in yet",
};

const GUESS_LINES: Readonly<Record<GuessEvent["outcome"], (wrongCount: number) => string>> = {
  "right": () => "gave the right access code: let in, and its key is known from now on",
  "wrong": (count) => `gave a wrong access code (${count} in a row from that address)`,
  "too-many": () => "tried an access code after too many wrong ones: not looked at",
};

function codeLine({ code }: ServerFacts): string {
  switch (code.kind) {
    case "fresh":
      return `Access code for everybody else: ${code.text}`;
    case "given":
      return "Access code for everybody else: the one that was given";
    case "none":
      return "No access code";
  }
}

function startLines(facts: ServerFacts): string[] {
  const { host, port, root, files, bytes, fingerprint, accelerators } = facts;
  const mode = facts.isReadOnly ? ", read-only" : "";
  const client = startWords("client");
  const lines = [
    versionLine(),
    `Listening on ${host} port ${port}`,
    `Folder ${root}: ${formatCount(files, "file")}, ${formatBytes(bytes)}${mode}`,
    `Key ${fingerprint}`,
    `Accelerators: ${accelerators.length === 0 ? "none" : accelerators.join(", ")}`,
    `On this machine:   ${client} ${hereAddress(host)} ${port}`,
  ];
  if (facts.outsideAddress !== null) {
    lines.push(`On other machines: ${client} ${facts.outsideAddress} ${port}`);
  }
  if (facts.code.kind === "given") lines.push(codeLine(facts));
  return lines;
}

/** The address under which this machine reaches itself. */
function hereAddress(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}

/** Who makes something knows that it is not there: what is missing is the folder for it. */
function missingFolder(name: string, reason: StatusName): string | null {
  return reason === "not-found" && MAKING.has(name) ? "no such folder for it" : null;
}

const MAKING: ReadonlySet<string> = new Set(["put", "mkdir"]);

function sentence(reason: StatusName): string {
  return SENTENCES[reason] ?? reason;
}

const SENTENCES: Readonly<Partial<Record<StatusName, string>>> = {
  "not-found": "no such file",
  "exists": "it exists",
  "not-a-file": "not a regular file",
  "is-a-directory": "it is a folder",
  "not-a-directory": "not a folder",
  "not-empty": "the folder is not empty",
  "permission": "access denied",
  "no-space": "no space left",
  "quota": "refused, too much of this client is unfinished",
  "read-only-server": "refused, this server is read-only",
  "refused": "refused, not allowed for this client",
  "outside": "refused, outside the served folder",
  "invalid-name": "refused, not a name for a file",
  "cancelled": "given up by the client",
  "connection-lost": "connection lost",
  "changed": "the source changed while it was read",
  "integrity": "it did not arrive as it was sent",
  "stopping": "refused, the server is stopping",
  "busy": "in use by another transfer",
  "internal": "an error of this server",
};
