/**
 * What a UDP socket is to the rest of Ferry: its shape, what it can do, and why there may be none.
 *
 * @module
 */

/** One end of a path: a literal address, IPv4 never in its `::ffff:` form, and a port. */
export interface Address {
  /** IPv4 or IPv6 literal; never a name. */
  readonly hostname: string;
  /** 1–65535. */
  readonly port: number;
}

/** What a socket can do beyond plain sending and receiving; it may lose abilities, never gain them. */
export interface SocketCapabilities {
  /** One send may carry many packets (UDP GSO). Turns false for good when an interface refuses. */
  readonly segmentationOffload: boolean;
  /** One receive may bring many packets back to back (UDP GRO). */
  readonly receiveOffload: boolean;
  /** `receiveArrived()` and `pause()` work: many datagrams with one call. */
  readonly batchReceive: boolean;
  /** A datagram above the interface's MTU fails as "too-big" instead of leaving in fragments. */
  readonly dontFragment: boolean;
  /** Receive buffer as the system accounts it; without FFI the system's usual default. */
  readonly receiveBufferBytes: number;
}

/** Mishaps a socket survived, for statistics. */
export interface SocketCounters {
  /** Receives that failed and were repeated. */
  readonly receiveErrors: number;
  /** Sends that failed with an error that counts as loss. */
  readonly sendErrors: number;
}

/**
 * What became of a send: "sent" to the kernel; "lost" as on the network; "too-big" for an interface or for
 * UDP; "refused" because this address can never be reached from this socket.
 */
export type SendOutcome = "sent" | "lost" | "too-big" | "refused";

/** A bound UDP socket. */
export interface DatagramSocket {
  /** Where it is bound; the port is the real one when 0 was asked for. */
  readonly address: Address;
  /** What it can do at this moment. */
  readonly capabilities: SocketCapabilities;
  /** What went wrong so far. */
  readonly counters: SocketCounters;
  /**
   * Waits for the next datagram. One reader at a time: Deno serves waiting readers newest first.
   *
   * With receive offload the bytes may be several packets of one sender back to back, with nothing between
   * them: every packet must carry its own length. Empty datagrams are not reported.
   *
   * @param buffer At least 65,536 bytes; a smaller one would cut datagrams without a sign.
   * @returns A view of `buffer` and the sender, both valid until the next call; null after `close()`.
   */
  receive(buffer: Uint8Array): Promise<Received | null>;
  /**
   * Hands over datagrams that have arrived already, without waiting: at most a batch of them, in order.
   *
   * Much cheaper than `receive()` for each, where the system can do it. Both arguments of `take` are valid
   * during the call only.
   *
   * @returns How many there were; 0 also where the system cannot do it.
   */
  receiveArrived(take: (bytes: Uint8Array, from: Address) => void): number;
  /**
   * Sends `bytes` as packets of `segmentBytes` each (the last may be shorter), all to one address.
   *
   * The buffer belongs to the socket until the promise resolves. Stops at the first packet that fails.
   * Await it before the next call: calls that overlap wait for each other.
   */
  send(bytes: Uint8Array, segmentBytes: number, to: Address): Promise<SendOutcome>;
  /**
   * Gives way to everything else, and to a datagram that has arrived before all: a loop that sends must await
   * this between batches, and a loop that waits for a moment near by may.
   *
   * `setImmediate` is not enough. While there is always something to do, Deno asks the system for new
   * datagrams in one of 61 turns only, so acknowledgements would wait for 61 batches.
   *
   * @param atMostMs Without anything to read, sleep about so long, if that can be done precisely (needs FFI;
   * blocks the thread, 0.5 ms at a time), else not at all. Expect early and late ends, and call again.
   */
  turn(atMostMs?: number): Promise<void>;
  /**
   * Blocks this whole thread until a datagram has arrived or the time is over, where the system can do it.
   * The datagram itself comes from `receive()`: await `turn()` for that.
   *
   * @returns Whether there is something to read; undefined (at once) when not available.
   */
  waitReadable(timeoutUs: number): boolean | undefined;
  /**
   * Blocks this whole thread for so long, so that what comes one by one becomes a batch for
   * `receiveArrived()`. Does nothing where the system cannot.
   */
  pause(durationUs: number): void;
  /** Attaches a classic BPF program as filter, or takes it away with null. False where there is none. */
  setFilter(program: Uint8Array | null): boolean;
  /** Closes the socket; a waiting `receive()` resolves with null. May be called twice. */
  close(): void;
}

/** One datagram, or several packets of one sender back to back. */
export interface Received {
  /** View of the buffer given to `receive()`. */
  readonly bytes: Uint8Array;
  /** The sender; the same object as last time when the sender is the same. */
  readonly from: Address;
}

/** Why there is no socket. */
export type SocketErrorKind =
  | "address-in-use"
  | "address-not-available"
  | "permission"
  | "not-allowed"
  | "unavailable"
  | "other";

/** A UDP socket could not be opened; the message says what to do. */
export class SocketError extends Error {
  /** Always "SocketError". */
  override readonly name = "SocketError";
  /** What kind of obstacle it was. */
  readonly kind: SocketErrorKind;

  /** Makes the error; `cause` is what the system threw. */
  constructor(kind: SocketErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}
