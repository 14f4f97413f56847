/**
 * One address that is asked whether the peer is there. RFC 9000 §8.2.
 *
 * @module
 */
import { clamp } from "../bytes/clamp.ts";
import type { Entropy } from "../crypto/mod.ts";
import { constantTimeEqual } from "../crypto/mod.ts";
import { MAX_CHALLENGE_WAIT_MS } from "./constants.ts";
import type { Address } from "./path.ts";

/** Challenges that go unanswered before an address counts as silent. */
const MAX_CHALLENGES = 4;
/** The first wait for the answer of another address is no shorter. */
const MIN_WAIT_MS = 200;
/** Challenges to the present address are no closer together: a peer may be busy for a moment. */
const MIN_PRESENT_WAIT_MS = 30;
/** And no farther apart: its silence is told in little more than a second. */
const MAX_PRESENT_WAIT_MS = 300;

/** What an address is to the connection: packets come from there now, they go there, or went there before. */
export type AddressRole = "new" | "present" | "former";

/** A question to one address, repeated until it is answered or the address is silent. */
export class AddressChallenge {
  /** Where to. */
  readonly address: Address;
  /** What the address is to the connection. */
  readonly role: AddressRole;
  /** Eight random bytes that only whoever receives there can send back. */
  readonly token: Uint8Array = new Uint8Array(8);
  /** The challenge should go out. */
  isDue = true;
  /** The address has answered. */
  isAnswered = false;
  /** When the answer is late; Infinity when none is awaited any more. */
  deadlineMs: number;
  #lateCount = 0;

  /** The question is due at once. */
  constructor(address: Address, role: AddressRole, from: { entropy: Entropy; nowMs: number }) {
    // The driver reuses address objects: keep a copy.
    this.address = { hostname: address.hostname, port: address.port };
    this.role = role;
    this.deadlineMs = from.nowMs;
    from.entropy.fill(this.token);
  }

  /** None of the challenges was answered in time. */
  get isSilent(): boolean {
    return this.#lateCount >= MAX_CHALLENGES;
  }

  /** The challenge goes out now. */
  onSending(nowMs: number, ptoMs: number): void {
    this.isDue = false;
    this.#wait(nowMs, ptoMs);
  }

  /** If the answer is late: the question is due once more, or nothing more is expected. */
  onTimeout(nowMs: number, ptoMs: number): void {
    if (nowMs < this.deadlineMs) return;
    this.#lateCount++;
    this.isDue = !this.isSilent;
    if (this.isSilent) this.deadlineMs = Infinity;
    else this.#wait(nowMs, ptoMs);
  }

  /** True when this answers the question. */
  onResponse(token: Uint8Array): boolean {
    if (!constantTimeEqual(this.token, token)) return false;
    this.isAnswered = true;
    this.isDue = false;
    this.deadlineMs = Infinity;
    return true;
  }

  /**
   * The way to another address may be much longer than the one that was measured. The present one is asked
   * several times within one probe timeout: a peer that has moved waits for its silence.
   */
  #wait(nowMs: number, ptoMs: number): void {
    const waitMs = this.role === "present"
      ? clamp(ptoMs / 3, MIN_PRESENT_WAIT_MS, MAX_PRESENT_WAIT_MS)
      : Math.max(2 * ptoMs, MIN_WAIT_MS) * 2 ** this.#lateCount;
    this.deadlineMs = nowMs + Math.min(waitMs, MAX_CHALLENGE_WAIT_MS);
  }
}
