/**
 * A peer that has moved, or that its NAT has forgotten: its new address is proved, then taken.
 * RFC 9000 §9.
 *
 * @module
 */
import type { Entropy } from "../crypto/mod.ts";
import { isUsableSource } from "./address_filter.ts";
import type { ConnectionParts } from "./connection_parts.ts";
import { BASE_DATAGRAM_BYTES, DEFAULT_MAX_ACK_DELAY_MS } from "./constants.ts";
import type { LossRecovery } from "./loss_recovery.ts";
import type { Address } from "./path.ts";
import { PathValidation } from "./path_validation.ts";
import type { TransmitBatch } from "./transmit_batch.ts";

/** The parts that an address concerns. */
export type MigrationParts = Pick<ConnectionParts, "path" | "loss" | "builder" | "deadlines">;

/** The moves of one peer. */
export class ConnectionMigration {
  readonly #parts: MigrationParts;
  readonly #recovery: LossRecovery;
  readonly #validation: PathValidation;

  /** Uses these parts for the connection's life. */
  constructor(parts: MigrationParts, recovery: LossRecovery, entropy: Entropy) {
    this.#parts = parts;
    this.#recovery = recovery;
    this.#validation = new PathValidation(entropy);
  }

  /** The newest authentic packet came from elsewhere. */
  onNewAddress(from: Address, packetBytes: number, nowMs: number): void {
    // A copied packet can name any sender: a challenge must not go to a whole network. RFC 9000 §21.5.
    if (!isUsableSource(from)) return;
    this.#validation.begin(from, packetBytes, nowMs);
  }

  /** PATH_RESPONSE. */
  onPathResponse(token: Uint8Array, nowMs: number): void {
    const { path, loss, deadlines } = this.#parts;
    const address = this.#validation.onResponse(token);
    if (address === null) return;
    path.moveTo(address, nowMs);
    loss.ptoCount = 0;
    deadlines.set("path", Infinity);
    this.#recovery.setDeadline();
  }

  /** The challenge was not answered in time. */
  onTimeout(nowMs: number): void {
    const { path, deadlines } = this.#parts;
    this.#validation.onTimeout(nowMs, path.rtt.ptoMs(DEFAULT_MAX_ACK_DELAY_MS));
    deadlines.set("path", this.#validation.deadlineMs);
  }

  /** Fills `batch` with a challenge for the new address; false when none is due. */
  poll(batch: TransmitBatch, nowMs: number): boolean {
    const { path, builder, deadlines } = this.#parts;
    const challenge = this.#validation.pollChallenge(nowMs, path.rtt.ptoMs(0));
    if (challenge === null) return false;
    batch.address = challenge.address;
    const size = builder.build(batch.buffer, 0, {
      limitBytes: Math.min(BASE_DATAGRAM_BYTES, challenge.limitBytes),
      mayCarryData: false,
      // The peer may never see it, and then waits in vain for what this packet would have told it.
      keepsAck: true,
      transient: [{ kind: "path-challenge", token: challenge.token }],
      isMtuProbe: false,
      asksForAckAtEnd: false,
    }, nowMs);
    this.#validation.onSent(size);
    batch.length = batch.segmentBytes = size;
    deadlines.set("path", this.#validation.deadlineMs);
    this.#recovery.setDeadline();
    return true;
  }
}
