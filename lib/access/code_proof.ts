/**
 * The proof that both ends of one connection know the same access code.
 *
 * It is bound to that connection: its handshake hash is the session, the keys that both ends have proved are
 * the parties. Somebody in the middle has two connections with two hashes, so what he passes on fits neither.
 *
 * @module
 */
import { Cpace, type Entropy, loadRistretto255 } from "../crypto/mod.ts";

/** The connection that a proof belongs to. */
export interface ProofChannel {
  /** Hash of its whole handshake, 32 bytes. */
  readonly handshakeHash: Uint8Array;
  /** Public key of the client. */
  readonly clientKey: Uint8Array;
  /** Public key of the server. */
  readonly serverKey: Uint8Array;
}

const CHANNEL = new TextEncoder().encode("Ferry access code 1");

/** Starts one side's run for a code in its normal form. Loads the group at its first use. */
export async function startCodeProof(
  role: "client" | "server",
  code: string,
  channel: ProofChannel,
  entropy: Entropy,
): Promise<Cpace> {
  return new Cpace({
    group: await loadRistretto255(),
    role: role === "client" ? "initiator" : "responder",
    password: new TextEncoder().encode(code),
    channel: CHANNEL,
    sessionId: channel.handshakeHash,
    initiator: channel.clientKey,
    responder: channel.serverKey,
    entropy,
  });
}
