/**
 * Getting a role: asking which one a connection has, and proving the access code for one.
 *
 * ```
 * client                                server
 * prove, share                     →
 *                                  ←    share, tag, role      a guess is taken from the limit
 * tag, and requests at once        →    the client has proved itself, or guessed wrong
 * ```
 * The server's tag comes first, so that the client's requests need not wait for an answer to its own: they
 * go out together with it, to a server that has proved itself, and are held there until the tag is checked.
 * Who guesses learns no more by that: a run is one guess whichever tag comes first, and one that does not
 * end with the client's tag counts as a wrong one.
 *
 * @module
 */
import { type Entropy, type Guess, type ProofChannel, startCodeProof } from "../access/mod.ts";
import {
  ANSWERED,
  type Call,
  type Caller,
  type CallOptions,
  type Codec,
  MessageError,
  type Operation,
  readChoice,
  readFlag,
  RemoteError,
  type Role,
  writeChoice,
  writeFlag,
} from "../request/mod.ts";
import type { PendingProofs } from "./pending_proofs.ts";
import type { ServeContext } from "./serve_context.ts";

/** What the server needs to let a connection prove the code. */
export interface CodeGate {
  /** The access code in its normal form. */
  readonly code: string;
  /** The connection. */
  readonly channel: ProofChannel;
  /** For our scalar. */
  readonly entropy: Entropy;
  /** Lets a guess through; null when there were too many. */
  admitGuess(): Guess | null;
  /** The role that a right code gives. */
  readonly role: Role;
  /** The proofs of this connection that have not ended. */
  readonly pending: PendingProofs;
  /**
   * The client has proved itself: it has its role from this call on. Resolves when its key is noted for the
   * next time. `isKept`: that key is the same then.
   */
  grant(client: { readonly isKept: boolean }): Promise<void>;
  /** Whether our key is the same next time. */
  readonly isKeyKept: boolean;
}

/** What a connection may do now. */
export interface Standing {
  /** Its role. */
  readonly role: Role;
  /** Whether the server takes an access code. */
  readonly takesCode: boolean;
}

/** What a proof gives. */
export interface CodeProven {
  /** The role of this connection from now on. */
  readonly role: Role;
  /** The server's key is the same next time: worth remembering. */
  readonly isKeyKept: boolean;
}

/** Why a proof failed. */
export type CodeErrorKind =
  /** The two sides do not know the same code, or somebody is in between. */
  | "wrong-code"
  /** Too many guesses: later again. */
  | "too-many-guesses"
  /** The server takes no code. */
  | "no-code";

/** The access code did not open the server. */
export class CodeError extends Error {
  /** What happened. */
  readonly kind: CodeErrorKind;

  /** Makes the error. */
  constructor(kind: CodeErrorKind, options?: ErrorOptions) {
    super(`The access code was not accepted: ${kind}`, options);
    this.name = "CodeError";
    this.kind = kind;
  }
}

/**
 * Asks what this connection may do.
 *
 * @throws {RemoteError}
 * @throws {StreamError}
 */
export async function askStanding(caller: Caller, options?: CallOptions): Promise<Standing> {
  const reply = await caller.call(authenticateOperation, { kind: "ask" }, options);
  if (reply.kind !== "standing") throw new RemoteError("malformed", "");
  return { role: reply.role, takesCode: reply.takesCode };
}

/** What the client needs to prove the code. */
export interface ProveCodeOptions extends CallOptions {
  /** The code in its normal form. */
  readonly code: string;
  /** The connection. */
  readonly channel: ProofChannel;
  /** For our scalar. */
  readonly entropy: Entropy;
  /** Whether our key is the same next time. */
  readonly isKeyKept: boolean;
}

/**
 * Proves that we know the access code, after the server has proved that it does. Requests may follow at once:
 * the server holds them until our proof is there.
 *
 * @throws {CodeError}
 * @throws {RemoteError}
 * @throws {StreamError}
 */
export async function proveCode(caller: Caller, options: ProveCodeOptions): Promise<CodeProven> {
  const { code, channel, entropy, isKeyKept, signal } = options;
  const run = await startCodeProof("client", code, channel, entropy);
  const request = { kind: "prove", share: run.share, isKeyKept } as const;
  const call = await caller.open(authenticateOperation, request, { signal });
  try {
    const reply = await call.receive();
    if (reply.kind !== "share") throw new MessageError("Expected a share of the proof");
    const keys = run.finish(reply.share);
    if (keys === null || !keys.isPeerTag(reply.tag)) {
      call.abandon("refused"); // our tag would be a guess for whoever is there
      throw new CodeError("wrong-code");
    }
    await call.stream.write(keys.ownTag);
    await call.stream.finish();
    call.complete(); // from here on `signal` cuts nothing: our proof must arrive
    caller.linger(awaitEnd(call));
    return { role: reply.role, isKeyKept: reply.isKeyKept };
  } catch (error) {
    call.close();
    throw codeErrorFrom(call.explain(error));
  }
}

