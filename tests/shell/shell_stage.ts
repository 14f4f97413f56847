/**
 * A shell with a server in the same process: streams in memory, folders on the disk, time by hand.
 *
 * @module
 */

import { describeFailure } from "../../lib/cli/exit_code.ts";
import { systemClock } from "../../lib/driver/mod.ts";
import { FileRoot } from "../../lib/files/mod.ts";
import {
  type RateSetting,
  type ServeContext,
  serverOperations,
  UploadClaims,
} from "../../lib/operations/mod.ts";
import { Caller, serveConnection } from "../../lib/request/mod.ts";
import {
  type BatchEnd,
  CancelledError,
  ConnectFailure,
  type Connector,
  type DirectoryEntry,
  type ExistsPolicy,
  type Fact,
  type Link,
  type LinkEnd,
  type LinkStats,
  type PortProbe,
  type ResultFields,
  Session,
  Shell,
  type ShellClock,
  type Target,
  type Terminal,
  type TransferEnd,
  type TransferStart,
} from "../../lib/shell/mod.ts";
import { FoldingDisk } from "../support/folding_disk.ts";
import { type ConnectionPair, connectionPair } from "../support/stream_pair.ts";

/** Time that passes when a test says so. */
export class ManualClock implements ShellClock {
  #nowMs = 0;
  #sleeps: { atMs: number; wake: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  sleep(delayMs: number): { readonly done: Promise<void>; cancel(): void } {
    const { promise, resolve } = Promise.withResolvers<void>();
    const sleep = { atMs: this.#nowMs + delayMs, wake: resolve };
    this.#sleeps.push(sleep);
    const cancel = () => {
      this.#sleeps = this.#sleeps.filter((other) => other !== sleep);
      resolve();
    };
    return { done: promise, cancel };
  }

  /** How many waits there are. */
  get waitCount(): number {
    return this.#sleeps.length;
  }

  /** Lets time pass in small steps, and everything happen that it brings. */
  async pass(delayMs: number): Promise<void> {
    const endMs = this.#nowMs + delayMs;
    while (this.#nowMs < endMs) {
      this.#nowMs = Math.min(endMs, this.#nowMs + 100);
      const due = this.#sleeps.filter(({ atMs }) => atMs <= this.#nowMs);
      this.#sleeps = this.#sleeps.filter(({ atMs }) => atMs > this.#nowMs);
      for (const { wake } of due) wake();
      await turns();
    }
  }
}

/** A few turns of the event loop. */
export async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await systemClock.yieldTurn();
}

/** Keeps what the shell says. */
export class RecordingTerminal implements Terminal {
  readonly wantsHashes = false;
  readonly results: string[] = [];
  readonly notes: string[] = [];
  readonly done_: ResultFields[] = [];
  readonly listed: string[] = [];
  readonly errors: string[] = [];
  readonly transfers: TransferEnd[] = [];
  readonly batches: BatchEnd[] = [];
  readonly facts_: Record<string, string | number> = {};
  connectedCount = 0;

  result(line: string): void {
    this.results.push(line);
  }

  entries(entries: readonly DirectoryEntry[]): void {
    this.listed.push(...entries.map(({ name, kind }) => kind === "directory" ? `${name}/` : name));
  }

  facts(_command: string, facts: readonly Fact[]): void {
    for (const { key, value } of facts) this.facts_[key] = value;
  }

  done(fields: ResultFields, note?: string): void {
    this.done_.push(fields);
    if (note !== undefined) this.note(note);
  }

  note(line: string): void {
    this.notes.push(line);
  }

  detail(): void {}

  connected(): void {
    this.connectedCount++;
  }

  transferStarts(_start: TransferStart): { progress(): void; close(): void } {
    return { progress: () => {}, close: () => {} };
  }

  transferEnds(end: TransferEnd): void {
    this.transfers.push(end);
  }

  batchStarts(): void {}

  batchEnds(end: BatchEnd): void {
    this.batches.push(end);
  }

  failure(command: string, error: unknown): number {
    const { exitCode, message } = describeFailure(command, error);
    this.errors.push(message);
    return exitCode;
  }
}

