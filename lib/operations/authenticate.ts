/**
 * Getting a role: asking which one a connection has, and proving the access code for one.
 *
 * ```
 * client                                server
 * prove, share                     →
 *                                  ←    share                 a guess is taken from the limit
 * tag                              →    the client has proved itself, or guessed wrong
 *                                  ←    tag, role             the server has proved itself
 * ```
 * The client's tag comes first: who guesses learns whether he was right only after the server knows it too.
 *
 * @module
 */
import { type Entropy, type Guess, type ProofChannel, startCodeProof } from "../access/mod.ts";
import {
  ANSWERED,
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
  /** The client has proved itself: gives it its role. `isKept`: its key is the same next time. */
  grant(client: { readonly isKept: boolean }): Promise<Role>;
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
  /** The server took our proof and has none of its own: it is not the right one. */
  | "unproven-server"
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
 * Proves that we know the access code, and checks that the server knows it.
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
    const keys = reply.kind === "share" ? run.finish(reply.share) : null;
    if (keys === null) throw new CodeError("unproven-server");
    await call.stream.write(keys.ownTag);
    await call.stream.finish();
    const verdict = await call.receive();
    if (verdict.kind !== "proven" || !keys.isPeerTag(verdict.tag)) {
      throw new CodeError("unproven-server");
    }
    await call.end();
    return { role: verdict.role, isKeyKept: verdict.isKeyKept };
  } catch (error) {
    throw codeErrorFrom(call.explain(error));
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
  | { readonly kind: "share"; readonly share: Uint8Array }
  | {
    readonly kind: "proven";
    /** The server's tag. */
    readonly tag: Uint8Array;
    /** The role of this connection from now on. */
    readonly role: Role;
    /** Whether the server's key is the same next time. */
    readonly isKeyKept: boolean;
  };

const SHARE_BYTES = 32;
const TAG_BYTES = 64;
const REQUEST_KINDS = ["ask", "prove"] as const;
const REPLY_KINDS = ["standing", "share", "proven"] as const;
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
        return;
      case "proven":
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
        return { kind, share: reader.bytes(SHARE_BYTES).slice() };
      case "proven":
        return {
          kind,
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
      return { kind: "standing", role: context.role, takesCode: gate !== null };
    }
    if (gate === null) throw new RemoteError("unsupported", "");
    const guess = gate.admitGuess();
    if (guess === null) {
      context.onEvent({ kind: "guess", outcome: "too-many", wrongCount: 0 });
      throw new RemoteError("busy", "");
    }
    let isRight = false;
    try {
      const run = await startCodeProof("server", gate.code, gate.channel, gate.entropy);
      const keys = run.finish(request.share);
      if (keys === null) throw new MessageError("Expected a share of the proof");
      await exchange.respond(replyCodec, { kind: "share", share: run.share });
      const tag = await exchange.reader.exactly(TAG_BYTES);
      isRight = keys.isPeerTag(tag);
      if (!isRight) throw new RemoteError("refused", "");
      const role = await gate.grant({ isKept: request.isKeyKept });
      const { ownTag } = keys;
      const { isKeyKept } = gate;
      await exchange.respond(replyCodec, { kind: "proven", tag: ownTag, role, isKeyKept });
    } finally {
      const wrongCount = guess.settle(isRight);
      context.onEvent({ kind: "guess", outcome: isRight ? "right" : "wrong", wrongCount });
    }
    return ANSWERED;
  },
};
