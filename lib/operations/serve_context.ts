/**
 * What the server's operations are given, and what they report.
 *
 * @module
 */
import type { FileRoot } from "../files/mod.ts";
import type { CodeGate } from "./authenticate.ts";
import type { RateSetting } from "./rate.ts";
import type { RequestContext, RequestEvent, StatusName } from "../request/mod.ts";
import type { TransferLimit } from "../transfer/mod.ts";
import type { TransferGauge } from "./transfer_options.ts";
import type { UploadClaims } from "./upload_claims.ts";

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
  /** What limited it, when that is known and it took long enough to matter. */
  readonly limit?: TransferLimit;
}

/** A guess at the access code. */
export interface GuessEvent {
  /** Marks the event. */
  readonly kind: "guess";
  /** How it went; `too-many` was not looked at. */
  readonly outcome: "right" | "wrong" | "too-many";
  /** Wrong guesses of that address in a row, this one included. */
  readonly wrongCount: number;
}

/** Everything that operations report for the log. */
export type ServiceEvent = RequestEvent | TransferEvent | GuessEvent;

/** What operations know of the server and of the connection they serve. */
export interface ServeContext extends RequestContext {
  /** The folder that is served. */
  readonly root: FileRoot;
  /** Address of the client, for logs. */
  readonly peer: string;
  /** Names the client across connections: its long-term key in hex. */
  readonly clientKey: string;
  /** Lets the client prove the access code; without it there is none. */
  readonly codeGate?: CodeGate | null;
  /** A clock for durations. */
  readonly nowMs: () => number;
  /** Tells what limits transfers on this connection; without it nobody finds out. */
  readonly gauge?: TransferGauge;
  /** The features of the client, one bit each; none when absent. */
  readonly peerFeatures?: number;
  /** The uploads under way, those of other connections included. */
  readonly uploads: UploadClaims;
  /** How long nothing has been heard of the client. */
  silentMs(): number;
  /** Takes what happens. */
  onEvent(event: ServiceEvent): void;
  /** Connections that the server has now, this one included. */
  connectionCount(): number;
  /**
   * Holds back what is sent on this connection as the client wishes, and as the server does anyway; returns
   * what that comes to.
   */
  holdBack(wish: RateSetting): RateSetting;
  /** Asks the server to stop: to drain its connections, this one too, and leave. */
  requestShutdown(): void;
}
