/**
 * How large a datagram the path carries: DPLPMTUD. RFC 8899, RFC 9000 §14.3.
 *
 * Starts at 1200 bytes, which every path must carry, and tries a short list of sizes that real networks
 * have, upwards. A probe is a padded PING; its loss is no sign of congestion. When full-size packets keep
 * vanishing while small ones arrive (a black hole), the size falls back to the base.
 *
 * Where the caller knows what the path ought to carry, as inside one machine, that size is tried first and
 * once: the list costs a round trip for each of its sizes, in packets of which fifty do the work of one.
 *
 * Where the system cuts large datagrams into fragments without a word, an arriving probe proves nothing,
 * and every lost fragment costs a datagram. It saves much work all the same, so it is done where it does
 * no harm: the caller asks for it on short paths without loss, and it ends when datagrams get lost.
 *
 * @module
 */
import { BASE_DATAGRAM_BYTES } from "./constants.ts";

/** UDP payloads of common links: tunnels, Ethernet, jumbo frames, loopback. */
const CANDIDATE_BYTES: readonly number[] = [1372, 1452, 1472, 8952, 16_384, 32_768, 65_507];
/** RFC 8899 §5.1.2. */
const MAX_PROBES = 3;
/** RFC 8899 §5.1.1: try larger sizes again after this. */
const RAISE_TIMER_MS = 600_000;
/** Full-size packets lost in a row, without one arriving, that make a black hole. */
const BLACK_HOLE_THRESHOLD = 6;
/**
 * After a black hole sizes are tried again this soon, and after each further one twice as late: a
 * queue that overflowed may have looked like one, and the path may carry a size in between.
 */
const BLACK_HOLE_RETRY_MS = 1_000;

/** Fragmented datagrams that may be lost: this many, and one of so many that arrived. */
const FRAGMENTED_LOSSES = 3;
const FRAGMENTED_PER_LOSS = 1000;

type Phase =
  | {
    readonly kind: "searching";
    readonly candidateBytes: number;
    readonly probes: number;
    readonly inFlight: boolean;
    /** The size that the caller expects, tried before the list. */
    readonly isExpected?: boolean;
  }
  | { readonly kind: "complete"; readonly raiseAtMs: number }
  | { readonly kind: "disabled" };

/** The search of one path. */
export class PathMtuDiscovery {
  #confirmedBytes: number = BASE_DATAGRAM_BYTES;
  #limitBytes: number;
  #phase: Phase;
  #lostInARow = 0;
  #newestLargeAcked = -1;
  #blackHoleRetryMs = BLACK_HOLE_RETRY_MS;
  #fragmentedAcked = 0;
  #fragmentedLost = 0;
  /** Datagrams up to this many bytes stay whole if they arrive; larger ones may be fragmented. */
  readonly wholeBytes: number;

  /**
   * Searches up to `limitBytes`: what both sockets and the address family allow. What the path ought to
   * carry, `expectedBytes`, is tried first; 0 when that is not known.
   */
  constructor(limitBytes: number, wholeBytes: number = Infinity, expectedBytes: number = 0) {
    this.#limitBytes = limitBytes;
    this.wholeBytes = wholeBytes;
    const candidateBytes = Math.min(expectedBytes, limitBytes);
    this.#phase = candidateBytes > this.#confirmedBytes
      ? { kind: "searching", candidateBytes, probes: 0, inFlight: false, isExpected: true }
      : this.#search(this.#confirmedBytes);
  }

  /** Largest UDP payload known to arrive. */
  get datagramBytes(): number {
    return this.#confirmedBytes;
  }

  /** Size of the probe that should be sent now, or 0. */
  probeDueBytes(nowMs: number): number {
    if (this.#phase.kind === "complete" && nowMs >= this.#phase.raiseAtMs) {
      this.#phase = this.#search(this.#confirmedBytes);
    }
    return this.#phase.kind === "searching" && !this.#phase.inFlight
      ? this.#phase.candidateBytes
      : 0;
  }

