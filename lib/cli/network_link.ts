/**
 * A connection of the driver as the shell sees it.
 *
 * @module
 */

import { StreamError } from "../bytes/byte_stream.ts";
import { fingerprint } from "../crypto/mod.ts";
import { type ConnectionHandle, systemClock, TaskGroup } from "../driver/mod.ts";
import type { RateSetting, TransferGauge } from "../operations/mod.ts";
import { Caller, type Role, statusCode } from "../request/mod.ts";
import type { Link, LinkEnd, LinkStats } from "../shell/mod.ts";
import type { ConnectionEnd } from "../transport/mod.ts";
import { wantedCpuMs } from "./cpu_time.ts";
import type { Sleeper } from "./sleeper.ts";

/** A peer that has said nothing for so long is not waited for at the end. */
const SILENT_MS = 1_000;
/** Longest wait for the last acknowledgements. */
const SETTLE_MS = 2_000;

/** A connection of the driver's. */
export class NetworkLink implements Link {
  readonly caller: Caller;
  readonly gauge: TransferGauge;
  readonly peerFeatures: number;
  role: Role;
  admitted?: Promise<boolean>;
  readonly closed: Promise<LinkEnd>;
  readonly #handle: ConnectionHandle;
  readonly #sleep: Sleeper;
  readonly #isCompressing: boolean;
  readonly #tasks = new TaskGroup();
  #isOurs = false;
  #isPinging = false;

  constructor(
    handle: ConnectionHandle,
    { sleep, role, isCompressing }: { sleep: Sleeper; role: Role; isCompressing: boolean },
  ) {
    this.role = role;
    this.#handle = handle;
    this.#sleep = sleep;
    this.#isCompressing = isCompressing;
    this.caller = new Caller(handle, { isCompressing });
    this.gauge = gaugeOf(handle);
    this.peerFeatures = handle.peerFeatures;
    this.closed = handle.closed.then(async (end) => {
      const isOurs = this.#isOurs;
      await handle.close(); // lets go of the socket
      return { isOurs, isStopping: isStopping(end), reason: endSentence(end) };
    });
  }

  get address(): Link["address"] {
    return this.#handle.peer;
  }

  get fingerprint(): string {
    return fingerprint(this.#handle.remoteIdentity);
  }

  stats(): LinkStats {
    const stats = this.#handle.stats();
    const window = stats.windowBytes * 1000 / stats.rttMs;
    return {
      rttMs: stats.rttMs,
      minRttMs: Number.isFinite(stats.minRttMs) ? stats.minRttMs : NaN,
      rateBytesPerSecond: Math.min(stats.pacingRateBytesPerSecond, stats.maxRateBytesPerSecond),
      lossRate: stats.sentPackets === 0 ? 0 : stats.lostPackets / stats.sentPackets,
      deliveryRateBytesPerSecond: Number.isNaN(stats.bandwidthBytesPerSecond)
        ? window
        : stats.bandwidthBytesPerSecond,
      mtuBytes: stats.datagramBytes,
      bytesSent: stats.sentBytes,
      bytesReceived: stats.receivedBytes,
      silentMs: this.#handle.silentMs,
      inFlightBytes: stats.inFlightBytes,
      controller: `${stats.controller} (${stats.controllerState})`,
      suite: stats.suite,
      accelerators: [
        ...acceleratorsOf(stats.aeadProvider, this.#handle.socket),
        ...(this.#isCompressing ? ["zstd"] : []),
      ],
    };
  }

  holdBack(setting: RateSetting): void {
    this.#handle.holdBack(setting);
  }

  ping(): void {
    if (this.#isPinging) return;
    this.#isPinging = true;
    this.#tasks.run("ping", () => this.#exchangeNothing());
  }

  /** Takes the role when it comes; none ends the connection. */
  expectRole(coming: Promise<Role | null>): void {
    this.admitted = coming.then(async (role) => {
      this.role = role ?? "none";
      if (role === "none") await this.close();
      return role !== "none";
    });
  }

  async close(): Promise<void> {
    this.#isOurs = true;
    const isHeard = !this.#handle.hasEnded && this.#handle.silentMs < SILENT_MS;
    if (isHeard && !this.#handle.fitsInClose) await this.#settle();
    await this.#handle.close();
    await this.#tasks.join();
  }

  /** Verdicts of finished downloads still have to arrive; a peer that is gone gets no more than a moment. */
  async #settle(): Promise<void> {
    const limit = this.#sleep(SETTLE_MS);
    await Promise.race([this.caller.settle(), limit.done]);
    limit.cancel();
  }

  /** A stream without a request: the server acknowledges it and ends it too. */
  async #exchangeNothing(): Promise<void> {
    try {
      const stream = await this.#handle.openStream();
      await stream.finish();
      while (await stream.read() !== null);
    } catch (error) {
      if (!(error instanceof StreamError)) throw error; // the connection has ended
    } finally {
      this.#isPinging = false;
    }
  }
}

/** What the transfers on a connection are judged by. */
export function gaugeOf(handle: ConnectionHandle): TransferGauge {
  return {
    meter: {
      nowMs: () => systemClock.nowMs(),
      cpuMs: wantedCpuMs,
      sendTimes: () => handle.sendTimes(),
    },
  };
}

/** Faster ways in use. */
export function acceleratorsOf(
  aeadProvider: string,
  socket: { readonly segmentationOffload: boolean; readonly receiveOffload: boolean },
): string[] {
  return [
    ...(aeadProvider === "libcrypto" ? ["libcrypto"] : []),
    ...(socket.segmentationOffload ? ["gso"] : []),
    ...(socket.receiveOffload ? ["gro"] : []),
  ];
}

/** The server said that it stops: a sentence of its own, and nothing went wrong. */
export function isStopping({ kind, code }: ConnectionEnd): boolean {
  return kind === "closed-by-peer" && code === statusCode("stopping");
}

/** How a connection ended, for people. Text of the peer may be in it: escape it when it is shown. */
export function endSentence(end: ConnectionEnd): string {
  const reason = end.reason === "" ? "" : `: ${end.reason}`;
  switch (end.kind) {
    case "closed":
      return `closed${reason}`;
    case "closed-by-peer":
      return `closed by the other side${reason}`;
    case "timed-out":
      return "no answer any more";
    case "error-by-peer":
    case "protocol-error":
      return `protocol error${reason}`;
    default:
      return `${end.kind.replaceAll("-", " ")}${reason}`;
  }
}
