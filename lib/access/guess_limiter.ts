/**
 * How many guesses at the access code are let through: five at once, then one in six seconds for everybody
 * together, and three wrong ones from one address before it has to wait.
 *
 * At 40 bits that leaves somebody who tries all the time less than one chance in 100 000 a year. A run of
 * the proof that does not end in a right code counts as a wrong guess, also one that was broken off.
 *
 * @module
 */

/** Guesses that may come at once. */
const BURST = 5;
/** A further guess is let through after this. */
const REFILL_MS = 6_000;
/** Wrong guesses of one address before it has to wait. */
const WRONG_LIMIT = 3;
/** How long it has to wait then. */
const LOCK_MS = 5 * 60_000;
/** Addresses that are kept in mind; each one cost its sender a guess. */
const MAX_ADDRESSES = 4_096;

/** A guess that was let through. Settle it once. */
export interface Guess {
  /** Tells how it went. Returns the wrong guesses of the address so far, 0 after a right one. */
  settle(isRight: boolean): number;
}

interface AddressRecord {
  wrongCount: number;
  pendingCount: number;
  lockedUntilMs: number;
}

/** Lets guesses through. */
export class GuessLimiter {
  readonly #nowMs: () => number;
  readonly #addresses = new Map<string, AddressRecord>();
  #credit = BURST;
  #creditAtMs: number;

  /** Starts with a full burst. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#creditAtMs = nowMs();
  }

  /** Lets a guess from this address through; null when it has to wait. */
  admit(hostname: string): Guess | null {
    const nowMs = this.#nowMs();
    this.#refill(nowMs);
    const name = sourceName(hostname);
    const record = this.#addresses.get(name) ??
      { wrongCount: 0, pendingCount: 0, lockedUntilMs: -Infinity };
    if (nowMs < record.lockedUntilMs || this.#credit < 1) return null;
    if (record.wrongCount + record.pendingCount >= WRONG_LIMIT) return null;
    this.#credit--;
    record.pendingCount++;
    this.#keep(name, record);
    return { settle: (isRight) => this.#settle(record, isRight) };
  }

  #settle(record: AddressRecord, isRight: boolean): number {
    record.pendingCount--;
    if (isRight) {
      this.#credit = Math.min(BURST, this.#credit + 1);
      record.wrongCount = 0;
      return 0;
    }
    const wrongCount = ++record.wrongCount;
    if (wrongCount >= WRONG_LIMIT) {
      record.wrongCount = 0;
      record.lockedUntilMs = this.#nowMs() + LOCK_MS;
    }
    return wrongCount;
  }

  #refill(nowMs: number): void {
    this.#credit = Math.min(BURST, this.#credit + (nowMs - this.#creditAtMs) / REFILL_MS);
    this.#creditAtMs = nowMs;
  }

  /** Newest last; the oldest ones are forgotten. */
  #keep(name: string, record: AddressRecord): void {
    this.#addresses.delete(name);
    this.#addresses.set(name, record);
    if (this.#addresses.size <= MAX_ADDRESSES) return;
    const [oldest] = this.#addresses.keys();
    this.#addresses.delete(oldest!);
  }
}

/** Who counts as one source: an IPv4 address, or the 64 bits of IPv6 that one customer gets. */
export function sourceName(hostname: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(hostname);
  if (mapped !== null) return mapped[1]!;
  if (!hostname.includes(":")) return hostname;
  const [head = "", tail] = hostname.toLowerCase().replace(/%.*$/, "").split("::");
  const groups = (text: string) => text === "" ? [] : text.split(":");
  const front = groups(head);
  const back = tail === undefined ? [] : groups(tail);
  const missing = tail === undefined ? 0 : Math.max(0, 8 - front.length - back.length);
  const all = [...front, ...Array<string>(missing).fill("0"), ...back];
  return all.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, "")).join(":");
}
