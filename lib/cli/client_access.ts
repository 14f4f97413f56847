/**
 * How the client gets in: by the cookie of a server of the same user, by keys that both sides know, by the
 * access code.
 *
 * @module
 */

import {
  KnownServers,
  loadIdentity,
  normalCode,
  type ProofChannel,
  readCookies,
  serverNameText,
  type StoredIdentity,
} from "../access/mod.ts";
import { fingerprint } from "../crypto/mod.ts";
import { type ConnectionHandle, isLoopback, systemEntropy } from "../driver/mod.ts";
import {
  askStanding,
  CodeError,
  type CodeErrorKind,
  proveCode,
  roleOfAnyone,
} from "../operations/mod.ts";
import type { Caller, Role } from "../request/mod.ts";
import { CancelledError, ConnectFailure, type Target } from "../shell/mod.ts";
import type { PrivateFiles } from "./private_files.ts";
import type { LineReading } from "./tty.ts";

/** What the client has to get in with. */
export interface ClientAccessOptions {
  /** The user's folders. */
  readonly files: PrivateFiles;
  /** Code from a file or the environment, normal form. */
  readonly givenCode: string | null;
  /** Asks somebody at a terminal; null when nobody is there. */
  readonly readSecret: ((prompt: string) => Promise<LineReading>) | null;
  /** Takes what the user should know. */
  readonly note: (line: string) => void;
}

/** What became of asking for a role. */
export type AdmissionOutcome =
  | { readonly kind: "admitted"; readonly role: Role }
  /** A code is wanted and there is none, or a typed one was wrong. */
  | { readonly kind: "wants-code" };

const MAX_PROMPTS = 3;

/** Gets connections their role. */
export class ClientAccess {
  /** This client's key. */
  readonly identity: StoredIdentity;
  readonly #options: ClientAccessOptions;
  readonly #servers: KnownServers;
  /** Keys of known servers that will not have us without a code. */
  readonly #doubted = new Set<string>();

  private constructor(options: ClientAccessOptions, identity: StoredIdentity) {
    this.identity = identity;
    this.#options = options;
    this.#servers = new KnownServers(options.files.folder);
  }

  /** Finds this client's key. */
  static async prepare(options: ClientAccessOptions): Promise<ClientAccess> {
    const identity = await loadIdentity(options.files.folder, "client", systemEntropy);
    return new ClientAccess(options, identity);
  }

  /** Cookies that a server at these addresses may have written for us: only one on this machine can have. */
  async cookiesFor(addresses: readonly string[], port: number): Promise<Uint8Array[]> {
    const { paths, options } = this.#options.files;
    const cookies = await readCookies(paths, port, options);
    return cookies.length > 0 && addresses.every(isOfThisMachine) ? cookies : [];
  }

