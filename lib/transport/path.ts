/**
 * One network path: the peer's address, and everything measured on the way to it. RFC 9000 §9.
 *
 * @module
 */
import type { CongestionController, CongestionControllerFactory } from "./congestion/controller.ts";
import { isPolite, makeImpolite, makePolite } from "./congestion/polite.ts";
import { BASE_DATAGRAM_BYTES } from "./constants.ts";
import { DeliveryRateSampler } from "./delivery_rate.ts";
import { Pacer } from "./pacer.ts";
import { PathMtuDiscovery } from "./path_mtu_discovery.ts";
import { RateCap } from "./rate_cap.ts";
import { RttEstimator } from "./rtt_estimator.ts";

/** About 250 Mbit/s: what a tick of 2 ms carries in one batch of 64 KiB. */
const COARSE_PACING_BYTES_PER_SECOND = 31e6;
/** Bursts shorter than this are meant to be short. */
const SMALL_QUANTUM_SECONDS = 0.0008;
/** Round trips this much longer than twice the shortest have waited in a queue. */
const QUEUE_MS = 10;

/** Of the receive buffer a third or more goes to bookkeeping, and a part is left free. */
const RECEIVE_BUFFER_SHARE = 0.35;
/** Datagrams that it takes at least: one is read, one waits, one is on its way. See `maxUdpPayloadBytes`. */
const RECEIVE_BUFFER_DATAGRAMS = 3;

/** Where datagrams go: an IP address in text and a port. */
export interface Address {
  /** IPv4 or IPv6 address; never a name. */
  readonly hostname: string;
  /** UDP port. */
  readonly port: number;
}

/** True when both mean the same socket. */
export function isSameAddress(a: Address, b: Address): boolean {
  return a.port === b.port && a.hostname === b.hostname;
}

/** What a path is made from. */
export interface PathOptions {
  /** The peer's address. */
  readonly address: Address;
  /** Makes the congestion controller. */
  readonly congestion: CongestionControllerFactory;
  /** It yields to everybody else on the path. */
  readonly isPolite: boolean;
  /** The user's cap on sending, bytes per second; Infinity for none. */
  readonly maxRateBytesPerSecond: number;
  /** Random numbers in [0, 1). */
  readonly random: () => number;
  /** Largest UDP payload that discovery may try. */
  readonly maxDatagramBytes: number;
  /** Largest one that the system does not cut into fragments unseen. */
  readonly wholeDatagramBytes: number;
  /** What the path ought to carry; 0 when that is not known. */
  readonly expectedDatagramBytes: number;
  /** Most bytes that one burst may have: a part of what the peer's receive buffer holds. */
  readonly maxBurstBytes: number;
  /** What the peer's socket holds before it must be read, as its system accounts it. */
  readonly receiveBufferBytes: number;
}

/** A path with its estimators. */
export class Path {
  /** The peer's address; changes when the peer has moved and proved it. */
  address: Address;
  /** Round-trip time. */
  readonly rtt: RttEstimator = new RttEstimator();
  /** Delivery rate. */
  readonly sampler: DeliveryRateSampler = new DeliveryRateSampler();
  /** Datagram size. */
  readonly mtu: PathMtuDiscovery;
  /** Congestion controller; another object after {@linkcode setPolite}. */
  controller: CongestionController;
  /** Spreads packets over time. */
  readonly pacer: Pacer = new Pacer();
  /** The user's cap on sending. */
  readonly cap: RateCap;
  /** The cap alone said "not yet" when pacing was asked last. */
  isHeldByCap = false;
  readonly #maxBurstBytes: number;
  readonly #receiverRoomBytes: number;

  /** Makes a path about which nothing is known yet. */
  constructor(options: PathOptions) {
    this.address = options.address;
    const { maxDatagramBytes, wholeDatagramBytes, expectedDatagramBytes } = options;
    this.mtu = new PathMtuDiscovery(maxDatagramBytes, wholeDatagramBytes, expectedDatagramBytes);
    this.controller = options.congestion.create({
      maxDatagramBytes: BASE_DATAGRAM_BYTES,
      random: options.random,
    });
    if (options.isPolite) this.setPolite(options.isPolite);
    this.cap = new RateCap(options.maxRateBytesPerSecond);
    this.#maxBurstBytes = options.maxBurstBytes;
    this.#receiverRoomBytes = options.receiveBufferBytes * RECEIVE_BUFFER_SHARE;
  }

