/**
 * Proof that the peer really is at a new address before anything but a challenge goes there.
 * RFC 9000 §8.2, §9.
 *
 * @module
 */
import type { Entropy } from "../crypto/mod.ts";
import { constantTimeEqual } from "../crypto/mod.ts";
import { AMPLIFICATION_FACTOR, MAX_CHALLENGE_WAIT_MS } from "./constants.ts";
import { type Address, isSameAddress } from "./path.ts";

/** Challenges sent to one address before it is given up. */
const MAX_CHALLENGES = 4;
/** Smallest packet with a challenge in it. */
const CHALLENGE_BYTES = 15 + 9 + 16;

interface Candidate {
  readonly address: Address;
  readonly token: Uint8Array;
  challengesSent: number;
  isDue: boolean;
  /** Bytes that came from there, and went there: at most three times as many. RFC 9000 §8.2. */
  receivedBytes: number;
  sentBytes: number;
}

/** A challenge that should go out. */
export interface DueChallenge {
  /** Where to. */
  readonly address: Address;
  /** Eight random bytes that only whoever receives there can send back. */
  readonly token: Uint8Array;
  /** Most bytes that the packet may have. */
  readonly limitBytes: number;
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

  /** A packet of this size came from a new address: begins to validate it, unless that is going on. */
  begin(address: Address, packetBytes: number, nowMs: number): void {
    if (this.#candidate !== null && isSameAddress(this.#candidate.address, address)) {
      this.#candidate.receivedBytes += packetBytes;
      return;
    }
    const token = new Uint8Array(8);
    this.#entropy.fill(token);
    this.#candidate = {
      // The driver reuses address objects: keep a copy.
      address: { hostname: address.hostname, port: address.port },
      token,
      challengesSent: 0,
      isDue: true,
      receivedBytes: packetBytes,
      sentBytes: 0,
    };
    this.deadlineMs = nowMs;
  }

  /** The challenge that should go out now, or null. Tell {@linkcode onSent} how large it became. */
  pollChallenge(nowMs: number, ptoMs: number): DueChallenge | null {
    const candidate = this.#candidate;
    if (candidate === null || !candidate.isDue) return null;
    const limitBytes = AMPLIFICATION_FACTOR * candidate.receivedBytes - candidate.sentBytes;
    if (limitBytes < CHALLENGE_BYTES) return null;
    candidate.isDue = false;
    candidate.challengesSent++;
    this.deadlineMs = nowMs + Math.min(ptoMs * 2, MAX_CHALLENGE_WAIT_MS);
    return { address: candidate.address, token: candidate.token, limitBytes };
  }

  /** The challenge went out in so many bytes. */
  onSent(packetBytes: number): void {
    if (this.#candidate !== null) this.#candidate.sentBytes += packetBytes;
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
      this.deadlineMs = nowMs + Math.min(ptoMs * 2, MAX_CHALLENGE_WAIT_MS);
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
