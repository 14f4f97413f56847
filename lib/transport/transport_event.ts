/**
 * What the application is told, in order.
 *
 * @module
 */
import type { StreamEntry } from "./streams/stream_map.ts";
import type { ConnectionEnd } from "./transport_error.ts";

/** One thing that happened on a connection. */
export type TransportEvent =
  /** The peer opened a stream: `streams.accept` takes it, and until then it counts as open. */
  | { readonly kind: "stream-opened"; readonly stream: StreamEntry }
  /** Bytes, the end or a reset can be read from a stream. */
  | { readonly kind: "readable"; readonly stream: StreamEntry }
  /** A stream takes more bytes, was stopped by the peer, or everything on it was acknowledged. */
  | { readonly kind: "writable"; readonly stream: StreamEntry }
  /** Both sides of a stream are done: no event about it follows. */
  | { readonly kind: "stream-closed"; readonly stream: StreamEntry }
  /** The peer allows more streams. */
  | { readonly kind: "streams-available" }
  /** The connection has ended; nothing follows. */
  | { readonly kind: "ended"; readonly end: ConnectionEnd };
