/**
 * Fills a batch with packets of one size: as many as may go now, in one call of the system (UDP GSO).
 *
 * @module
 */
import type { ConnectionParts } from "./connection_parts.ts";
import { BASE_DATAGRAM_BYTES, MAX_BATCH_BYTES, MAX_BATCH_PACKETS } from "./constants.ts";
import type { LossRecovery } from "./loss_recovery.ts";
import type { PacketPlan } from "./packet_builder.ts";
import { PacketNumberGaps } from "./packet_number_gaps.ts";
import type { SendBudget } from "./send_budget.ts";
import type { TransmitBatch } from "./transmit_batch.ts";

/** The parts that packets are made with. */
export type BatchParts = Pick<
  ConnectionParts,
  | "path"
  | "loss"
  | "acks"
  | "transient"
  | "streams"
  | "protection"
  | "builder"
  | "limits"
  | "deadlines"
>;

/** Fills the batches of one connection. */
export class BatchBuilder {
  readonly #parts: BatchParts;
  readonly #budget: SendBudget;
  readonly #recovery: LossRecovery;
  readonly #gaps: PacketNumberGaps;

  /** `random` gives numbers in [0, 1). */
  constructor(
    parts: BatchParts,
    deciders: { budget: SendBudget; recovery: LossRecovery; random: () => number },
  ) {
    this.#parts = parts;
    this.#budget = deciders.budget;
    this.#recovery = deciders.recovery;
    this.#gaps = new PacketNumberGaps(parts.loss, deciders.random);
  }

  /** Fills `batch` with what may go now; false when that is nothing. */
  poll(batch: TransmitBatch, nowMs: number): boolean {
    const { path, loss, acks, transient, streams, protection, limits } = this.#parts;
    const { probesDue } = this.#recovery;
    const isProbe = probesDue > 0;
    // A probe must get through where large packets have ceased to: only then is their loss noticed.
    const segmentBytes = isProbe ? BASE_DATAGRAM_BYTES : path.segmentBytes;
    const allowedBytes = this.#budget.takeBytes(segmentBytes, nowMs);
    // No more of these small packets than are due: what else may go goes in the next batch.
    const budgetBytes = isProbe ? segmentBytes * probesDue : allowedBytes;
    const isAckDue = acks.isDue(nowMs);
    const mayCarryData = budgetBytes > 0;
    if (!isAckDue && !mayCarryData) return false;
    if (!isAckDue && !this.#budget.hasSomethingToSend) return false;
    this.#gaps.skipIfDue();
    protection.updateIfDue(loss.nextPacketNumber);
    const inFlightBefore = loss.inFlightBytes;
    const newBytesBefore = streams.sentBytes;
    const length = this.#buildPackets(batch.buffer, maxPackets(budgetBytes, segmentBytes), {
      limitBytes: segmentBytes,
      mayCarryData,
      mayCarryControl: mayCarryData || path.isHeldByCap,
      transient: transient.frames,
      isMtuProbe: false,
      asksForAckAtEnd: true,
    }, nowMs);
    if (length === 0) return false;
    if (isProbe) {
      this.#recovery.probesDue = Math.max(0, probesDue - Math.ceil(length / segmentBytes));
    }
    batch.length = length;
    batch.segmentBytes = Math.min(segmentBytes, length);
    path.cap.onSent(length);
    limits.enter("busy", nowMs);
    streams.rotate();
    if (streams.sentBytes > newBytesBefore) this.#budget.onNewData();
    this.#onSent(inFlightBefore, nowMs);
    return true;
  }

  /** Packets one behind the other, the last one perhaps shorter. Returns their bytes. */
  #buildPackets(buffer: Uint8Array, count: number, plan: PacketPlan, nowMs: number): number {
    const { builder, transient } = this.#parts;
    let length = 0;
    for (let i = 0; i < count; i++) {
      const size = builder.build(buffer, length, plan, nowMs);
      transient.onWritten();
      length += size;
      if (size < plan.limitBytes) break;
    }
    return length;
  }

  #onSent(inFlightBefore: number, nowMs: number): void {
    const { path, loss, acks, deadlines } = this.#parts;
    const { inFlightBytes } = loss;
    if (inFlightBytes > inFlightBefore) {
      path.pacer.onSent(inFlightBytes - inFlightBefore);
      path.controller.onPacketSent(inFlightBytes - inFlightBefore, inFlightBytes, nowMs);
      this.#recovery.setDeadline();
    }
    deadlines.set("ack", acks.deadlineMs);
  }
}

function maxPackets(budgetBytes: number, segmentBytes: number): number {
  return Math.max(
    1,
    Math.min(
      MAX_BATCH_PACKETS,
      Math.floor(MAX_BATCH_BYTES / segmentBytes),
      Math.floor(budgetBytes / segmentBytes),
    ),
  );
}
