/**
 * Credit: how much the peer lets us send, and how much we let it send. RFC 9000 §4.
 *
 * A receive window follows what arrives in a round trip: six times that leaves a sender that doubles
 * its rate every round trip room until the next credit reaches it, even while a lost packet holds the
 * reader up. A slow reader's window stays, because no more arrives than it makes room for. Beyond its base, the connection's window takes what it promises from the memory
 * that all connections share; a stream's window needs none, as it lies within the connection's.
 *
 * @module
 */
import type { SharedMemory } from "./memory_budget.ts";
import { TransportError } from "./transport_error.ts";

/** The window in round trips of arrival: in flight, doubled, held up by a loss, credit on its way. */
const WINDOW_ROUNDS = 6;
/** Rates are taken over at least this long: shorter says more about the scheduler. */
const SHORTEST_SPAN_MS = 5;

/** A receive window that follows what was consumed and tunes its own size. */
export class ReceiveWindow {
  #windowBytes: number;
  #maxBytes: number;
  #creditEnd: number;
  #spanStartMs = NaN;
  #spanStart = 0;
  readonly #memory: SharedMemory | null;
  #takenBytes = 0;

  /** Makes a window of `initialBytes` that may grow to `maxBytes`, from `memory` if that is given. */
  constructor(initialBytes: number, maxBytes: number, memory: SharedMemory | null = null) {
    this.#windowBytes = initialBytes;
    this.#maxBytes = Math.max(initialBytes, maxBytes);
    this.#creditEnd = initialBytes;
    this.#memory = memory;
  }

  /** Offset up to which the peer may send. */
  get creditEnd(): number {
    return this.#creditEnd;
  }

  /** Present size of the window, bytes. */
  get windowBytes(): number {
    return this.#windowBytes;
  }

  /**
   * Bytes up to `consumedEnd` have been read. Returns the new credit when it is worth telling the peer
   * (a quarter of the window is used), else NaN.
   */
  onConsumed(consumedEnd: number): number {
    if (this.#creditEnd - consumedEnd > this.#windowBytes * 0.75) return NaN;
    this.#creditEnd = Math.max(this.#creditEnd, consumedEnd + this.#windowBytes);
    return this.#creditEnd;
  }

  /**
   * Bytes up to `receivedEnd` have come, holes perhaps included. Returns the new credit when the window
   * grew, else NaN.
   */
  onReceived(receivedEnd: number, clock: { nowMs: number; rttMs: number }): number {
    const elapsedMs = clock.nowMs - this.#spanStartMs;
    const spanMs = Math.max(clock.rttMs, SHORTEST_SPAN_MS);
    if (elapsedMs < spanMs) return NaN;
    const perRoundBytes = Math.ceil((receivedEnd - this.#spanStart) * spanMs / elapsedMs);
    this.#spanStartMs = clock.nowMs;
    this.#spanStart = receivedEnd;
    const wantedBytes = WINDOW_ROUNDS * perRoundBytes;
    return wantedBytes > this.#windowBytes
      ? this.open(Math.max(2 * this.#windowBytes, wantedBytes))
      : NaN;
  }

  /** Grows the window to `windowBytes`, as far as limit and memory allow; returns the new credit. */
  open(windowBytes: number): number {
    const before = this.#windowBytes;
    this.#grow(windowBytes);
    this.#creditEnd += this.#windowBytes - before;
    return this.#creditEnd;
  }

  /** Gives the shared memory back; the window is not used any more. */
  release(): void {
    this.#memory?.giveBack(this.#takenBytes);
    this.#takenBytes = 0;
    this.#maxBytes = this.#windowBytes;
  }

  #grow(windowBytes: number): void {
    const wantedBytes = Math.min(windowBytes, this.#maxBytes) - this.#windowBytes;
    if (wantedBytes <= 0) return;
    const grantedBytes = this.#memory === null ? wantedBytes : this.#memory.take(wantedBytes);
    this.#takenBytes += grantedBytes;
    this.#windowBytes += grantedBytes;
  }
}

/** The connection's own credit, both ways. */
export class ConnectionFlowControl {
  /** The window for what the peer sends. */
  readonly receiveWindow: ReceiveWindow;
  #peerCreditEnd = 0;
  #sentBytes = 0;
  #receivedBytes = 0;
  #consumedBytes = 0;

  /** Makes the control with our own receive window. */
  constructor(initialBytes: number, maxBytes: number, memory: SharedMemory | null = null) {
    this.receiveWindow = new ReceiveWindow(initialBytes, maxBytes, memory);
  }

  /** New stream bytes that may be sent. */
  get sendCreditBytes(): number {
    return this.#peerCreditEnd - this.#sentBytes;
  }

  /** New stream bytes that have left. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  /** The peer's limit. */
  get peerCreditEnd(): number {
    return this.#peerCreditEnd;
  }

  /** The peer raised its limit. */
  onMaxData(limit: number): void {
    this.#peerCreditEnd = Math.max(this.#peerCreditEnd, limit);
  }

  /** New stream bytes left. */
  onSent(bytes: number): void {
    this.#sentBytes += bytes;
  }

  /**
   * The highest offsets of all streams grew by `bytes`. Returns a new limit to tell the peer, or NaN.
   *
   * @throws {TransportError} FLOW_CONTROL_ERROR
   */
  onReceived(bytes: number, clock: { nowMs: number; rttMs: number }): number {
    this.#receivedBytes += bytes;
    if (this.#receivedBytes > this.receiveWindow.creditEnd) {
      throw new TransportError("FLOW_CONTROL_ERROR", "Data beyond the connection's credit");
    }
    return this.receiveWindow.onReceived(this.#receivedBytes, clock);
  }

  /** Stream bytes were read or dropped. Returns a new limit to tell the peer, or NaN. */
  onConsumed(bytes: number): number {
    this.#consumedBytes += bytes;
    return this.receiveWindow.onConsumed(this.#consumedBytes);
  }
}
