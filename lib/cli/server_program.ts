/**
 * The server from its arguments to its exit code.
 *
 * @module
 */

import { fingerprint } from "../crypto/mod.ts";
import {
  type ConnectionHandle,
  type Listener,
  SocketError,
  systemClock,
  TaskGroup,
} from "../driver/mod.ts";
import { FileError, FileRoot } from "../files/mod.ts";
import {
  type ServeContext,
  serverOperations,
  stricterRate,
  UploadClaims,
} from "../operations/mod.ts";
import { serveConnection, statusCode } from "../request/mod.ts";
import { SubjectError } from "../shell/mod.ts";
import { chooseLeafHashing } from "./ciphers.ts";
import { type ControllerImport, loadController } from "./congestion.ts";
import { describeFailure, EXIT, type Failure } from "./exit_code.ts";
import { type NetworkSetup, openListener, outsideAddress, setUpNetwork } from "./network.ts";
import { acceleratorsOf, endSentence, gaugeOf } from "./network_link.ts";
import { serverHelp, versionLine } from "./help.ts";
import { hasJsonFlag, readServerOptions, type ServerOptions } from "./options.ts";
import { ServerLog } from "./server_log.ts";
import { openPrivateFiles } from "./private_files.ts";
import { dropPermissions, lackedPermissions } from "./permissions.ts";
import { type Admission, ServerAccess } from "./server_access.ts";
import { show, showJson } from "./show.ts";
import { onSignals } from "./signals.ts";
import { cleanHourly } from "./staging_care.ts";
import { StrangerLines } from "./stranger_lines.ts";
import { systemTty } from "./tty.ts";

/**
 * Runs the server until it is stopped.
 *
 * @param args The program's arguments.
 * @returns The exit code.
 */
export async function runServer(
  args: readonly string[],
  importController: ControllerImport,
): Promise<number> {
  const tty = systemTty();
  try {
    const options = readServerOptions(args);
    if (options.wantsHelp || options.wantsVersion) {
      tty.writeOut(`${options.wantsHelp ? serverHelp() : versionLine()}\n`);
      return EXIT.ok;
    }
    const log = new ServerLog({ tty, isJson: options.isJson, verbosity: options.verbosity });
    const congestion = await loadController(options.congestion, importController);
    const root = await openRoot(options);
    try {
      const access = await ServerAccess.prepare(
        options,
        await openPrivateFiles(),
        root.directory,
        (line) => log.warn(line),
      );
      const { identity } = access.identity;
      const { roleOfAnyone } = access;
      const setup = setUpNetwork({ ...options, congestion, identity, roleOfAnyone });
      const server = new FerryServer({ options, log, root, access, setup });
      try {
        return await server.run();
      } finally {
        await access.end();
      }
    } finally {
      await root.close();
    }
  } catch (error) {
    const { code, message, exitCode } = startFailure(error);
    if (hasJsonFlag(args)) {
      tty.writeOut(`${showJson({ event: "error", code, exitCode, message })}\n`);
      tty.writeOut(`${showJson({ event: "end", exitCode })}\n`);
    }
    tty.writeError(`${show(message)}\n`);
    return exitCode;
  }
}

async function openRoot({ root, isReadOnly, durability, ffi }: ServerOptions): Promise<FileRoot> {
  const nowMs = () => systemClock.nowMs();
  try {
    const hasNativeCode = ffi;
    const create = !isReadOnly;
    const guardsDisk = true;
    const leafHashing = chooseLeafHashing({ ffi });
    return await FileRoot.open(root, {
      ...{ create, guardsDisk, nowMs, durability, hasNativeCode, leafHashing },
    });
  } catch (error) {
    if (error instanceof FileError && error.kind === "not-found") {
      throw new SubjectError(`${root.replace(/\/+$/, "")}/`, error);
    }
    throw error;
  }
}

function startFailure(error: unknown): Omit<Failure, "more"> {
  if (!(error instanceof SocketError)) return describeFailure("", error);
  const { kind: code, message } = error;
  const isRefused = code === "permission" || code === "not-allowed";
  const way = code === "address-in-use" ? "; give another port, or 0 for any free one" : "";
  return { code, message: message + way, exitCode: isRefused ? EXIT.refused : EXIT.other };
}

