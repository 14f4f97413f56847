/**
 * Which client receives the right to write which file, and when a dead one loses it.
 *
 * A client that was killed says no goodbye: for the transport its connection lives on for half a minute. The
 * same client, or another one with the same source, need not wait for that.
 *
 * @module
 */
import { FileError } from "../files/mod.ts";

/** Who wants to write a file. */
export interface UploadClaimant {
  /** The connection, whatever stands for it: it waits for its own earlier upload, but ends none. */
  readonly connection: object;
  /** Names the client across connections. */
  readonly clientKey: string;
  /** Names the content at its source. */
  readonly sourceToken: string;
  /** How long nothing has been heard on the connection. */
  silentMs(): number;
  /** Gives the upload up, because somebody else has taken its place. */
  giveWay(): void;
}

/** What claims need of the world. */
export interface UploadClaimsOptions {
  /** A clock for durations. */
  readonly nowMs: () => number;
  /** Resolves after a while. */
  readonly pause: (delayMs: number) => Promise<void>;
}

/** Silence after which an uploading client counts as dead. A live one sends, or at least pings, all the time. */
const DEAD_AFTER_MS = 2_000;
/**
 * The same, when it is the same client that sends the same file to the same name once more: should the first
 * command live after all, the second goes on where it was, and nothing is lost.
 */
const REPEATED_AFTER_MS = 400;
/** Packets of a dead client that are still on their way arrive within this time. */
const LATE_PACKETS_MS = 250;
/** An upload that its client has just given up is parked within this time, also when 256 MiB are being flushed. */
const PARKING_MS = 10_000;
const LOOK_AGAIN_MS = 50;

/** The uploads under way on one server, by target. */
export class UploadClaims {
  readonly #options: UploadClaimsOptions;
  readonly #holders = new Map<string, Holder>();

  /** Starts with no upload under way. */
  constructor(options: UploadClaimsOptions) {
    this.#options = options;
  }

  /**
   * Runs `work` with the right to write `path`. A predecessor whose connection has gone silent is told to
   * give way, and waited for.
   *
   * @throws {FileError} `busy` when somebody else is writing it, or the predecessor turns out to live.
   */
  async hold<Result>(
    path: string,
    claimant: UploadClaimant,
    work: () => Promise<Result>,
  ): Promise<Result> {
    // Nothing may be awaited between seeing that the path is free and taking it.
    while (this.#holders.has(path)) await this.#untilFree(path, claimant);
    const released = Promise.withResolvers<void>();
    this.#holders.set(path, { claimant, released: released.promise });
    try {
      return await work();
    } finally {
      this.#holders.delete(path);
      released.resolve();
    }
  }

  /**
   * Waits for what the same client has begun with the same file on a connection that it has lost: that may be
   * about to be published. Told before it begins anew, a client that lives is not waited for.
   */
  async untilPredecessorsEnd(claimant: UploadClaimant): Promise<void> {
    for (const [path, { claimant: holder }] of [...this.#holders]) {
      if (holder.connection === claimant.connection || !isRepetition(claimant, holder)) continue;
      await this.#untilFree(path, claimant).catch(ignoreBusy);
    }
  }

  async #untilFree(path: string, claimant: UploadClaimant): Promise<void> {
    const { nowMs, pause } = this.#options;
    const startedMs = nowMs();
    for (;;) {
      const holder = this.#holders.get(path);
      if (holder === undefined) return;
      if (!isSuccessor(claimant, holder.claimant)) throw new FileError("busy", path);
      const waitedMs = nowMs() - startedMs;
      if (claimant.connection === holder.claimant.connection) {
        if (waitedMs >= PARKING_MS) throw new FileError("busy", path);
        await pause(LOOK_AGAIN_MS);
        continue;
      }
      const silentMs = holder.claimant.silentMs();
      if (silentMs >= deadAfterMs(claimant, holder.claimant)) {
        holder.claimant.giveWay();
        return await holder.released;
      }
      // It was heard after the question had come: it lives.
      if (silentMs < waitedMs - LATE_PACKETS_MS) throw new FileError("busy", path);
      await pause(LOOK_AGAIN_MS);
    }
  }
}

interface Holder {
  readonly claimant: UploadClaimant;
  /** Resolves when the part is parked or gone. */
  readonly released: Promise<void>;
}

function deadAfterMs(claimant: UploadClaimant, holder: UploadClaimant): number {
  return isRepetition(claimant, holder) ? REPEATED_AFTER_MS : DEAD_AFTER_MS;
}

function isRepetition(claimant: UploadClaimant, holder: UploadClaimant): boolean {
  return claimant.clientKey === holder.clientKey && claimant.sourceToken === holder.sourceToken;
}

function ignoreBusy(error: unknown): void {
  if (!(error instanceof FileError) || error.kind !== "busy") throw error;
}

function isSuccessor(claimant: UploadClaimant, holder: UploadClaimant): boolean {
  return claimant.clientKey === holder.clientKey || claimant.sourceToken === holder.sourceToken;
}