/** Connections to the server of the stage, and whether there is one. */
export class StageConnector implements Connector {
  isReachable = true;
  attemptCount = 0;
  readonly links: StageLink[] = [];
  /** The next connection is lost when a stream has brought so many bytes to the client. */
  loseAfterBytes = Infinity;
  /** The server is known: a request in a hurry goes out before `StageLink.say()` tells the role. */
  isKnown = false;
  /** After that no other can be had. */
  staysAway = false;
  readonly #serve: (pair: ConnectionPair) => Promise<void>;
  readonly #clock: ManualClock;

  constructor(serve: (pair: ConnectionPair) => Promise<void>, clock: ManualClock) {
    this.#serve = serve;
    this.#clock = clock;
  }

  async connect(
    target: Target,
    { timeoutMs, signal, rate, isHurried, note }: Parameters<Connector["connect"]>[1],
  ): Promise<Link> {
    this.attemptCount++;
    const untilMs = this.#clock.nowMs() + timeoutMs;
    if (!this.isReachable) note?.(`No answer from ${target.host} yet`);
    while (!this.isReachable) {
      const leftMs = untilMs - this.#clock.nowMs();
      if (leftMs <= 0) throw new ConnectFailure("unreachable", `Cannot reach ${target.host}`);
      const wait = this.#clock.sleep(Math.min(leftMs, 1_000));
      const stop = () => wait.cancel();
      signal.addEventListener("abort", stop);
      await wait.done;
      signal.removeEventListener("abort", stop);
      if (signal.aborted) throw new CancelledError();
    }
    const pair = connectionPair({
      onBytes: (_bytes, { direction, offset }) => {
        if (direction !== "to-opener" || offset < this.loseAfterBytes) return;
        this.loseAfterBytes = Infinity;
        if (this.staysAway) this.isReachable = false;
        link.lose();
      },
    });
    const link = new StageLink(pair, this.#serve(pair));
    link.rates.push(rate);
    if (this.isKnown && isHurried) link.expectRole();
    this.links.push(link);
    return link;
  }
}

/** The server's port as a probe sees it. */
export class StagePort implements PortProbe {
  /** The next questions are answered so, in this order; after them all like the last. */
  answers: boolean[] = [false];
  askCount = 0;

  async isClosed(): Promise<boolean> {
    this.askCount++;
    await turns();
    return this.answers.length > 1 ? this.answers.shift()! : this.answers[0]!;
  }
}

/** One connection of the stage. */
export class StageLink implements Link {
  readonly caller: Caller;
  readonly address = { hostname: "127.0.0.1", port: 5555 };
  readonly fingerprint = "SHA256:stage";
  role: string = "owner";
  admitted?: Promise<boolean>;
  say: (role: string) => void = () => {};
  readonly closed: Promise<LinkEnd>;
  readonly served: Promise<void>;
  silentMs = 0;
  pingCount = 0;
  /** How it was held back, from its start on. */
  readonly rates: RateSetting[] = [];
  #pair: ConnectionPair;
  #end = Promise.withResolvers<LinkEnd>();

  constructor(pair: ConnectionPair, served: Promise<void>) {
    this.#pair = pair;
    this.caller = new Caller(pair.client);
    this.closed = this.#end.promise;
    this.served = served;
  }

  stats(): LinkStats {
    return {
      rttMs: 1,
      minRttMs: 0.5,
      rateBytesPerSecond: 2e6,
      lossRate: 0,
      deliveryRateBytesPerSecond: NaN,
      mtuBytes: 1200,
      bytesSent: 0,
      bytesReceived: 0,
      silentMs: this.silentMs,
      inFlightBytes: 0,
      controller: "none",
      suite: "none",
      accelerators: [],
    };
  }

  /** Its role comes with {@linkcode StageLink.say}. */
  expectRole(): void {
    const coming = Promise.withResolvers<string>();
    this.role = "none";
    this.say = coming.resolve;
    this.admitted = coming.promise.then((role) => {
      this.role = role;
      return role !== "none";
    });
  }

  holdBack(setting: RateSetting): void {
    this.rates.push(setting);
  }

  ping(): void {
    this.pingCount++;
  }

  /** The network loses it. */
  lose(): void {
    this.#end.resolve({ isOurs: false, isStopping: false, reason: "no answer any more" });
    this.#pair.lose();
  }

