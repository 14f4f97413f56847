/**
 * Packet protection: the suites, the interface both providers implement, and the law of nonces.
 *
 * **The law of nonces.** Under one key a packet number is sealed once. Two plaintexts sealed under one
 * nonce give away their XOR and the key of the authenticator, for good. So lost data is sent again in a
 * new packet with a new number, and a key refuses to seal a number that is not above the last one.
 *
 * @module
 */
import { InternalError } from "../bytes/invariant.ts";

/** The two cipher suites, by the name that OpenSSL and the handshake use. */
export type SuiteName = "aes-128-gcm" | "chacha20-poly1305";

/** Length of the authentication tag that ends every sealed packet. */
export const TAG_BYTES = 16;

/** Length of an IV and of a nonce. */
export const NONCE_BYTES = 12;

/** What the transport must know of a cipher suite. */
export interface Suite {
  /** Length of the key. */
  readonly keyBytes: number;
  /** Packets that may be sealed under one key before it must be updated. RFC 9001 §6.6. */
  readonly confidentialityLimitPackets: number;
  /** Packets that may fail to open in one connection before it must be closed. RFC 9001 §6.6. */
  readonly integrityLimitPackets: number;
}

/**
 * The suites and their limits. The 2^23 packets of AES-128-GCM hold for packets of up to 2^16 bytes
 * (RFC 9001 App. B.1). ChaCha20-Poly1305 has no limit that packet numbers do not reach first.
 */
export const SUITES: Readonly<Record<SuiteName, Suite>> = {
  "aes-128-gcm": {
    keyBytes: 16,
    confidentialityLimitPackets: 2 ** 23,
    integrityLimitPackets: 2 ** 52,
  },
  "chacha20-poly1305": {
    keyBytes: 32,
    confidentialityLimitPackets: Number.MAX_SAFE_INTEGER,
    integrityLimitPackets: 2 ** 36,
  },
};

/**
 * One key, for one direction of one connection.
 *
 * `buffer[start, start + headerLength)` is the header, authenticated but not encrypted; the body follows
 * it. Use long-lived buffers: a provider may remember where one lies.
 */
export interface AeadKey {
  /**
   * Encrypts the `plaintextLength` bytes after the header in place and writes the 16-byte tag behind them.
   *
   * @param packetNumber Above every number sealed before under this key, at most 2^53 − 1.
   * @throws {RangeError} when header, plaintext and tag do not fit in the buffer.
   * @throws {InternalError} when the number is not above the last one, or after `destroy()`.
   */
  seal(
    buffer: Uint8Array,
    start: number,
    headerLength: number,
    plaintextLength: number,
    packetNumber: number,
  ): void;
  /**
   * The same with the plaintext in other memory, at `source[sourceStart]`: copied and encrypted at once.
   * What lay behind the header before does not matter.
   *
   * @param source Shares no memory with the packet, unless the plaintext is just where the body will be.
   * @throws {RangeError} also when the plaintext does not lie in `source`.
   */
  sealFrom(
    buffer: Uint8Array,
    start: number,
    headerLength: number,
    source: Uint8Array,
    sourceStart: number,
    plaintextLength: number,
    packetNumber: number,
  ): void;
  /**
   * Checks and decrypts in place what was sealed; the plaintext then is 16 bytes shorter than `ciphertextLength`.
   *
   * Returns false when header, body or tag were forged or damaged, and when the lengths make no packet;
   * the body in the buffer is then undefined and must not be used.
   *
   * @param ciphertextLength Length of the body with its tag.
   * @throws {InternalError} only after `destroy()`, never because of what a packet holds.
   */
  open(
    buffer: Uint8Array,
    start: number,
    headerLength: number,
    ciphertextLength: number,
    packetNumber: number,
  ): boolean;
  /** Wipes the key material and frees what is held outside the heap. The key cannot be used afterwards. */
  destroy(): void;
}

/** A library that does the ciphers. Whatever one provider seals, the other opens. */
export interface AeadProvider {
  /** Which library it is, for status displays. */
  readonly name: "node" | "libcrypto";
  /**
   * Makes a key ready for use. `key` and `iv` are copied; the caller wipes its own.
   *
   * @param key As long as the suite demands.
   * @param iv 12 bytes.
   * @throws {RangeError} when a length is wrong.
   */
  createKey(suite: SuiteName, key: Uint8Array, iv: Uint8Array): AeadKey;
  /** Whether a MiB takes {@linkcode createGmac}'s less time than giving it to another thread does. */
  readonly isQuickWithLeaves: boolean;
  /** Makes tags, one after the other; whoever is done with it destroys it. */
  createGmac(): Gmac;
}