  /**
   * The peer has proved a new address. Another host means another path: what was learnt of the old one is no
   * longer to be trusted. Another port alone mostly means the same path behind a NAT. RFC 9000 §9.4.
   */
  moveTo(address: Address, nowMs: number): void {
    const isOtherHost = address.hostname !== this.address.hostname;
    this.address = address;
    if (isOtherHost) {
      this.rtt.reset();
      this.controller.onPersistentCongestion(nowMs);
    } else {
      this.rtt.forgetMinimum();
      this.controller.onPeerMoved?.(nowMs);
    }
  }

  /** The path's datagram size changed: the controller counts in datagrams. */
  onMtuChanged(): void {
    this.controller.onMaxDatagramChanged(this.mtu.datagramBytes);
  }

  /** Switches background mode; what the controller has learnt of the path stays. */
  setPolite(wanted: boolean): void {
    this.controller = wanted
      ? makePolite(this.controller, this.mtu.datagramBytes)
      : makeImpolite(this.controller);
  }

  /** Whether the controller yields to everybody else. */
  get isPolite(): boolean {
    return isPolite(this.controller);
  }

  /** Bytes of a full packet now: what the path carries, less where the cap is low. */
  get segmentBytes(): number {
    return this.cap.datagramLimit(this.mtu.datagramBytes);
  }

  /**
   * Bytes that may be in flight: the controller's window, but beyond what fills the path not more than the
   * peer's receive buffer holds, or another filling of the path where that is more. On a local network a
   * small buffer overflows as soon as its program looks away for a millisecond.
   */
  get windowBytes(): number {
    const { windowBytes, fillingBytes } = this.controller;
    const leastBytes = RECEIVE_BUFFER_DATAGRAMS * this.mtu.datagramBytes;
    const limit = fillingBytes + Math.max(fillingBytes, this.#receiverRoomBytes, leastBytes);
    return limit < windowBytes ? limit : windowBytes;
  }

  /**
   * True when a timer of 2 ms is too coarse: on a fast path a tick would be a burst that overruns
   * buffers, and a controller that asks for small bursts has met a shallow queue.
   */
  get needsPrecisePacing(): boolean {
    const { pacingRateBytesPerSecond, sendQuantumBytes } = this.controller;
    if (this.cap.bytesPerSecond < COARSE_PACING_BYTES_PER_SECOND) return false;
    return pacingRateBytesPerSecond > COARSE_PACING_BYTES_PER_SECOND ||
      sendQuantumBytes < pacingRateBytesPerSecond * SMALL_QUANTUM_SECONDS;
  }

  /** Bytes that pacing and the cap let go now, 0 when it is too early. */
  pacingAllowanceBytes(nowMs: number): number {
    const { controller, segmentBytes } = this;
    const quantumBytes = Math.max(controller.sendQuantumBytes, segmentBytes);
    const maxBurstBytes = Math.max(this.#maxBurstBytes, segmentBytes);
    const bytesPerSecond = controller.pacingRateBytesPerSecond;
    const paced = this.pacer.allowanceBytes(nowMs, { bytesPerSecond, quantumBytes, maxBurstBytes });
    const capped = this.cap.allowanceBytes(nowMs, segmentBytes);
    this.isHeldByCap = capped === 0 && paced > 0;
    return Math.min(paced, capped);
  }

  /** How fast packets may leave at the most, bytes per second. */
  get rateBytesPerSecond(): number {
    return Math.min(this.controller.pacingRateBytesPerSecond, this.cap.bytesPerSecond);
  }

  /** When pacing and the cap let the next packets go. */
  nextSendMs(): number {
    return Math.max(this.pacer.nextSendMs(), this.cap.nextSendMs());
  }

  /**
   * True when the cap holds sending back and the path shows no queue: what arrives then says nothing about
   * what the path could carry.
   */
  get isCapTheLimit(): boolean {
    const { smoothedMs, minMs } = this.rtt;
    return this.isHeldByCap && !(smoothedMs > 2 * minMs + QUEUE_MS);
  }
}