  /** A probe left. */
  onProbeSent(): void {
    if (this.#phase.kind === "searching") this.#phase = { ...this.#phase, inFlight: true };
  }

  /** A probe of this size arrived. Returns true when the path's size grew. */
  onProbeAcked(sizeBytes: number, nowMs: number): boolean {
    this.#lostInARow = 0;
    if (sizeBytes <= this.#confirmedBytes) return false;
    this.#confirmedBytes = sizeBytes;
    this.#phase = this.#search(sizeBytes);
    if (this.#phase.kind === "disabled") this.#complete(nowMs);
    return true;
  }

  /** A probe of this size was lost. After three of them the size is taken as too large. */
  onProbeLost(sizeBytes: number, nowMs: number): void {
    const phase = this.#phase;
    if (phase.kind !== "searching" || phase.candidateBytes !== sizeBytes) return;
    if (phase.isExpected) {
      this.#phase = this.#search(this.#confirmedBytes);
    } else if (phase.probes + 1 < MAX_PROBES) {
      this.#phase = { ...phase, probes: phase.probes + 1, inFlight: false };
    } else {
      this.#complete(nowMs);
    }
  }

  /** The local network refused this size at once (EMSGSIZE): the limit is known without probing. */
  onTooBig(sizeBytes: number, nowMs: number): boolean {
    this.#limitBytes = Math.min(this.#limitBytes, sizeBytes - 1);
    if (this.#phase.kind === "searching" && this.#phase.candidateBytes >= sizeBytes) {
      if (this.#phase.isExpected) this.#phase = this.#search(this.#confirmedBytes);
      else this.#complete(nowMs);
    }
    if (this.#confirmedBytes < sizeBytes) return false;
    this.#confirmedBytes = BASE_DATAGRAM_BYTES;
    this.#phase = this.#search(BASE_DATAGRAM_BYTES);
    return true;
  }

  /** A packet of ordinary traffic arrived. */
  onPacketAcked(packetNumber: number, sizeBytes: number): void {
    if (sizeBytes <= BASE_DATAGRAM_BYTES || packetNumber < this.#newestLargeAcked) return;
    this.#newestLargeAcked = packetNumber;
    this.#lostInARow = 0;
    if (sizeBytes > this.wholeBytes) this.#fragmentedAcked++;
  }

  /**
   * A packet of ordinary traffic was lost. Returns true when the path looks like a black hole for large
   * packets, and the size fell back to the base. RFC 8899 §4.3.
   */
  onPacketLost(packetNumber: number, sizeBytes: number, nowMs: number): boolean {
    if (sizeBytes <= BASE_DATAGRAM_BYTES || this.#confirmedBytes === BASE_DATAGRAM_BYTES) {
      return false;
    }
    if (sizeBytes > this.wholeBytes && this.#losesFragments()) {
      this.#confirmedBytes = Math.min(this.#confirmedBytes, this.wholeBytes);
      this.#pause(nowMs);
      return true;
    }
    // A large packet sent later has arrived: this one met congestion or chance.
    if (packetNumber < this.#newestLargeAcked) return false;
    if (++this.#lostInARow < BLACK_HOLE_THRESHOLD) return false;
    this.#lostInARow = 0;
    this.#confirmedBytes = BASE_DATAGRAM_BYTES;
    this.#pause(nowMs);
    return true;
  }

  #losesFragments(): boolean {
    const allowed = FRAGMENTED_LOSSES + this.#fragmentedAcked / FRAGMENTED_PER_LOSS;
    if (++this.#fragmentedLost <= allowed) return false;
    this.#fragmentedAcked = this.#fragmentedLost = 0;
    return true;
  }

  /** No larger size for a while, each time for twice as long. */
  #pause(nowMs: number): void {
    this.#phase = { kind: "complete", raiseAtMs: nowMs + this.#blackHoleRetryMs };
    this.#blackHoleRetryMs = Math.min(2 * this.#blackHoleRetryMs, RAISE_TIMER_MS);
  }

  #search(aboveBytes: number): Phase {
    // The limit itself is a candidate too: it is what the smaller of the two sockets takes.
    for (const size of CANDIDATE_BYTES) {
      const candidateBytes = Math.min(size, this.#limitBytes);
      if (candidateBytes > aboveBytes) {
        return { kind: "searching", candidateBytes, probes: 0, inFlight: false };
      }
    }
    return { kind: "disabled" };
  }

  #complete(nowMs: number): void {
    this.#phase = { kind: "complete", raiseAtMs: nowMs + RAISE_TIMER_MS };
  }
}
