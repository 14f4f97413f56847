/**
 * The handshake: Noise `XXpsk0` with X25519, ChaCha20-Poly1305 and SHA-256 (Noise Protocol Framework,
 * revision 34). Three messages; both ends learn and prove their long-term keys under encryption, and
 * neither answers anything sensible to a peer without the pre-shared key.
 *
 * @module
 */
import { createCipheriv, createDecipheriv } from "node:crypto";
import { assert } from "../bytes/invariant.ts";
import { TAG_BYTES } from "./aead.ts";
import type { Entropy } from "./entropy.ts";
import { HASH_BYTES, plainBytes, sha256 } from "./hash.ts";
import { type Identity, identityFromPrivateKey } from "./identity.ts";
import { agree, hasLowOrder, KEY_BYTES } from "./key_exchange.ts";
import { hkdfExpand, hkdfExtract } from "./key_schedule.ts";

/** No Noise message is longer. */
export const MAX_HANDSHAKE_MESSAGE_BYTES = 65_535;

/** The peer sent a handshake message that is damaged, forged, out of turn or made with another key. */
export class HandshakeError extends Error {
  /** Makes the error with what was wrong and, where there is one, its cause. */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "HandshakeError";
  }
}

/** What a handshake starts from. Everything is copied where it is kept. */
export interface NoiseOptions {
  /** The initiator sends the first message. */
  readonly role: "initiator" | "responder";
  /** Our own long-term key pair. */
  readonly identity: Identity;
  /**
   * 32 secret bytes that both ends share. It must not be guessable: one recorded message is enough to
   * try guesses against. Null runs plain `XX`, which authenticates nobody that is not known already.
   */
  readonly psk: Uint8Array | null;
  /** Everything both ends said before. The handshake fails unless both give the same bytes. */
  readonly prologue: Uint8Array;
  /** Source of the ephemeral key. */
  readonly entropy: Entropy;
}

/**
 * One run of the handshake. The initiator writes, reads, writes; the responder reads, writes, reads.
 *
 * A message that fails to read leaves no trace: the handshake goes on waiting for the genuine one, so
 * a forged datagram cannot break it.
 *
 * @example
 * ```ts
 * import { createIdentity, NoiseHandshake } from "./mod.ts";
 *
 * const entropy = { fill: (bytes: Uint8Array) => void crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>) };
 * const shared = { psk: new Uint8Array(32), prologue: new Uint8Array(0), entropy };
 * const client = new NoiseHandshake({ ...shared, role: "initiator", identity: createIdentity(entropy) });
 * const server = new NoiseHandshake({ ...shared, role: "responder", identity: createIdentity(entropy) });
 * const empty = new Uint8Array(0);
 * server.readMessage(client.writeMessage(empty));
 * client.readMessage(server.writeMessage(empty));
 * server.readMessage(client.writeMessage(empty));
 * client.split().initiatorSecret; // the same 32 bytes as server.split().initiatorSecret
 * ```
 */
export class NoiseHandshake {
  readonly #isInitiator: boolean;
  readonly #psk: Uint8Array | null;
  readonly #entropy: Entropy;
  readonly #pattern: readonly (readonly Token[])[];
  readonly #local: { static: Identity; ephemeral: Identity | null };
  #state: SharedState;
  #messageIndex = 0;
  #isOver = false;

