/**
 * A peer that has moved, or that its NAT has forgotten: its new address is proved, then taken.
 * RFC 9000 §9.
 *
 * @module
 */
import type { Entropy } from "../crypto/mod.ts";
import { isUsableSource } from "./address_filter.ts";
import type { ConnectionParts } from "./connection_parts.ts";
import { DEFAULT_MAX_ACK_DELAY_MS } from "./constants.ts";
import type { LossRecovery } from "./loss_recovery.ts";
import type { Address } from "./path.ts";
import { PathValidation } from "./path_validation.ts";
import type { TransmitBatch } from "./transmit_batch.ts";

/** The parts that an address concerns. */
export type MigrationParts = Pick<ConnectionParts, "path" | "builder" | "deadlines">;

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
    this.#validation.begin({ from, packetBytes, present: this.#parts.path.address }, nowMs);
  }

  /** A packet that had come before came again from elsewhere. */
  onReplay(from: Address, nowMs: number): void {
    this.#validation.onHeard(from, nowMs);
  }

  /** PATH_RESPONSE. */
  onPathResponse(token: Uint8Array, nowMs: number): void {
    this.#moveTo(this.#validation.onResponse(token, nowMs), nowMs);
  }

  /** A challenge was not answered in time. */
  onTimeout(nowMs: number): void {
    const ptoMs = this.#parts.path.rtt.ptoMs(DEFAULT_MAX_ACK_DELAY_MS);
    this.#moveTo(this.#validation.onTimeout(nowMs, ptoMs), nowMs);
  }

  #moveTo(address: Address | null, nowMs: number): void {
    const { path, deadlines } = this.#parts;
    deadlines.set("path", this.#validation.deadlineMs);
    if (address === null) return;
    path.moveTo(address, nowMs);
    this.#recovery.onMoved();
  }

  /** Fills `batch` with a challenge; false when none is due. */
  poll(batch: TransmitBatch, nowMs: number): boolean {
    const { path, builder, deadlines } = this.#parts;
    const challenge = this.#validation.pollChallenge(nowMs, path.rtt.ptoMs(0));
    if (challenge === null) return false;
    batch.address = challenge.address;
    const size = builder.build(batch.buffer, 0, {
      limitBytes: challenge.limitBytes,
      mayCarryData: false,
      isElsewhere: true,
      transient: [{ kind: "path-challenge", token: challenge.token }],
      isMtuProbe: false,
      asksForAckAtEnd: false,
    }, nowMs);
    this.#validation.onSent(size);
    batch.length = batch.segmentBytes = size;
    deadlines.set("path", this.#validation.deadlineMs);
    return true;
  }
}
