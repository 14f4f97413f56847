/**
 * Packet protection for simulations: a fast one that only detects changes, and a watch over any.
 *
 * @module
 */
import {
  type AeadKey,
  type AeadProvider,
  nodeAeadProvider,
  TAG_BYTES,
} from "../../lib/crypto/mod.ts";

const PRIME = 0x0100_0193;

/**
 * Leaves the plaintext as it is and signs header, body and packet number with a keyed checksum: any
 * damage is found, at a fiftieth of a cipher's price. A packet that fails is scribbled over.
 */
export const fastAead: AeadProvider = {
  name: "node",
  createKey: (_suite, key, iv) => new ChecksumKey(fold(fold(0x811c_9dc5, key), iv)),
  isQuickWithLeaves: false,
  createGmac: () => nodeAeadProvider.createGmac(),
};

class ChecksumKey implements AeadKey {
  readonly #secret: number;

  constructor(secret: number) {
    this.#secret = secret;
  }

  seal(
    buffer: Uint8Array,
    start: number,
    headerLength: number,
    plaintextLength: number,
    packetNumber: number,
  ): void {
    const end = start + headerLength + plaintextLength;
    const sum = this.#checksum(buffer, start, end, packetNumber);
    for (let i = 0; i < TAG_BYTES; i++) buffer[end + i] = tagByte(sum, i);
  }

  sealFrom(
    buffer: Uint8Array,
    start: number,
    headerLength: number,
    source: Uint8Array,
    sourceStart: number,
    plaintextLength: number,
    packetNumber: number,
  ): void {
    const plaintext = source.subarray(sourceStart, sourceStart + plaintextLength);
    buffer.set(plaintext, start + headerLength);
    this.seal(buffer, start, headerLength, plaintextLength, packetNumber);
  }

  open(
    buffer: Uint8Array,
    start: number,
    headerLength: number,
    ciphertextLength: number,
    packetNumber: number,
  ): boolean {
    if (ciphertextLength < TAG_BYTES) return false;
    const end = start + headerLength + ciphertextLength - TAG_BYTES;
    const sum = this.#checksum(buffer, start, end, packetNumber);
    for (let i = 0; i < TAG_BYTES; i++) {
      if (buffer[end + i] === tagByte(sum, i)) continue;
      buffer.fill(0xee, start + headerLength, end);
      return false;
    }
    return true;
  }

  destroy(): void {}

  #checksum(buffer: Uint8Array, start: number, end: number, packetNumber: number): number {
    let sum = Math.imul(this.#secret ^ packetNumber, PRIME);
    sum = Math.imul(sum ^ Math.floor(packetNumber / 0x1_0000_0000), PRIME);
    for (let i = start; i < end; i++) sum = Math.imul(sum ^ buffer[i]!, PRIME);
    return sum;
  }
}

function tagByte(sum: number, index: number): number {
  return Math.imul(sum ^ index, 0x9e37_79b1 + 2 * index) >>> 24 ^
    (sum >>> (8 * (index & 3))) & 0xff;
}

function fold(sum: number, bytes: Uint8Array): number {
  for (const byte of bytes) sum = Math.imul(sum ^ byte, PRIME);
  return sum;
}

/** What one key has done, on whichever side. */
interface KeyRecord {
  lastSealed: number;
  readonly opened: Set<number>;
}

/**
 * Watches every key of a run. Per key, no packet number is sealed twice, none is opened twice, and
 * nothing is done with a destroyed key.
 */
export class KeyWatch {
  readonly #records = new Map<string, KeyRecord>();
  readonly #onViolation: (message: string) => void;
  /** Keys that sealed something: tells how many key updates there were. */
  sealingKeys = 0;

  /** Reports to `onViolation`. */
  constructor(onViolation: (message: string) => void) {
    this.#onViolation = onViolation;
  }

  /** The same provider under watch. */
  watch(provider: AeadProvider): AeadProvider {
    return {
      ...provider,
      createKey: (suite, key, iv) => {
        const id = `${suite} ${key.join()} ${iv.join()}`;
        let record = this.#records.get(id);
        if (record === undefined) {
          record = { lastSealed: -1, opened: new Set() };
          this.#records.set(id, record);
        }
        return this.#wrap(provider.createKey(suite, key, iv), record);
      },
    };
  }

  #wrap(key: AeadKey, record: KeyRecord): AeadKey {
    let isDestroyed = false;
    // Packets are sealed at one end and opened at the other; what is opened where it was sealed is a
    // retry token, which its client may show twice.
    let isSealing = false;
    const onSeal = (packetNumber: number) => {
      if (isDestroyed) this.#onViolation("a destroyed key was asked to seal");
      isSealing = true;
      if (record.lastSealed < 0) this.sealingKeys++;
      if (packetNumber <= record.lastSealed) {
        this.#onViolation(`packet number ${packetNumber} was sealed twice under one key`);
      }
      record.lastSealed = Math.max(record.lastSealed, packetNumber);
    };
    return {
      seal: (buffer, start, headerLength, plaintextLength, packetNumber) => {
        onSeal(packetNumber);
        key.seal(buffer, start, headerLength, plaintextLength, packetNumber);
      },
      sealFrom: (...parameters) => {
        onSeal(parameters[6]);
        key.sealFrom(...parameters);
      },
      open: (buffer, start, headerLength, ciphertextLength, packetNumber) => {
        if (isDestroyed) this.#onViolation("a destroyed key was asked to open");
        if (!key.open(buffer, start, headerLength, ciphertextLength, packetNumber)) return false;
        if (record.opened.has(packetNumber) && !isSealing) {
          this.#onViolation(`packet ${packetNumber} was taken in twice`);
        }
        record.opened.add(packetNumber);
        return true;
      },
      destroy: () => {
        isDestroyed = true;
        key.destroy();
      },
    };
  }
}