/**
 * AES-128-GMAC: the tag of a message that is all associated data. NIST SP 800-38D §3.
 *
 * A message begins with `start`, and ends with `tag` or with the next `start`.
 */
export interface Gmac {
  /**
   * Begins a message.
   *
   * @param key 16 bytes, copied.
   * @param nonce 12 bytes, copied.
   * @throws {RangeError} when a length is wrong.
   */
  start(key: Uint8Array, nonce: Uint8Array): void;
  /** Takes the next piece of the message, less than 2 GiB; best in memory that is used for long. */
  update(data: Uint8Array): void;
  /** Ends the message: 16 bytes. Throws `InternalError` when none was begun. */
  tag(): Uint8Array;
  /** Wipes the key and frees what is held outside the heap; nothing may follow. */
  destroy(): void;
}

/** Throws `RangeError` unless key and IV have the lengths of the suite. */
export function checkKeyLengths(suite: SuiteName, key: Uint8Array, iv: Uint8Array): void {
  const { keyBytes } = SUITES[suite];
  if (key.length !== keyBytes || iv.length !== NONCE_BYTES) {
    throw new RangeError(
      `Cannot use a key of ${key.length} and an IV of ${iv.length} bytes for ${suite}: ` +
        `expected ${keyBytes} and ${NONCE_BYTES}`,
    );
  }
}

/** The error of GMAC when no message was begun. */
export function noMessageError(): InternalError {
  return new InternalError("A tag was asked for, or added to, without a message");
}

/**
 * Whether header and body lie inside the buffer, and each length in 31 bits. Also false for NaN. Native
 * code relies on it.
 */
export function isInside(
  buffer: Uint8Array,
  start: number,
  headerLength: number,
  bodyLength: number,
): boolean {
  return start >= 0 && headerLength >= 0 && bodyLength >= TAG_BYTES &&
    start + headerLength + bodyLength <= buffer.length && headerLength + bodyLength <= 0x7fff_ffff;
}

/**
 * Throws `RangeError` unless packet and tag fit in the buffer and the plaintext lies in its source. Native
 * code relies on it.
 */
export function checkInside(
  buffer: Uint8Array,
  start: number,
  headerLength: number,
  source: Uint8Array,
  sourceStart: number,
  plaintextLength: number,
): void {
  if (!isInside(buffer, start, headerLength, plaintextLength + TAG_BYTES)) {
    throw new RangeError(`Cannot seal: packet and tag do not fit in ${buffer.length} bytes`);
  }
  if (!(sourceStart >= 0 && sourceStart + plaintextLength <= source.length)) {
    throw new RangeError(`Cannot seal: the plaintext is not inside its ${source.length} bytes`);
  }
}

/** The error of a key that is used after `destroy()`. */
export function destroyedKeyError(): InternalError {
  return new InternalError("A destroyed packet key was used");
}

/** The nonces of one key: the IV, XOR the packet number in the low 64 bits. RFC 9001 §5.3. */
export class PacketNonce {
  /** The nonce of the last call, 12 bytes, overwritten by the next. Its memory never moves. */
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #ivHigh: number;
  readonly #ivLow: number;
  #lastSealed = -1;

  /** Starts the nonces of a key whose IV is `iv` (12 bytes, copied). */
  constructor(iv: Uint8Array) {
    const memory = new ArrayBuffer(NONCE_BYTES);
    this.bytes = new Uint8Array(memory);
    this.bytes.set(iv);
    this.#view = new DataView(memory);
    this.#ivHigh = this.#view.getUint32(4);
    this.#ivLow = this.#view.getUint32(8);
  }

  /** Sets `bytes` for sealing this packet. Throws `InternalError` unless the number is a new highest. */
  setForSealing(packetNumber: number): void {
    if (!(packetNumber > this.#lastSealed && packetNumber <= Number.MAX_SAFE_INTEGER)) {
      throw new InternalError(
        `Cannot seal packet ${packetNumber}: packet ${this.#lastSealed} was sealed before it`,
      );
    }
    this.#lastSealed = packetNumber;
    this.setForOpening(packetNumber);
  }

  /** Sets `bytes` for opening this packet. */
  setForOpening(packetNumber: number): void {
    // The bit operators take a double modulo 2^32, exactly; dividing first gives the upper half.
    this.#view.setUint32(4, this.#ivHigh ^ (packetNumber / 0x1_0000_0000));
    this.#view.setUint32(8, this.#ivLow ^ packetNumber);
  }

  /** Overwrites the part of the IV that can be overwritten. */
  wipe(): void {
    this.bytes.fill(0);
  }
}