  /** Starts a handshake; nothing is sent yet. */
  constructor(options: NoiseOptions) {
    const { psk, identity } = options;
    assert(psk === null || psk.length === KEY_BYTES, "A pre-shared key has 32 bytes");
    this.#isInitiator = options.role === "initiator";
    this.#psk = psk === null ? null : psk.slice();
    this.#entropy = options.entropy;
    this.#pattern = psk === null ? XX : XX_PSK0;
    this.#local = {
      static: { privateKey: identity.privateKey.slice(), publicKey: identity.publicKey.slice() },
      ephemeral: null,
    };
    const symmetric = new SymmetricState(psk === null ? XX_NAME : XX_PSK0_NAME);
    symmetric.mixHash(options.prologue);
    this.#state = { symmetric, remoteStatic: null, remoteEphemeral: null };
  }

  /** Whether all three messages have been exchanged. */
  get isComplete(): boolean {
    return this.#messageIndex === this.#pattern.length;
  }

  /** Hash of everything said so far, 32 bytes: once complete, it names this run and no other. A copy. */
  get handshakeHash(): Uint8Array {
    return this.#state.symmetric.hash.slice();
  }

  /**
   * The peer's long-term public key, or null while it has not been received. The peer has proved that
   * it holds the private key once the message that showed the public key was read without an error.
   */
  get remoteIdentity(): Uint8Array | null {
    return this.#state.remoteStatic?.slice() ?? null;
  }

  /**
   * Makes our next message around `payload`. The payload of the first message is encrypted under the
   * pre-shared key alone (not at all in plain `XX`), and can be replayed.
   *
   * @throws {InternalError} when it is not our turn.
   * @throws {RangeError} when the message would be longer than 65 535 bytes.
   */
  writeMessage(payload: Uint8Array): Uint8Array {
    assert(this.#isOurTurn && !this.#isOver, "A handshake message was written out of turn");
    const tokens = this.#pattern[this.#messageIndex]!;
    const { symmetric } = this.#state;
    const overhead = overheadOf(tokens, symmetric.hasKey);
    if (overhead + payload.length > MAX_HANDSHAKE_MESSAGE_BYTES) {
      throw new RangeError(`Cannot send ${payload.length} bytes in a handshake message: too long`);
    }
    const message = new Uint8Array(overhead + payload.length);
    let position = 0;
    const append = (bytes: Uint8Array): void => {
      message.set(bytes, position);
      position += bytes.length;
    };
    for (const token of tokens) {
      if (token === "e") {
        append(this.#createEphemeral().publicKey);
        this.#mixEphemeral(symmetric, this.#local.ephemeral!.publicKey);
      } else if (token === "s") {
        append(symmetric.encryptAndHash(this.#local.static.publicKey));
      } else {
        this.#mixSecret(token, this.#state);
      }
    }
    append(symmetric.encryptAndHash(payload));
    assert(position === message.length, "A handshake message has the length computed for it");
    this.#messageIndex++;
    return message;
  }

  /**
   * Takes the peer's next message and returns its payload.
   *
   * @throws {HandshakeError} for anything that is not the expected message; the state stays as it was.
   */
  readMessage(message: Uint8Array): Uint8Array {
    if (this.#isOver || this.isComplete || this.#isOurTurn) {
      throw new HandshakeError("A handshake message arrived out of turn");
    }
    const state = { ...this.#state, symmetric: this.#state.symmetric.clone() };
    try {
      const payload = this.#readInto(state, message);
      this.#state.symmetric.wipe();
      this.#state = state;
      this.#messageIndex++;
      return payload;
    } catch (error) {
      state.symmetric.wipe();
      throw error;
    }
  }

  /**
   * The traffic secrets of both directions, 32 bytes each. Call once, when complete; the handshake then
   * holds no key any more.
   *
   * @throws {InternalError} before completion and at a second call.
   */
  split(): { initiatorSecret: Uint8Array; responderSecret: Uint8Array } {
    assert(this.isComplete && !this.#isOver, "A handshake is split once, when it is complete");
    const [initiatorSecret, responderSecret] = this.#state.symmetric.split();
    this.destroy();
    return { initiatorSecret, responderSecret };
  }

  /** Wipes all secrets of a handshake that is over or given up. Its hash and peer can still be read. */
  destroy(): void {
    this.#psk?.fill(0);
    this.#local.static.privateKey.fill(0);
    this.#local.ephemeral?.privateKey.fill(0);
    this.#state.symmetric.wipe();
    this.#isOver = true;
  }

  get #isOurTurn(): boolean {
    return !this.isComplete && (this.#messageIndex % 2 === 0) === this.#isInitiator;
  }

  #readInto(state: SharedState, message: Uint8Array): Uint8Array {
    const tokens = this.#pattern[this.#messageIndex]!;
    const { symmetric } = state;
    if (
      message.length < overheadOf(tokens, symmetric.hasKey) ||
      message.length > MAX_HANDSHAKE_MESSAGE_BYTES
    ) {
      throw new HandshakeError(`A handshake message cannot have ${message.length} bytes`);
    }
    let position = 0;
    const take = (length: number): Uint8Array => message.subarray(position, position += length);
    for (const token of tokens) {
      if (token === "e") {
        const key = take(KEY_BYTES).slice();
        // Refused here and not only where it is used: that may be in our own next message.
        if (hasLowOrder(key)) throw new HandshakeError("The peer's ephemeral key has low order");
        state.remoteEphemeral = key;
        this.#mixEphemeral(symmetric, key);
      } else if (token === "s") {
        state.remoteStatic = symmetric.decryptAndHash(take(KEY_BYTES + TAG_BYTES));
      } else {
        this.#mixSecret(token, state);
      }
    }
    return symmetric.decryptAndHash(message.subarray(position));
  }

  #createEphemeral(): Identity {
    const privateKey = new Uint8Array(KEY_BYTES);
    this.#entropy.fill(privateKey);
    this.#local.ephemeral = identityFromPrivateKey(privateKey);
    privateKey.fill(0);
    return this.#local.ephemeral;
  }

  #mixEphemeral(symmetric: SymmetricState, publicKey: Uint8Array): void {
    symmetric.mixHash(publicKey);
    // Noise §9.2: in psk handshakes the key depends on the ephemerals from the first message on.
    if (this.#psk !== null) symmetric.mixKey(publicKey);
  }

  #mixSecret(token: Exclude<Token, "e" | "s">, state: SharedState): void {
    if (token === "psk") {
      state.symmetric.mixKeyAndHash(this.#psk!);
      return;
    }
    const { initiator, responder } = AGREEMENTS[token];
    const ours = this.#isInitiator ? initiator : responder;
    const theirs = this.#isInitiator ? responder : initiator;
    const local = this.#local[ours];
    const remote = theirs === "static" ? state.remoteStatic : state.remoteEphemeral;
    assert(local !== null && remote !== null, "The pattern provides a key before it uses it");
    const shared = agree(local.privateKey, remote);
    if (shared === null) throw new HandshakeError("The peer's public key has low order");
    state.symmetric.mixKey(shared);
    shared.fill(0);
  }
}

type Token = "psk" | "e" | "s" | keyof typeof AGREEMENTS;

/** Which key of each side goes into a Diffie-Hellman token. Noise §7.3. */
const AGREEMENTS = {
  ee: { initiator: "ephemeral", responder: "ephemeral" },
  es: { initiator: "ephemeral", responder: "static" },
  se: { initiator: "static", responder: "ephemeral" },
} as const;

const XX_NAME = "Noise_XX_25519_ChaChaPoly_SHA256";
const XX: readonly (readonly Token[])[] = [["e"], ["e", "ee", "s", "es"], ["s", "se"]];
const XX_PSK0_NAME = "Noise_XXpsk0_25519_ChaChaPoly_SHA256";
const XX_PSK0: readonly (readonly Token[])[] = [["psk", "e"], XX[1]!, XX[2]!];

/** What a message adds to its payload: `hasKey` says whether a key exists before the first token. */
function overheadOf(tokens: readonly Token[], hasKey: boolean): number {
  let length = 0;
  for (const token of tokens) {
    if (token === "e") length += KEY_BYTES;
    else if (token === "s") length += KEY_BYTES + (hasKey ? TAG_BYTES : 0);
    else hasKey = true;
  }
  return length + (hasKey ? TAG_BYTES : 0);
}

/** What reading a message changes, kept apart so that a failed read can be thrown away. */
interface SharedState {
  symmetric: SymmetricState;
  remoteStatic: Uint8Array | null;
  remoteEphemeral: Uint8Array | null;
}

/** SymmetricState and CipherState of Noise §5.1–5.2. */
class SymmetricState {
  #chainingKey: Uint8Array;
  #hash: Uint8Array;
  #key: Uint8Array | null = null;
  #nonce = 0;

  constructor(protocolName: string) {
    const name = new TextEncoder().encode(protocolName);
    const hash = new Uint8Array(HASH_BYTES);
    hash.set(name.length <= HASH_BYTES ? name : sha256(name));
    this.#hash = hash;
    this.#chainingKey = hash.slice();
  }

  get hash(): Uint8Array {
    return this.#hash;
  }

  get hasKey(): boolean {
    return this.#key !== null;
  }

  clone(): SymmetricState {
    const copy = new SymmetricState("");
    copy.#chainingKey = this.#chainingKey.slice();
    copy.#hash = this.#hash;
    copy.#key = this.#key?.slice() ?? null;
    copy.#nonce = this.#nonce;
    return copy;
  }

  mixHash(bytes: Uint8Array): void {
    this.#hash = sha256(this.#hash, bytes);
  }

  mixKey(inputKeyMaterial: Uint8Array): void {
    const [chainingKey, key] = this.#derive(inputKeyMaterial, 2);
    this.#replaceKeys(chainingKey!, key!);
  }

  mixKeyAndHash(inputKeyMaterial: Uint8Array): void {
    const [chainingKey, hashed, key] = this.#derive(inputKeyMaterial, 3);
    this.mixHash(hashed!);
    this.#replaceKeys(chainingKey!, key!);
  }

  encryptAndHash(plaintext: Uint8Array): Uint8Array {
    const sealed = this.#key === null ? plaintext : this.#encrypt(this.#key, plaintext);
    this.mixHash(sealed);
    return sealed;
  }

  /** Throws `HandshakeError` when the tag does not fit. The result never shares memory with the input. */
  decryptAndHash(sealed: Uint8Array): Uint8Array {
    const plaintext = this.#key === null ? sealed.slice() : this.#decrypt(this.#key, sealed);
    this.mixHash(sealed);
    return plaintext;
  }

  split(): [Uint8Array, Uint8Array] {
    const [first, second] = this.#derive(new Uint8Array(0), 2);
    return [first!, second!];
  }

  wipe(): void {
    this.#chainingKey.fill(0);
    this.#key?.fill(0);
  }

  #derive(inputKeyMaterial: Uint8Array, count: number): Uint8Array[] {
    // HKDF of Noise §4.3 is RFC 5869 with the chaining key as salt and no info.
    const extracted = hkdfExtract(this.#chainingKey, inputKeyMaterial);
    const output = hkdfExpand(extracted, new Uint8Array(0), count * HASH_BYTES);
    extracted.fill(0);
    const parts = Array.from(
      { length: count },
      (_, index) => output.slice(index * HASH_BYTES, (index + 1) * HASH_BYTES),
    );
    output.fill(0);
    return parts;
  }

  #replaceKeys(chainingKey: Uint8Array, key: Uint8Array): void {
    this.wipe();
    this.#chainingKey = chainingKey;
    this.#key = key;
    this.#nonce = 0;
  }

  #encrypt(key: Uint8Array, plaintext: Uint8Array): Uint8Array {
    const cipher = createCipheriv("chacha20-poly1305", key, this.#nextNonce(), TAG_OPTIONS);
    cipher.setAAD(this.#hash, { plaintextLength: plaintext.length });
    const sealed = new Uint8Array(plaintext.length + TAG_BYTES);
    sealed.set(cipher.update(plaintext));
    cipher.final();
    sealed.set(cipher.getAuthTag(), plaintext.length);
    return sealed;
  }

  #decrypt(key: Uint8Array, sealed: Uint8Array): Uint8Array {
    const plaintextLength = sealed.length - TAG_BYTES;
    const decipher = createDecipheriv("chacha20-poly1305", key, this.#nextNonce(), TAG_OPTIONS);
    decipher.setAuthTag(sealed.subarray(plaintextLength));
    decipher.setAAD(this.#hash, { plaintextLength });
    const plaintext = plainBytes(decipher.update(sealed.subarray(0, plaintextLength))).slice();
    try {
      decipher.final();
    } catch (cause) {
      plaintext.fill(0);
      throw new HandshakeError("A handshake message does not authenticate", { cause });
    }
    return plaintext;
  }

  /** Four zero bytes, then the counter in little-endian order (Noise §12.3). It never gets past one byte. */
  #nextNonce(): Uint8Array {
    const nonce = new Uint8Array(12);
    nonce[4] = this.#nonce++;
    return nonce;
  }
}

const TAG_OPTIONS = { authTagLength: TAG_BYTES };
