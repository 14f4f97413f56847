/**
 * The client's last packet of the handshake, said again until the server is heard: only that proves that
 * it came.
 *
 * @module
 */
import { HALF_OPEN_LIFETIME_MS } from "./constants.ts";
import type { TransmitBatch } from "./transmit_batch.ts";

/** The FINISH of one connection. */
export class ClientFinish {
  #packet: Uint8Array | null;
  #isDue: boolean;

  /** `packet` goes first of all; the server, which has none to say, gives null. */
  constructor(packet: Uint8Array | null) {
    this.#packet = packet;
    this.#isDue = packet !== null;
  }

  /** True while the server has not been heard. */
  get isUnanswered(): boolean {
    return this.#packet !== null;
  }

  /** The peer was heard: it has the keys. */
  onHeard(): void {
    this.#packet = null;
  }

  /** Something is asked for again, so this is as well. */
  onProbe(): void {
    this.#isDue = true;
  }

  /** The server has not answered for so long that, if this never came, it has forgotten the handshake. */
  isForgotten(silentMs: number): boolean {
    return this.#packet !== null && silentMs >= HALF_OPEN_LIFETIME_MS;
  }

  /** Fills `batch` when it is to be said; false otherwise. */
  poll(batch: TransmitBatch): boolean {
    if (!this.#isDue || this.#packet === null) return false;
    this.#isDue = false;
    batch.buffer.set(this.#packet, 0);
    batch.segmentBytes = batch.length = this.#packet.length;
    return true;
  }
}
