/**
 * Randomness from a seed: what a run draws, it draws again when the seed is given again.
 *
 * @module
 */
import type { Entropy } from "../../lib/crypto/mod.ts";

/** Pseudo-random numbers (sfc32). Two with the same seed say the same. */
export class SeededRandom {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** Starts the sequence of `seed`; `label` tells sequences of one seed apart. */
  constructor(seed: number, label: string = "") {
    this.#a = seed >>> 0;
    this.#b = Math.floor(seed / 0x1_0000_0000) ^ 0x9e37_79b9;
    this.#c = 0x85eb_ca6b;
    for (let i = 0; i < label.length; i++) {
      this.#c = Math.imul(this.#c ^ label.charCodeAt(i), 0x0100_0193);
    }
    for (let i = 0; i < 12; i++) this.word();
  }

  /** 32 random bits, unsigned. */
  word(): number {
    const sum = (this.#a + this.#b + this.#counter++) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** A number in [0, 1). */
  next(): number {
    return this.word() / 0x1_0000_0000;
  }

  /** An integer from 0 to `count - 1`. */
  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  /** A number in [low, high). */
  between(low: number, high: number): number {
    return low + this.next() * (high - low);
  }

  /** An integer from low to high, both included. */
  integer(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** A number in [low, high) of which every order of magnitude is equally likely; `low` is above 0. */
  logBetween(low: number, high: number): number {
    return low * (high / low) ** this.next();
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return probability > 0 && this.next() < probability;
  }

  /** One of the items. */
  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!;
  }

  /** Fresh random bytes. */
  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) bytes[i] = this.word() >>> 24;
    return bytes;
  }
}

/** The same sequence as an {@linkcode Entropy}. */
export function seededEntropy(seed: number, label: string): Entropy {
  const random = new SeededRandom(seed, label);
  return {
    fill: (bytes) => {
      for (let i = 0; i < bytes.length; i++) bytes[i] = random.word() >>> 24;
    },
  };
}
