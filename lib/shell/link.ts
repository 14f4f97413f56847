/**
 * What the shell needs of a connection; `cli/network_link.ts` makes one from the driver, tests from memory.
 *
 * @module
 */

import type { RateSetting, TransferGauge } from "../operations/mod.ts";
import type { Caller } from "../request/mod.ts";

/** Where a server is, as the user wrote it. */
export interface Target {
  /** Host name or address. */
  readonly host: string;
  /** UDP port. */
  readonly port: number;
}

/** Numbers of a live connection; NaN where unknown. */
export interface LinkStats {
  /** Smoothed round-trip time. */
  readonly rttMs: number;
  /** Shortest round trip of this connection. */
  readonly minRttMs: number;
  /** Packets lost of packets sent, 0 to 1. */
  readonly lossRate: number;
  /** How fast packets may leave now, the cap included. */
  readonly rateBytesPerSecond: number;
  /** What the path is thought to carry to the other side. */
  readonly deliveryRateBytesPerSecond: number;
  /** Largest packet the path carries. */
  readonly mtuBytes: number;
  /** Bytes sent on the wire. */
  readonly bytesSent: number;
  /** Bytes received from the wire. */
  readonly bytesReceived: number;
  /** How long nothing has been heard of the other side. */
  readonly silentMs: number;
  /** Bytes that the other side has not acknowledged. */
  readonly inFlightBytes: number;
  /** Congestion controller and the state it is in. */
  readonly controller: string;
  /** Cipher suite. */
  readonly suite: string;
  /** Faster ways in use: `libcrypto`, `gso`, `gro`, `zstd`. */
  readonly accelerators: readonly string[];
}

/** How a connection ended. */
export interface LinkEnd {
  /** True when this side asked for it. */
  readonly isOurs: boolean;
  /** True when the other side said that it stops: it serves nothing more. */
  readonly isStopping: boolean;
  /** What happened, for people: `closed by the server`, `no answer any more`. */
  readonly reason: string;
}

/** A connection to a server. */
export interface Link {
  /** Sends requests. */
  readonly caller: Caller;
  /** Tells what limits transfers; absent where nobody finds out. */
  readonly gauge?: TransferGauge;
  /** The server's features, one bit each; none when absent. */
  readonly peerFeatures?: number;
  /** Address in use. */
  readonly address: { readonly hostname: string; readonly port: number };
  /** Fingerprint of the server's key. */
  readonly fingerprint: string;
  /** What this client may do; `none` as long as the server has not said it. */
  readonly role: string;
  /**
   * Where that is still to come: resolves, and never rejects, once it is there or the connection is lost. False
   * when the server will have nothing of this client, which ends the connection.
   */
  readonly admitted?: Promise<boolean>;
  /** Resolves when the connection is over; never rejects. */
  readonly closed: Promise<LinkEnd>;
  /** Numbers of this moment. */
  stats(): LinkStats;
  /** Holds back what this side sends. */
  holdBack(setting: RateSetting): void;
  /** Asks the other side for a sign of life; whether it came shows in `silentMs`. */
  ping(): void;
  /** Ends the connection; resolves when the server was told. */
  close(): Promise<void>;
}

/** Makes connections. */
export interface Connector {
  /**
   * Connects within `timeoutMs`; `rate` holds for what this side sends. With `isHurried` a server that is known
   * need not have said what this client may do. `note` hears of a server that does not answer yet.
   *
   * @throws {ConnectFailure} When there is no connection, with the sentence to show.
   * @throws {CancelledError} When `signal` fired.
   */
  connect(
    target: Target,
    options: {
      timeoutMs: number;
      signal: AbortSignal;
      rate: RateSetting;
      isHurried?: boolean;
      note?: ((line: string) => void) | undefined;
    },
  ): Promise<Link>;
}

/** Asks the system at the other end about a port; `driver/port_probe.ts` does it through FFI. */
export interface PortProbe {
  /**
   * True when that system said that nobody listens there; false when nothing is known. Within two seconds.
   *
   * @param address With a literal address as host: {@linkcode Link.address}.
   * @param signal Ends the wait at once, with false.
   */
  isClosed(
    address: { readonly hostname: string; readonly port: number },
    signal: AbortSignal,
  ): Promise<boolean>;
}
