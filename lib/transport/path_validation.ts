/**
 * Proof that the peer really is at a new address before anything but a challenge goes there.
 * RFC 9000 §8.2, §9.
 *
 * @module
 */
import type { Entropy } from "../crypto/mod.ts";
import { constantTimeEqual } from "../crypto/mod.ts";
import { type Address, isSameAddress } from "./path.ts";

/** Challenges sent to one address before it is given up. */
const MAX_CHALLENGES = 4;

interface Candidate {
  readonly address: Address;
  readonly token: Uint8Array;
  challengesSent: number;
  isDue: boolean;
}

/** The validation of at most one new address. */
export class PathValidation {
  readonly #entropy: Entropy;
  #candidate: Candidate | null = null;
  /** When the challenge is repeated; Infinity when there is none. */
  deadlineMs = Infinity;

  /** Tokens come from `entropy`. */
  constructor(entropy: Entropy) {
    this.#entropy = entropy;
  }

  /** Begins to validate an address, unless that is already going on. */
  begin(address: Address, nowMs: number): void {
    if (this.#candidate !== null && isSameAddress(this.#candidate.address, address)) return;
    const token = new Uint8Array(8);
    this.#entropy.fill(token);
    // The driver reuses address objects: keep a copy.
    const copy = { hostname: address.hostname, port: address.port };
    this.#candidate = { address: copy, token, challengesSent: 0, isDue: true };
    this.deadlineMs = nowMs;
  }

  /** The challenge that should go out now, or null. */
  pollChallenge(nowMs: number, ptoMs: number): { address: Address; token: Uint8Array } | null {
    const candidate = this.#candidate;
    if (candidate === null || !candidate.isDue) return null;
    candidate.isDue = false;
    candidate.challengesSent++;
    this.deadlineMs = nowMs + ptoMs * 2;
    return candidate;
  }

  /** The challenge was not answered in time: again, or give up. */
  onTimeout(nowMs: number, ptoMs: number): void {
    const candidate = this.#candidate;
    if (candidate === null) return;
    if (candidate.challengesSent >= MAX_CHALLENGES) {
      this.#candidate = null;
      this.deadlineMs = Infinity;
    } else {
      candidate.isDue = true;
      this.deadlineMs = nowMs + ptoMs * 2;
    }
  }

  /** An answer came. Returns the address that it proves, or null when it answers nothing we asked. */
  onResponse(token: Uint8Array): Address | null {
    const candidate = this.#candidate;
    if (candidate === null || !constantTimeEqual(candidate.token, token)) return null;
    this.#candidate = null;
    this.deadlineMs = Infinity;
    return candidate.address;
  }
}
