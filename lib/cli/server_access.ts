/**
 * Who may do what on this server: the cookie for its own user, keys that are known, the access code for
 * everybody else.
 *
 * @module
 */

import {
  AuthorizedClients,
  type Cookie,
  createCode,
  formatCode,
  GuessLimiter,
  loadIdentity,
  type StoredIdentity,
  writeCookie,
} from "../access/mod.ts";
import { type ConnectionHandle, isLoopback, systemClock, systemEntropy } from "../driver/mod.ts";
import { type CodeGate, PendingProofs } from "../operations/mod.ts";
import type { Role } from "../request/mod.ts";
import { METHOD_COOKIE, METHOD_NONE } from "../transport/mod.ts";
import { givenCode } from "./given_code.ts";
import type { ServerOptions } from "./options.ts";
import type { PrivateFiles } from "./private_files.ts";

/** What one connection may do, and how it may come to do more. */
export interface Admission {
  /** Its role at this moment. */
  readonly role: Role;
  /** Lets it prove the code; null when none is taken. */
  readonly codeGate: CodeGate | null;
}

/** How the code came about, for the start lines. */
export type CodeFact =
  /** A fresh one, to be shown. */
  | { readonly kind: "fresh"; readonly text: string }
  /** From a file or the environment. */
  | { readonly kind: "given" }
  /** None is asked. */
  | { readonly kind: "none" };

/** Lets connections in. */
export class ServerAccess {
  /** This server's key. */
  readonly identity: StoredIdentity;
  readonly #options: Pick<ServerOptions, "isOpen" | "isReadOnly">;
  readonly #files: PrivateFiles;
  readonly #code: string | null;
  readonly #isCodeGiven: boolean;
  readonly #clients: AuthorizedClients;
  readonly #warn: (line: string) => void;
  readonly #limiter = new GuessLimiter(() => systemClock.nowMs());
  #cookie: Cookie | null = null;

  private constructor(
    options: ServerOptions,
    parts: {
      files: PrivateFiles;
      identity: StoredIdentity;
      servedFolder: string;
      givenCode: string | null;
      warn: (line: string) => void;
    },
  ) {
    this.#options = options;
    this.#files = parts.files;
    this.#warn = parts.warn;
    this.identity = parts.identity;
    this.#isCodeGiven = parts.givenCode !== null;
    this.#code = parts.givenCode ?? (options.isOpen ? null : createCode(systemEntropy));
    this.#clients = new AuthorizedClients(parts.files.folder, parts.servedFolder);
  }

  /**
   * Finds this server's key and code.
   *
   * @param warn Takes what an operator must see.
   * @throws {UsageError} when what was given as a code cannot be one.
   * @throws {FileError} when its file cannot be read.
   */
  static async prepare(
    options: ServerOptions,
    files: PrivateFiles,
    servedFolder: string,
    warn: (line: string) => void,
  ): Promise<ServerAccess> {
    const code = await givenCode(options.codeFile);
    const identity = await loadIdentity(files.folder, "server", systemEntropy);
    return new ServerAccess(options, { files, identity, servedFolder, givenCode: code, warn });
  }

  /** The code, as far as the console should show it. */
  get code(): CodeFact {
    if (this.#code === null) return { kind: "none" };
    return this.#isCodeGiven ? { kind: "given" } : { kind: "fresh", text: formatCode(this.#code) };
  }

  /** The role of a client that nothing is known of. */
  get roleOfAnyone(): Role {
    return this.#options.isOpen ? this.#limited("read-write") : "none";
  }

  /** Writes the cookie for the port that was bound. */
  async start(port: number): Promise<void> {
    this.#cookie = await writeCookie(this.#files.paths, port, this.#files.options);
    if (this.#cookie === null) {
      this.#warn(
        "Warning: no place for a cookie, so your own clients cannot be told from other users of this " +
          "machine: all of them may read and write, and none may stop the server.",
      );
    }
    if (this.identity.warning !== null) this.#warn(`Warning: ${this.identity.warning}`);
  }

  /** The secret behind a way of proving oneself in the handshake; null refuses that way. */
  pskFor(method: number): Uint8Array | null {
    if (method === METHOD_NONE) return NO_SECRET;
    return method === METHOD_COOKIE ? this.#cookie?.secret ?? null : null;
  }

  /** What a connection may do. */
  async admit(handle: ConnectionHandle): Promise<Admission> {
    const { method, peer, remoteIdentity } = handle;
    let role: Role = method === METHOD_COOKIE ? "owner" : this.#limited(
      await this.#knownRole(remoteIdentity) ??
        (this.#trustsAddress(peer.hostname) ? "read-write" : this.roleOfAnyone),
    );
    if (role !== "none") handle.letIn();
    const provenRole = this.#options.isReadOnly ? "read-only" : "read-write";
    const gate: CodeGate | null = this.#code === null ? null : {
      code: this.#code,
      channel: {
        handshakeHash: handle.handshakeHash,
        clientKey: remoteIdentity,
        serverKey: this.identity.identity.publicKey,
      },
      entropy: systemEntropy,
      isKeyKept: this.identity.isKept,
      admitGuess: () => this.#limiter.admit(handle.peer.hostname),
      get role() {
        return role === "owner" ? role : provenRole;
      },
      pending: new PendingProofs(),
      grant: async ({ isKept }) => {
        if (role === "owner") return;
        role = provenRole;
        handle.letIn();
        const remark = `${handle.peer.hostname} ${new Date().toISOString().slice(0, 10)}`;
        await this.#clients.allow(remoteIdentity, provenRole, { remark, isKept });
      },
    };
    return {
      get role() {
        return role;
      },
      codeGate: gate,
    };
  }

  /** Removes the cookie. */
  async end(): Promise<void> {
    await this.#cookie?.remove();
    this.#cookie = null;
  }

  /** A list that cannot be read lets nobody in; everybody else is served all the same. */
  async #knownRole(key: Uint8Array): Promise<Role | null> {
    try {
      return await this.#clients.roleOf(key);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#warn(`Warning: cannot read ${this.#clients.path}: ${reason}`);
      return null;
    }
  }

  /** Only where there is no better way: other users and forwarders look local too. */
  #trustsAddress(hostname: string): boolean {
    return this.#cookie === null && isLoopback(hostname);
  }

  #limited(role: Role): Role {
    return role === "read-write" && this.#options.isReadOnly ? "read-only" : role;
  }
}

const NO_SECRET = new Uint8Array(32);
