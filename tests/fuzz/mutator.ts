/**
 * Damages valid bytes in the ways that find mistakes in decoders: flipped bits, cut and doubled pieces,
 * lengths that lie, numbers at the borders.
 *
 * @module
 */
import type { SeededRandom } from "../simulation/seeded_entropy.ts";

/** Values around which decoders go wrong, as varints and as plain bytes. */
const BORDERS: readonly (readonly number[])[] = [
  [0x00],
  [0x3f],
  [0x40, 0x40],
  [0x7f, 0xff],
  [0x80, 0x00, 0x40, 0x00],
  [0xbf, 0xff, 0xff, 0xff],
  [0xc0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  [0xc0, 0x20, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  [0xc0, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00],
];

/** A damaged copy. `others` are inputs from which pieces may be taken. */
export function mutate(
  bytes: Uint8Array,
  random: SeededRandom,
  others: readonly Uint8Array[],
): Uint8Array {
  let result: Uint8Array = bytes.slice();
  for (let i = random.integer(1, 4); i > 0; i--) result = mutateOnce(result, random, others);
  return result.subarray(0, 65_000);
}

function mutateOnce(
  bytes: Uint8Array,
  random: SeededRandom,
  others: readonly Uint8Array[],
): Uint8Array {
  const at = random.below(bytes.length + 1);
  const to = Math.min(bytes.length, at + random.below(20));
  switch (random.below(8)) {
    case 0:
      if (at < bytes.length) bytes[at]! ^= 1 << random.below(8);
      return bytes;
    case 1:
      if (at < bytes.length) bytes[at] = random.below(256);
      return bytes;
    case 2:
      return bytes.slice(0, at);
    case 3:
      return concat(bytes.subarray(0, at), bytes.subarray(to));
    case 4:
      return concat(bytes.subarray(0, to), bytes.subarray(at));
    case 5:
      return concat(
        bytes.subarray(0, at),
        Uint8Array.from(random.pick(BORDERS)),
        bytes.subarray(to),
      );
    case 6: {
      const border = random.pick(BORDERS);
      bytes.set(border.slice(0, bytes.length - at), at);
      return bytes;
    }
    default: {
      const other = others.length === 0 ? bytes : random.pick(others);
      return concat(bytes.subarray(0, at), other.subarray(random.below(other.length + 1)));
    }
  }
}

function concat(...parts: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** The bytes that hexadecimal text stands for. */
export function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}