interface ServerParts {
  readonly options: ServerOptions;
  readonly log: ServerLog;
  readonly root: FileRoot;
  readonly access: ServerAccess;
  readonly setup: NetworkSetup;
}

/** The close code from which a client knows that it need not try again. */
const STOPPING = statusCode("stopping");
/** How long a connection may stay that has proved nothing. */
const GRACE_MS = 30_000;
/** A server that stops asks its clients this often for a sign of life, */
const LOOK_MS = 1000;
/** and does not wait for one that has given none for so long. */
const SILENCE_MS = 5000;

/** A listening server: its connections, and the two ways in which it stops. */
class FerryServer {
  readonly #parts: ServerParts;
  readonly #connections = new Map<ConnectionHandle, Admission>();
  /** Cut the requests of a connection. */
  readonly #cuts = new Map<ConnectionHandle, AbortController>();
  readonly #uploads = new UploadClaims({
    nowMs: () => systemClock.nowMs(),
    pause: (delayMs) => systemClock.sleep(delayMs).done,
  });
  /** No new connections and requests; running ones finish. */
  readonly #draining = new AbortController();
  /** Resolves when the server was asked to stop and its last connection has ended. */
  readonly #drained = Promise.withResolvers<void>();
  readonly #tasks = new TaskGroup();
  readonly #strangerLines: StrangerLines;

  constructor(parts: ServerParts) {
    this.#parts = parts;
    const onOmitted = (sentence: string) => parts.log.notice(sentence);
    this.#strangerLines = new StrangerLines(() => systemClock.nowMs(), onOmitted);
  }

  async run(): Promise<number> {
    const { options, log, access, setup } = this.#parts;
    const address = { hostname: options.host, port: options.port };
    const listener = await openListener(setup, address, access);
    const stopListening = onSignals({
      interrupt: () => this.#askedToStop(EXIT.interrupted),
      terminate: () => this.#askedToStop(EXIT.terminated),
    });
    const tasks = this.#tasks;
    try {
      const facts = await this.#facts(listener);
      log.listening(facts);
      for (const line of lackedPermissions(facts)) log.warn(line);
      dropPermissions();
      tasks.run("accept", () => this.#accept(listener));
      if (!options.isReadOnly) tasks.run("staging", () => this.#cleanStaging());
      await Promise.race([
        this.#drained.promise,
        failureOf(listener.failed),
        failureOf(tasks.failed),
      ]);
      await listener.close(STOPPING, "the server stops");
      await tasks.join();
    } finally {
      stopListening();
    }
    log.stopped(EXIT.ok);
    return EXIT.ok;
  }

  async #facts(listener: Listener) {
    const { options, root, access, setup } = this.#parts;
    const { hostname, port } = listener.address;
    return {
      host: hostname,
      port,
      root: root.directory,
      ...await root.measure(),
      fingerprint: fingerprint(setup.identity.publicKey),
      isReadOnly: options.isReadOnly,
      isOpen: options.isOpen,
      code: access.code,
      outsideAddress: outsideAddress(hostname),
      accelerators: acceleratorsOf(setup.driver.aead.name, listener.socket.capabilities),
    };
  }

  async #cleanStaging(): Promise<void> {
    const { root, log } = this.#parts;
    await cleanHourly(root, (sentence) => log.notice(sentence), this.#draining.signal);
  }

  async #accept(listener: Listener): Promise<void> {
    for (;;) {
      const handle = await listener.accept();
      if (handle === null) return;
      if (this.#draining.signal.aborted) {
        await handle.close(STOPPING, "the server stops");
        continue;
      }
      const admission = await this.#parts.access.admit(handle);
      this.#connections.set(handle, admission);
      this.#tasks.run("connection", () => this.#serve(handle, admission));
    }
  }

  async #serve(handle: ConnectionHandle, admission: Admission): Promise<void> {
    const { log } = this.#parts;
    const peer = addressText(handle.peer);
    const cut = new AbortController();
    this.#cuts.set(handle, cut);
    this.#tellOf(admission, () => log.connected(peer, admission.role));
    const grace = systemClock.sleep(GRACE_MS);
    // A server that stops does not wait for a stranger who takes his time over the code.
    const endGrace = () => grace.cancel();
    this.#draining.signal.addEventListener("abort", endGrace);
    const graceOver = this.#endStranger(handle, admission, grace.done);
    try {
      await serveConnection(
        handle,
        serverOperations,
        this.#context(peer, handle, admission),
        cut.signal,
        this.#draining.signal,
      );
      if (!handle.hasEnded) await handle.close(STOPPING, "the server stops");
      const end = endSentence(await handle.closed);
      this.#tellOf(admission, () => log.ended(peer, end));
    } finally {
      this.#draining.signal.removeEventListener("abort", endGrace);
      grace.cancel();
      await graceOver;
      this.#connections.delete(handle);
      this.#cuts.delete(handle);
      this.#onConnectionGone();
    }
  }

  /** Who has not proved anything in time has no business here. */
  async #endStranger(
    handle: ConnectionHandle,
    admission: Admission,
    graceOver: Promise<void>,
  ): Promise<void> {
    await graceOver;
    if (admission.role === "none" && !handle.hasEnded) {
      await handle.close(0, "no access code was given in time");
    }
  }

  #context(peer: string, handle: ConnectionHandle, admission: Admission): ServeContext {
    const { options, root, log } = this.#parts;
    return {
      root,
      peer,
      clientKey: handle.remoteIdentity.toHex(),
      uploads: this.#uploads,
      gauge: gaugeOf(handle),
      peerFeatures: handle.peerFeatures,
      silentMs: () => handle.silentMs,
      get role() {
        return admission.role;
      },
      codeGate: admission.codeGate,
      roleSettled: async () => await admission.codeGate?.pending.settled(),
      readOnly: options.isReadOnly,
      nowMs: () => systemClock.nowMs(),
      onEvent: (event) => {
        // Guesses that were looked at are few: the limit of guesses sees to that.
        if (event.kind === "guess" && event.outcome !== "too-many") log.event(peer, event);
        else this.#tellOf(admission, () => log.event(peer, event));
      },
      connectionCount: () => this.#guestCount(),
      holdBack: (wish) => {
        const setting = stricterRate(wish, options);
        handle.holdBack(setting);
        return setting;
      },
      requestShutdown: () => this.#drain(),
    };
  }

  #tellOf({ role }: Admission, line: () => void): void {
    if (role === "none") this.#strangerLines.tell(line);
    else line();
  }

  /** Connections that were let in: a stranger keeps no server from stopping. */
  #guestCount(): number {
    let count = 0;
    for (const { role } of this.#connections.values()) if (role !== "none") count++;
    return count;
  }

  /** A signal: the first drains, the second leaves at once. */
  #askedToStop(exitCode: number): void {
    if (this.#draining.signal.aborted) Deno.exit(exitCode);
    this.#drain();
  }

  #drain(): void {
    if (this.#draining.signal.aborted) return;
    this.#parts.log.draining(this.#connections.size);
    this.#draining.abort();
    this.#onConnectionGone();
    this.#tasks.run("drain", () => this.#endSilent());
  }

  #onConnectionGone(): void {
    if (this.#draining.signal.aborted && this.#connections.size === 0) this.#drained.resolve();
  }

  /** A client that does not answer any more keeps no server from stopping: what it sent is kept. */
  async #endSilent(): Promise<void> {
    const beginMs = systemClock.nowMs();
    while (this.#connections.size > 0) {
      // Before the first question silence meant nothing.
      const askedForMs = systemClock.nowMs() - beginMs;
      for (const handle of this.#connections.keys()) {
        if (Math.min(handle.silentMs, askedForMs) < SILENCE_MS) handle.ping();
        else this.#cuts.get(handle)?.abort();
      }
      const look = systemClock.sleep(LOOK_MS);
      await Promise.race([look.done, this.#drained.promise]);
      look.cancel();
    }
  }
}

async function failureOf(failed: Promise<Error>): Promise<never> {
  throw await failed;
}

function addressText({ hostname, port }: { hostname: string; port: number }): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}