  async close(): Promise<void> {
    if (this.silentMs === 0) await this.caller.settle();
    this.#end.resolve({ isOurs: true, isStopping: false, reason: "closed" });
    this.#pair.lose();
    await this.served;
  }
}

/** What a test may choose. */
export interface ShellStageOptions {
  readonly role?: ServeContext["role"];
  readonly connectionCount?: number;
  readonly exists?: ExistsPolicy;
  readonly isInteractive?: boolean;
  readonly timeoutMs?: number;
  readonly patienceMs?: number;
  readonly rate?: RateSetting;
  /** Whose disk takes names for the same that differ in case. */
  readonly foldsNamesAt?: "client" | "server";
}

/** Everything a shell needs, and shortcuts to what tests look at. */
export class ShellStage implements AsyncDisposable {
  readonly terminal = new RecordingTerminal();
  readonly clock = new ManualClock();
  readonly connector: StageConnector;
  readonly port = new StagePort();
  readonly session: Session;
  shell: Shell;
  readonly serverFolder: string;
  readonly clientFolder: string;
  shutdownRequests = 0;
  /** What the server was asked to hold back. */
  readonly wishes: RateSetting[] = [];
  /** What the server was asked, and about which path. */
  readonly requests: string[] = [];
  readonly #folder: string;
  readonly #root: FileRoot;
  readonly #foldsNames: boolean;
  #pausedMs = 0;

  private constructor(folder: string, root: FileRoot, options: ShellStageOptions) {
    this.#folder = folder;
    this.#root = root;
    this.#foldsNames = options.foldsNamesAt === "client";
    this.serverFolder = `${folder}/server`;
    this.clientFolder = `${folder}/client`;
    const context: ServeContext = {
      root,
      role: options.role ?? "owner",
      readOnly: false,
      roleSettled: () => Promise.resolve(),
      peer: "192.0.2.1:40000",
      clientKey: "11".repeat(32),
      uploads: new UploadClaims({
        nowMs: () => this.#pausedMs,
        pause: async (delayMs) => {
          await turns();
          this.#pausedMs += delayMs;
        },
      }),
      silentMs: () => 0,
      nowMs: () => this.clock.nowMs(),
      onEvent: (event) => {
        if (event.kind === "request") this.requests.push(`${event.name} ${event.path}`);
      },
      connectionCount: () => options.connectionCount ?? 1,
      holdBack: (wish) => {
        this.wishes.push(wish);
        return wish;
      },
      requestShutdown: () => {
        this.shutdownRequests++;
      },
    };
    this.connector = new StageConnector(
      (pair) =>
        serveConnection(pair.server, serverOperations, context, new AbortController().signal),
      this.clock,
    );
    this.session = new Session({
      connector: this.connector,
      portProbe: this.port,
      clock: this.clock,
      terminal: this.terminal,
      target: { host: "127.0.0.1", port: 5555 },
      localFolder: this.clientFolder,
      timeoutMs: options.timeoutMs ?? 10_000,
      patienceMs: options.patienceMs ?? options.timeoutMs ?? 10_000,
      isInteractive: options.isInteractive ?? false,
      ...(options.rate === undefined ? {} : { rate: options.rate }),
    });
    this.shell = this.#shellThat(options.exists ?? "overwrite");
  }

  /** From here on the client is one that was started with another `--exists`. */
  useExists(exists: ExistsPolicy): void {
    this.shell = this.#shellThat(exists);
  }

  #shellThat(exists: ExistsPolicy): Shell {
    const disk = this.#foldsNames ? { disk: new FoldingDisk(this.clientFolder) } : {};
    return new Shell({ session: this.session, terminal: this.terminal, exists, ...disk });
  }

  static async set(options: ShellStageOptions = {}): Promise<ShellStage> {
    const folder = await Deno.makeTempDir({ prefix: "ferry_shell_" });
    await Deno.mkdir(`${folder}/client`);
    await Deno.mkdir(`${folder}/server`);
    const disk = options.foldsNamesAt === "server"
      ? { disk: new FoldingDisk(`${folder}/server`) }
      : {};
    const root = await FileRoot.open(`${folder}/server`, disk);
    return new ShellStage(folder, root, options);
  }

  /** Runs a line; returns the exit code. */
  async run(line: string): Promise<number> {
    return (await this.shell.runLine(line, new AbortController().signal)).exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session.close();
    for (const link of this.connector.links) await link.served;
    await this.#root.close();
    await Deno.remove(this.#folder, { recursive: true });
  }
}