  /**
   * Whether the server is one that knew us the last time: then requests need not wait for it to say so again,
   * which on a long path takes as long as the first of them.
   */
  async isExpected(target: Target, key: Uint8Array): Promise<boolean> {
    if (this.#doubted.has(key.toHex())) return false;
    return (await this.#servers.standing(target, key)).kind === "known";
  }

  /**
   * The role that such a server gives us. One that gives none is not expected to give any from now on.
   *
   * @throws {StreamError | RemoteError}
   */
  async askRole(caller: Caller, key: Uint8Array, signal: AbortSignal): Promise<Role> {
    const { role } = await askStanding(caller, { signal });
    if (role === "none") this.#doubted.add(key.toHex());
    return role;
  }

  /**
   * Gets a connection without a proof its role.
   *
   * @param typedCode What somebody has just typed; null for what was given beforehand, if anything.
   * @throws {ConnectFailure} when the server is not the one that is known, or will not have us.
   * @throws {StreamError | RemoteError} when the connection is lost or the server stops.
   */
  async admit(
    connection: { readonly handle: ConnectionHandle; readonly caller: Caller },
    target: Target,
    options: { readonly typedCode: string | null; readonly signal: AbortSignal },
  ): Promise<AdmissionOutcome> {
    const { handle, caller } = connection;
    const { signal, typedCode } = options;
    const key = handle.remoteIdentity;
    const standing = await this.#servers.standing(target, key);
    if (standing.kind === "changed") throw this.#changedKey(target, standing.knownKey, key);
    const code = typedCode ?? this.#options.givenCode;
    // Who has a code wants the server to prove itself too, at least the first time: then there is nothing to ask.
    const isProofWanted = code !== null && standing.kind === "unknown";
    if (!isProofWanted) {
      const anyone = roleOfAnyone(handle.peerFeatures);
      const { role } = anyone !== "none" ? { role: anyone } : await askStanding(caller, { signal });
      if (role !== "none") {
        if (standing.kind === "unknown") this.#noteUnproven(target, key);
        return { kind: "admitted", role };
      }
    }
    if (code === null) return { kind: "wants-code" };
    const channel: ProofChannel = {
      handshakeHash: handle.handshakeHash,
      clientKey: this.identity.identity.publicKey,
      serverKey: key,
    };
    try {
      const proven = await proveCode(caller, {
        code,
        channel,
        entropy: systemEntropy,
        isKeyKept: this.identity.isKept,
        signal,
      });
      if (proven.isKeyKept) await this.#servers.remember(target, key);
      return { kind: "admitted", role: proven.role };
    } catch (error) {
      if (!(error instanceof CodeError)) throw error;
      if (error.kind === "wrong-code" && typedCode !== null) return { kind: "wants-code" };
      throw codeFailure(error, target);
    }
  }

  /**
   * Asks for the code at the terminal.
   *
   * @param attempt Counts from 0.
   * @throws {ConnectFailure} when there is nobody to ask, or the code was wrong too often.
   * @throws {CancelledError} when the user will not say it.
   */
  async askCode(target: Target, attempt: number): Promise<string> {
    const { readSecret, note, files } = this.#options;
    if (attempt === 0 && files.paths.runtime === null && files.paths.config === null) {
      note("Without access to the folder of its keys this client cannot show whose it is.");
    }
    if (readSecret === null) {
      throw new ConnectFailure(
        "refused",
        `The server at ${name(target)} wants an access code. It stands on the server's console; ` +
          "give it with --code-file FILE or in FERRY_CODE",
      );
    }
    if (attempt >= MAX_PROMPTS) throw codeFailure(new CodeError("wrong-code"), target);
    if (attempt === 0) note("The access code stands on the server's console.");
    else note(`Wrong access code for ${name(target)}.`);
    for (;;) {
      const reading = await readSecret(`Access code of ${name(target)}: `);
      if (reading.kind !== "line") throw new CancelledError();
      const code = normalCode(reading.text);
      if (code !== null) return code;
      note("An access code has at least 8 letters and digits, such as K7QF-9X2M.");
    }
  }

  #noteUnproven(target: Target, key: Uint8Array): void {
    this.#options.note(
      `The server at ${
        name(target)
      } has not proved who it is. Compare its key with the one that the ` +
        `server shows: ${fingerprint(key)}`,
    );
  }

  #changedKey(target: Target, known: Uint8Array, shown: Uint8Array): ConnectFailure {
    const where = this.#servers.path ?? "known_servers";
    return new ConnectFailure(
      "refused",
      `The key of ${name(target)} is not the known one: known ${fingerprint(known)}, now ` +
        `${
          fingerprint(shown)
        }. Somebody may be in between, or the server was set up anew. If you are ` +
        `sure that it was, remove the line ${
          serverNameText(target)
        } from ${where} and connect again`,
    );
  }
}

/** Whether packets to this address stay on this machine. */
function isOfThisMachine(address: string): boolean {
  if (isLoopback(address)) return true;
  const permission = Deno.permissions.querySync({ name: "sys", kind: "networkInterfaces" });
  if (permission.state !== "granted") return false;
  return Deno.networkInterfaces().some((network) => network.address === address);
}

function codeFailure(error: CodeError, target: Target): ConnectFailure {
  return new ConnectFailure("refused", CODE_SENTENCES[error.kind](name(target)), { cause: error });
}

const CODE_SENTENCES: Readonly<Record<CodeErrorKind, (server: string) => string>> = {
  "wrong-code": (server) => `Wrong access code for ${server}`,
  "too-many-guesses": (server) =>
    `The server at ${server} takes no access code now: there were too many wrong ones. ` +
    "Try again in some minutes",
  "no-code": (server) =>
    `The server at ${server} lets anybody in and cannot prove that it knows the access code. ` +
    "Leave the code away to connect all the same",
};

function name({ host, port }: Target): string {
  return `${host} port ${port}`;
}
