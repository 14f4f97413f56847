/**
 * What the server's operations are given, and what they report.
 *
 * @module
 */
import type { FileRoot } from "../files/mod.ts";
import type { RequestContext, RequestEvent, StatusName } from "../request/mod.ts";

/** The end of a transfer, seen from the server. */
export interface TransferEvent {
  /** Marks the event. */
  readonly kind: "transfer";
  /** `send` for a download of the client, `receive` for an upload. */
  readonly direction: "send" | "receive";
  /** The file, in remote form and raw: escape it before it reaches a terminal. */
  readonly name: string;
  /** Bytes moved now, without those from an earlier try. */
  readonly bytes: number;
  /** Bytes that were there from an earlier try. */
  readonly resumedFrom: number;
  /** How long it took. */
  readonly seconds: number;
  /** Whether the receiver verified and published the file. */
  readonly ok: boolean;
  /** Why not. */
  readonly reason?: StatusName;
}

/** Everything that operations report for the log. */
export type ServiceEvent = RequestEvent | TransferEvent;

/** What operations know of the server and of the connection they serve. */
export interface ServeContext extends RequestContext {
  /** The folder that is served. */
  readonly root: FileRoot;
  /** Address of the client, for logs. */
  readonly peer: string;
  /** A clock for durations. */
  readonly nowMs: () => number;
  /** Takes what happens. */
  onEvent(event: ServiceEvent): void;
  /** Connections that the server has now, this one included. */
  connectionCount(): number;
  /** Asks the server to stop: to drain its connections, this one too, and leave. */
  requestShutdown(): void;
}