/** Nothing can be said here that a request would not be told as well: a server that forgot the role refuses it. */
async function awaitEnd(call: Call<AuthenticateRequest, AuthenticateReply>): Promise<void> {
  try {
    await call.end();
  } catch (error) {
    if (!(error instanceof MessageError)) throw error;
  } finally {
    call.close();
  }
}

function codeErrorFrom(error: unknown): unknown {
  if (!(error instanceof RemoteError)) return error;
  const options = { cause: error };
  switch (error.status) {
    case "refused":
      return new CodeError("wrong-code", options);
    case "busy":
      return new CodeError("too-many-guesses", options);
    case "unsupported":
      return new CodeError("no-code", options);
    default:
      return error;
  }
}

/** A question about a connection's role. */
export type AuthenticateRequest =
  | { readonly kind: "ask" }
  | {
    readonly kind: "prove";
    /** The client's share. */
    readonly share: Uint8Array;
    /** Whether the client's key is the same next time. */
    readonly isKeyKept: boolean;
  };

/** The answers to it. */
export type AuthenticateReply =
  | { readonly kind: "standing"; readonly role: Role; readonly takesCode: boolean }
  | {
    readonly kind: "share";
    /** The server's share. */
    readonly share: Uint8Array;
    /** The server's tag. */
    readonly tag: Uint8Array;
    /** The role that this connection has once the client's tag is there. */
    readonly role: Role;
    /** Whether the server's key is the same next time. */
    readonly isKeyKept: boolean;
  };

const SHARE_BYTES = 32;
const TAG_BYTES = 64;
const REQUEST_KINDS = ["ask", "prove"] as const;
const REPLY_KINDS = ["standing", "share"] as const;
const ROLES = ["none", "read-only", "read-write", "owner"] as const;

const requestCodec: Codec<AuthenticateRequest> = {
  encode: (request, writer) => {
    writeChoice(writer, REQUEST_KINDS, request.kind);
    if (request.kind === "ask") return;
    writer.bytes(request.share);
    writeFlag(writer, request.isKeyKept);
  },
  decode: (reader) => {
    const kind = readChoice(reader, REQUEST_KINDS);
    if (kind === "ask") return { kind };
    return { kind, share: reader.bytes(SHARE_BYTES), isKeyKept: readFlag(reader) };
  },
};

const replyCodec: Codec<AuthenticateReply> = {
  encode: (reply, writer) => {
    writeChoice(writer, REPLY_KINDS, reply.kind);
    switch (reply.kind) {
      case "standing":
        writeChoice(writer, ROLES, reply.role);
        writeFlag(writer, reply.takesCode);
        return;
      case "share":
        writer.bytes(reply.share);
        writer.bytes(reply.tag);
        writeChoice(writer, ROLES, reply.role);
        writeFlag(writer, reply.isKeyKept);
    }
  },
  decode: (reader) => {
    const kind = readChoice(reader, REPLY_KINDS);
    switch (kind) {
      case "standing":
        return { kind, role: readChoice(reader, ROLES), takesCode: readFlag(reader) };
      case "share":
        return {
          kind,
          share: reader.bytes(SHARE_BYTES).slice(),
          tag: reader.bytes(TAG_BYTES).slice(),
          role: readChoice(reader, ROLES),
          isKeyKept: readFlag(reader),
        };
    }
  },
};

/** Serves {@linkcode askStanding} and {@linkcode proveCode}. The one operation that needs no role. */
export const authenticateOperation: Operation<
  AuthenticateRequest,
  AuthenticateReply,
  ServeContext
> = {
  code: 40,
  name: "authenticate",
  access: "anyone",
  request: requestCodec,
  response: replyCodec,
  subject: () => "",
  async serve(request, exchange, context) {
    const gate = context.codeGate ?? null;
    if (request.kind === "ask") {
      await context.roleSettled();
      return { kind: "standing", role: context.role, takesCode: gate !== null };
    }
    if (gate === null) throw new RemoteError("unsupported", "");
    const guess = gate.admitGuess();
    if (guess === null) {
      context.onEvent({ kind: "guess", outcome: "too-many", wrongCount: 0 });
      throw new RemoteError("busy", "");
    }
    const endProof = gate.pending.begin();
    let isRight = false;
    try {
      const run = await startCodeProof("server", gate.code, gate.channel, gate.entropy);
      const keys = run.finish(request.share);
      if (keys === null) throw new MessageError("Expected a share of the proof");
      const { role, isKeyKept } = gate;
      const reply = { kind: "share", share: run.share, tag: keys.ownTag, role, isKeyKept } as const;
      await exchange.respond(replyCodec, reply);
      const tag = await exchange.reader.exactly(TAG_BYTES);
      isRight = keys.isPeerTag(tag);
      if (!isRight) throw new RemoteError("refused", "");
      const noted = gate.grant({ isKept: request.isKeyKept });
      endProof();
      await noted;
    } finally {
      endProof();
      const wrongCount = guess.settle(isRight);
      context.onEvent({ kind: "guess", outcome: isRight ? "right" : "wrong", wrongCount });
    }
    return ANSWERED;
  },
};
