/**
 * What an operation is: one row of the server's table, with both directions of its messages.
 *
 * @module
 */
import type { Exchange } from "./exchange.ts";
import type { Codec } from "./message.ts";
import type { StatusName } from "./status.ts";

/** What a client must be allowed to do for an operation; `anyone` needs no role. */
export type Access = "anyone" | "read" | "write" | "owner";

/** What a client is allowed to do. Each role includes those after it; `none` has proved nothing yet. */
export type Role = "owner" | "read-write" | "read-only" | "none";

/** What happened to a request, for the log. Paths are raw: escape them before they reach a terminal. */
export type RequestEvent =
  | {
    /** A request arrived and is served now. */
    readonly kind: "request";
    /** The operation's name. */
    readonly name: string;
    /** What it is about. */
    readonly path: string;
  }
  | {
    /** A request was refused or failed. */
    readonly kind: "failure";
    /** The operation's name; empty when the request could not be read. */
    readonly name: string;
    /** What it is about. */
    readonly path: string;
    /** Why. */
    readonly reason: StatusName;
    /** For the log alone, never sent: what an unexpected error said. */
    readonly detail?: string;
  };

/** What the dispatcher needs to know of a connection; operations know more. */
export interface RequestContext {
  /** Role of the connected client at this moment. */
  readonly role: Role;
  /** Whether the server refuses every change, whoever asks. */
  readonly readOnly: boolean;
  /** Resolves when no proof is under way that may bring another role. */
  roleSettled(): Promise<void>;
  /** Takes what happens. */
  onEvent(event: RequestEvent): void;
}

/** The part of an operation that the asking side needs. */
export interface OperationShape<Request, Response> {
  /** Number on the wire; never reused. */
  readonly code: number;
  /** Name in logs. */
  readonly name: string;
  /** Fields of the request. */
  readonly request: Codec<Request>;
  /** Fields of each reply. */
  readonly response: Codec<Response>;
  /** Enough passes for compression to pay: contents of files, or many names. */
  readonly isBulky?: boolean;
  /** What a request is about, as text for logs and errors. */
  subject(request: Request): string;
}

/** Returned by an operation that has sent its replies itself. */
export const ANSWERED: unique symbol = Symbol("answered");

/** One thing that a client can ask of the server. */
export interface Operation<Request, Response, Context> extends OperationShape<Request, Response> {
  /** Who may ask; the dispatcher enforces it before anything is served. */
  readonly access: Access;
  /**
   * Serves one request.
   *
   * Returns the (last) reply to send, or {@linkcode ANSWERED} when `exchange` has had all of them. What it
   * throws is answered for it: a {@linkcode RemoteError} or {@linkcode MessageError} with its status,
   * anything else as `internal`.
   */
  serve(
    request: Request,
    exchange: Exchange,
    context: Context,
  ): Promise<Response | typeof ANSWERED>;
}

/** Why a client may not ask for this, or null when it may. Nothing else decides about that. */
export function accessRefusal(access: Access, context: RequestContext): StatusName | null {
  if (access !== "anyone" && context.role === "none") return "refused";
  switch (access) {
    case "anyone":
    case "read":
      return null;
    case "write":
      if (context.readOnly) return "read-only-server";
      return context.role === "read-only" ? "refused" : null;
    case "owner":
      return context.role === "owner" ? null : "refused";
  }
}
