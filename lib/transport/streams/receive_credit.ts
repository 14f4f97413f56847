/**
 * The credit that we give the peer, for the connection and for each stream: told when it is worth it, and
 * told again when that was lost. RFC 9000 §4.1.
 *
 * @module
 */
import type { ControlQueue } from "../control_queue.ts";
import type { ConnectionFlowControl } from "../flow_control.ts";
import type { StreamEntry } from "./stream_map.ts";

/** Time and round trip, for window tuning. */
export interface WindowClock {
  /** Now, ms. */
  readonly nowMs: number;
  /** Smoothed RTT, ms. */
  readonly rttMs: number;
}

/** Windows of the streams and of the connection, and the frames that tell of them. */
export class ReceiveCredit {
  readonly #flow: ConnectionFlowControl;
  readonly #control: ControlQueue;

  /** Tells nothing by itself. */
  constructor(flow: ConnectionFlowControl, control: ControlQueue) {
    this.#flow = flow;
    this.#control = control;
  }

  /** The highest offset of a stream grew: perhaps the windows should. @throws {TransportError} */
  onArrived(entry: StreamEntry, growth: number, clock: WindowClock): void {
    this.tellLimit(this.#flow.onReceived(growth, clock));
    this.#tellStreamLimit(entry, entry.window.onReceived(entry.receive.highest, clock));
  }

  /** The peer ended a stream, which gets no more credit itself. @throws {TransportError} */
  onReset(growth: number, clock: WindowClock): void {
    this.tellLimit(this.#flow.onReceived(growth, clock));
  }

  /** Bytes of a stream were read or dropped: there is room for more. */
  onConsumed(entry: StreamEntry, bytes: number): void {
    this.tellLimit(this.#flow.onConsumed(bytes));
    this.#tellStreamLimit(entry, entry.window.onConsumed(entry.receive.readOffset));
  }

  /** The connection's limit did not arrive. */
  onLimitLost(): void {
    this.tellLimit(this.#flow.receiveWindow.creditEnd);
  }

  /** A stream's limit did not arrive. */
  onStreamLimitLost({ id, receive }: StreamEntry): void {
    if (receive.isSizeKnown) return;
    this.#control.push({ kind: "max-stream-data", streamId: id, limit: receive.creditEnd });
  }

  /** Tells the peer the connection's limit, unless it is NaN. */
  tellLimit(limit: number): void {
    if (!Number.isNaN(limit)) this.#control.push({ kind: "max-data", limit });
  }

  /** Tells the peer a stream's limit, unless it is NaN or no longer matters. */
  #tellStreamLimit(entry: StreamEntry, limit: number): void {
    if (Number.isNaN(limit) || entry.receive.isSizeKnown) return;
    entry.receive.giveCredit(limit);
    this.#control.push({ kind: "max-stream-data", streamId: entry.id, limit });
  }
}
