/**
 * Proof that the peer really is at a new address, and no longer at the old one, before anything but a
 * challenge goes there. RFC 9000 §8.2, §9.
 *
 * Somebody who copies each packet faster than it travels, and hands on the challenge, can prove an address of
 * his own. So the address in use is asked as well, and wins while it answers (RFC 9000 §9.3.3). Where it was
 * silent for a moment too long and another took its place, it is asked again as soon as it is heard.
 *
 * @module
 */
import type { Entropy } from "../crypto/mod.ts";
import { AddressChallenge, type AddressRole } from "./address_challenge.ts";
import { AMPLIFICATION_FACTOR, BASE_DATAGRAM_BYTES } from "./constants.ts";
import { type Address, isSameAddress } from "./path.ts";

/** Smallest packet with a challenge in it. */
const CHALLENGE_BYTES = 15 + 9 + 16;
/** An address that has just answered is not doubted for so long. */
const TRUSTED_MS = 1000;

/** A challenge that should go out. */
export interface DueChallenge {
  /** Where to. */
  readonly address: Address;
  /** Eight random bytes that only whoever receives there can send back. */
  readonly token: Uint8Array;
  /** Most bytes that the packet may have. */
  readonly limitBytes: number;
}

/** An authentic packet from an address that is not the one in use. */
export interface ForeignPacket {
  /** Its sender. */
  readonly from: Address;
  /** Its size. */
  readonly packetBytes: number;
  /** The address in use. */
  readonly present: Address;
}

/** The validation of at most one new address, and of those that it would replace. */
export class PathValidation {
  readonly #entropy: Entropy;
  /** At most one of each role. */
  #challenges: AddressChallenge[] = [];
  #former: Address | null = null;
  #trustedUntilMs = -Infinity;
  /** Bytes that came from the new address, and went there: at most three times as many. RFC 9000 §8.2. */
  #newReceivedBytes = 0;
  #newSentBytes = 0;
  #isSendingToNew = false;

  /** Tokens come from `entropy`. */
  constructor(entropy: Entropy) {
    this.#entropy = entropy;
  }

  /** When {@linkcode onTimeout} is due; Infinity when no answer is awaited. */
  get deadlineMs(): number {
    return this.#challenges.reduce((ms, challenge) => Math.min(ms, challenge.deadlineMs), Infinity);
  }

  /** The newest packet came from elsewhere: begins to ask who is where, unless that is going on. */
  begin(packet: ForeignPacket, nowMs: number): void {
    const { from, packetBytes, present } = packet;
    if (this.onHeard(from, nowMs) || nowMs < this.#trustedUntilMs) return;
    const known = this.#find("new");
    if (known !== undefined && isSameAddress(known.address, from)) {
      this.#newReceivedBytes += packetBytes;
      return;
    }
    this.#newReceivedBytes = packetBytes;
    this.#newSentBytes = 0;
    this.#ask(from, "new", nowMs);
    if (this.#find("present") === undefined) this.#ask(present, "present", nowMs);
  }

  /**
   * A packet came that may be a copy: says whether it was from the address in use before, which then is asked
   * whether the peer is still there. Its own packets look like copies where those of somebody else are faster.
   */
  onHeard(from: Address, nowMs: number): boolean {
    if (this.#former === null || !isSameAddress(this.#former, from)) return false;
    if (this.#find("former") === undefined) this.#ask(from, "former", nowMs);
    return true;
  }

  /** A challenge that should go out now, or null. Tell {@linkcode onSent} how large it became. */
  pollChallenge(nowMs: number, ptoMs: number): DueChallenge | null {
    for (const challenge of this.#challenges) {
      if (!challenge.isDue) continue;
      const isNew = challenge.role === "new";
      const creditBytes = AMPLIFICATION_FACTOR * this.#newReceivedBytes - this.#newSentBytes;
      const limitBytes = Math.min(BASE_DATAGRAM_BYTES, isNew ? creditBytes : Infinity);
      if (limitBytes < CHALLENGE_BYTES) continue;
      challenge.onSending(nowMs, ptoMs);
      this.#isSendingToNew = isNew;
      return { address: challenge.address, token: challenge.token, limitBytes };
    }
    return null;
  }

  /** The challenge went out in so many bytes. */
  onSent(packetBytes: number): void {
    if (this.#isSendingToNew) this.#newSentBytes += packetBytes;
  }

  /** An answer is late: again, or give up. Returns the address that now is the peer's, or null. */
  onTimeout(nowMs: number, ptoMs: number): Address | null {
    for (const challenge of this.#challenges) challenge.onTimeout(nowMs, ptoMs);
    if (this.#find("former")?.isSilent) this.#drop("former");
    if (this.#find("new")?.isSilent) this.#drop("new", "present");
    return this.#settle();
  }

  /** An answer came. Returns the address that now is the peer's, or null when that has not changed. */
  onResponse(token: Uint8Array, nowMs: number): Address | null {
    const answered = this.#challenges.find((challenge) => challenge.onResponse(token));
    if (answered === undefined) return null;
    if (answered.role === "new") return this.#settle();
    this.#challenges = [];
    this.#trustedUntilMs = nowMs + TRUSTED_MS;
    if (answered.role === "present") return null;
    this.#former = null;
    return answered.address;
  }

  /** The new address takes the place of the present one when it has answered and that is silent. */
  #settle(): Address | null {
    const [found, present] = [this.#find("new"), this.#find("present")];
    if (found === undefined || present === undefined) return null;
    if (!found.isAnswered || !present.isSilent) return null;
    this.#challenges = [];
    this.#former = present.address;
    return found.address;
  }

  #ask(address: Address, role: AddressRole, nowMs: number): void {
    this.#drop(role);
    this.#challenges.push(new AddressChallenge(address, role, { entropy: this.#entropy, nowMs }));
  }

  #find(role: AddressRole): AddressChallenge | undefined {
    return this.#challenges.find((challenge) => challenge.role === role);
  }

  #drop(...roles: AddressRole[]): void {
    this.#challenges = this.#challenges.filter(({ role }) => !roles.includes(role));
  }
}
