/**
 * The states of an established connection, and the legal moves. RFC 9000 §10.
 *
 * The handshake is not among them: a connection exists only once both sides have keys.
 *
 * @module
 */
import { assert } from "../bytes/invariant.ts";
import type { ConnectionEnd } from "./transport_error.ts";

/** Where a connection stands. */
export type ConnectionState =
  /** Data flows. */
  | { readonly kind: "established" }
  /** We closed it: CONNECTION_CLOSE is sent, and again as an answer to what still arrives. §10.2.1 */
  | { readonly kind: "closing"; readonly end: ConnectionEnd; readonly untilMs: number }
  /** The peer closed it: nothing is sent any more. §10.2.2 */
  | { readonly kind: "draining"; readonly end: ConnectionEnd; readonly untilMs: number }
  /** Nothing is left of it. */
  | { readonly kind: "closed"; readonly end: ConnectionEnd };

const NEXT: Readonly<Record<ConnectionState["kind"], readonly ConnectionState["kind"][]>> = {
  established: ["closing", "draining", "closed"],
  closing: ["draining", "closed"],
  draining: ["closed"],
  closed: [],
};

/** Checks a move and returns the new state. */
export function transition(from: ConnectionState, to: ConnectionState): ConnectionState {
  assert(NEXT[from.kind].includes(to.kind), `a connection moves from ${from.kind} to ${to.kind}`);
  return to;
}
