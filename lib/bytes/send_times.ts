/**
 * What held sending back: measured by the transport, judged by a transfer. Both know this shape alone.
 *
 * @module
 */

/** Milliseconds since the connection's start for which each thing held sending back. */
export interface SendTimes {
  /** Window or pacing of congestion control: the path takes no more. */
  readonly pathMs: number;
  /** The same, while losses had made congestion control cut back. */
  readonly lossMs: number;
  /** The user's cap. */
  readonly capMs: number;
  /** Flow control: the peer's application has not read what came. */
  readonly peerMs: number;
  /** There was nothing to send. */
  readonly idleMs: number;
  /** Nothing but this process. */
  readonly busyMs: number;
}
