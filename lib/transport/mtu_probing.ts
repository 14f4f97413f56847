/**
 * The packets that try a larger datagram size, while data flows. RFC 9000 §14.4, RFC 8899.
 *
 * @module
 */
import type { ConnectionParts } from "./connection_parts.ts";
import type { LossRecovery } from "./loss_recovery.ts";
import type { TransmitBatch } from "./transmit_batch.ts";

/**
 * Only a local network answers this soon, and it is known by so many packets for each time that some are lost: a
 * receive buffer that overflows loses dozens at once, and says nothing of fragments.
 */
const FRAGMENTS_BELOW_RTT_MS = 2;
const FRAGMENTS_AFTER_PACKETS = 1000;

/** The parts that a probe is made with. */
export type MtuProbingParts = Pick<ConnectionParts, "path" | "loss" | "builder">;

/** Sends the MTU probes of one connection. */
export class MtuProbing {
  readonly #parts: MtuProbingParts;
  readonly #recovery: LossRecovery;

  /** Uses these parts for the connection's life. */
  constructor(parts: MtuProbingParts, recovery: LossRecovery) {
    this.#parts = parts;
    this.#recovery = recovery;
  }

  /** Fills `batch` with a probe; false when none is due. */
  poll(batch: TransmitBatch, nowMs: number): boolean {
    const { path, loss, builder } = this.#parts;
    const probeBytes = path.mtu.probeDueBytes(nowMs);
    // An idle connection has no use for larger packets.
    if (probeBytes === 0 || !loss.hasOutstanding()) return false;
    if (probeBytes > path.mtu.wholeBytes && !this.#mayBeFragmented()) return false;
    if (path.cap.datagramLimit(probeBytes) < probeBytes) return false;
    path.mtu.onProbeSent();
    const size = builder.build(batch.buffer, 0, {
      limitBytes: probeBytes,
      mayCarryData: false,
      transient: [{ kind: "ping" }],
      isMtuProbe: true,
      asksForAckAtEnd: false,
    }, nowMs);
    batch.length = batch.segmentBytes = size;
    path.cap.onSent(size);
    this.#recovery.setDeadline();
    return true;
  }

  /** On a short path without loss, as a local network is, fragments do no harm. */
  #mayBeFragmented(): boolean {
    const { path, loss } = this.#parts;
    const { lossEpisodes, sentPackets } = loss;
    return path.rtt.minMs < FRAGMENTS_BELOW_RTT_MS &&
      sentPackets >= FRAGMENTS_AFTER_PACKETS &&
      lossEpisodes <= sentPackets / FRAGMENTS_AFTER_PACKETS;
  }
}
