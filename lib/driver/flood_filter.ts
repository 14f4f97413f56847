/**
 * Lets the kernel drop most of a flood of forged handshakes before this process sees it.
 *
 * Receiving a datagram costs Deno 7 µs, three times what the core needs to see that it is worth nothing.
 * While many more clients knock than ever could be real, only one INITIAL in four is let through, except
 * those that carry a token. Everything else passes as always.
 *
 * @module
 */

/** INITIALs a second from which on the kernel helps. */
const ATTACH_ABOVE_PER_SECOND = 4_000;
/** And below which it stops. */
const DETACH_BELOW_PER_SECOND = 1_500;
/** One INITIAL without token in so many passes; a power of two. */
const KEPT_ONE_IN = 4;
/** How often the rate is looked at, ms. */
const LOOK_EVERY_MS = 250;

/** Where a UDP datagram's payload begins for a socket filter. */
const PAYLOAD_AT = 8;
/** First byte of an INITIAL. */
const INITIAL_BYTE = 0xc0;
/** Where an INITIAL has the length of its token, and what it is. */
const TOKEN_LENGTH_AT = PAYLOAD_AT + 24;
const TOKEN_BYTES = 29;

/** A socket that can have a filter. */
export interface Filterable {
  /** Attaches a classic BPF program, or takes it away with null; false when the system refuses. */
  setFilter(program: Uint8Array | null): boolean;
}

/** Decides when a socket has the filter. */
export class FloodFilter {
  readonly #socket: Filterable;
  #isAttached = false;
  #isImpossible = false;
  #lookedAtMs = -Infinity;
  #countThen = 0;

  /** Leaves the socket as it is for now. */
  constructor(socket: Filterable) {
    this.#socket = socket;
  }

  /** True while the kernel drops. */
  get isAttached(): boolean {
    return this.#isAttached;
  }

  /** So many INITIALs have been received since the start. Call it now and then. */
  onCount(initials: number, nowMs: number): void {
    const sinceMs = nowMs - this.#lookedAtMs;
    if (sinceMs < LOOK_EVERY_MS) return;
    const perSecond = (initials - this.#countThen) * 1000 / sinceMs;
    this.#lookedAtMs = nowMs;
    this.#countThen = initials;
    if (this.#isImpossible) return;
    if (!this.#isAttached && perSecond > ATTACH_ABOVE_PER_SECOND) {
      this.#isAttached = this.#socket.setFilter(floodProgram());
      this.#isImpossible = !this.#isAttached;
    } else if (this.#isAttached && perSecond * KEPT_ONE_IN < DETACH_BELOW_PER_SECOND) {
      this.#isAttached = !this.#socket.setFilter(null);
    }
  }
}

const LOAD_LENGTH = 0x80;
const LOAD_BYTE = 0x30;
const LOAD_WORD = 0x20;
const AND = 0x54;
const JUMP_IF_EQUAL = 0x15;
const JUMP_IF_AT_LEAST = 0x35;
const RETURN = 0x06;
/** The kernel's word of random bits: SKF_AD_OFF + SKF_AD_RANDOM of `linux/filter.h`. */
const RANDOM_AT = 0xffff_f000 + 56;
const WHOLE_PACKET = 0xffff_ffff;

/** The program: `struct sock_filter` after `struct sock_filter`, each 8 bytes, for a little-endian system. */
export function floodProgram(): Uint8Array {
  return assemble([
    [LOAD_LENGTH, 0, 0, 0],
    // Short ones, empty ones among them, are none of its business.
    [JUMP_IF_AT_LEAST, 0, 7, TOKEN_LENGTH_AT + 1],
    [LOAD_BYTE, 0, 0, PAYLOAD_AT],
    [JUMP_IF_EQUAL, 0, 5, INITIAL_BYTE],
    [LOAD_BYTE, 0, 0, TOKEN_LENGTH_AT],
    [JUMP_IF_EQUAL, 3, 0, TOKEN_BYTES],
    [LOAD_WORD, 0, 0, RANDOM_AT],
    [AND, 0, 0, KEPT_ONE_IN - 1],
    [JUMP_IF_EQUAL, 0, 1, 0],
    [RETURN, 0, 0, WHOLE_PACKET],
    [RETURN, 0, 0, 0],
  ]);
}

function assemble(
  instructions: readonly (readonly [code: number, onTrue: number, onFalse: number, k: number])[],
): Uint8Array {
  const bytes = new Uint8Array(8 * instructions.length);
  const view = new DataView(bytes.buffer);
  instructions.forEach(([code, onTrue, onFalse, k], index) => {
    view.setUint16(8 * index, code, LITTLE_ENDIAN);
    view.setUint8(8 * index + 2, onTrue);
    view.setUint8(8 * index + 3, onFalse);
    view.setUint32(8 * index + 4, k, LITTLE_ENDIAN);
  });
  return bytes;
}

const LITTLE_ENDIAN = true;
