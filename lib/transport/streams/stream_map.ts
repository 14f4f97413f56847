/**
 * Which streams exist, how many more may be opened, and whose turn it is. RFC 9000 §2.1, §4.6.
 *
 * All streams are bidirectional. The client's IDs are 0, 4, 8 …, the server's 1, 5, 9 ….
 *
 * @module
 */
import { TransportError } from "../transport_error.ts";
import type { ReceiveWindow } from "../flow_control.ts";
import type { ReceiveStream } from "./receive_stream.ts";
import type { SendStream } from "./send_stream.ts";

/** Both sides of one stream. */
export interface StreamEntry {
  /** Stream ID. */
  readonly id: number;
  /** What we send. */
  readonly send: SendStream;
  /** What we receive. */
  readonly receive: ReceiveStream;
  /** Credit that we give for it. */
  readonly window: ReceiveWindow;
  /** Error code of the peer's RESET_STREAM, or -1. */
  peerResetCode: number;
  /** Error code of the peer's STOP_SENDING, or -1. */
  peerStopCode: number;
  /** The application has taken it from those that the peer opened. */
  isAccepted: boolean;
  /** It waits in the list of streams that have something to send. */
  isScheduled: boolean;
  /** The application has more to write than was taken. */
  isWriteBlocked: boolean;
  /** The application was told that there is something to read and has not looked since. */
  isReadableReported: boolean;
  /** Bytes moved, both ways, when progress was last seen. */
  progressMark: number;
  /** Checks since then at which we waited for the peer. */
  stalledChecks: number;
}

/** The streams of one connection. */
export class StreamMap {
  #streams = new Map<number, StreamEntry>();
  #make: (id: number) => StreamEntry;
  #firstLocalId: 0 | 1;
  #localOpened = 0;
  #localLimit = 0;
  #remoteOpened = 0;
  #remoteLimit: number;
  #remoteClosed = 0;
  #maxRemote: number;
  /** Streams with something to send, in turn. */
  #schedule: StreamEntry[] = [];

  /** `make` builds a stream when one is opened by either side. */
  constructor(
    role: "client" | "server",
    options: { maxRemoteStreams: number; make: (id: number) => StreamEntry },
  ) {
    this.#firstLocalId = role === "client" ? 0 : 1;
    this.#remoteLimit = options.maxRemoteStreams;
    this.#maxRemote = options.maxRemoteStreams;
    this.#make = options.make;
  }

  /** Streams that exist now. */
  get count(): number {
    return this.#streams.size;
  }

  /** Every stream that exists now. */
  values(): IterableIterator<StreamEntry> {
    return this.#streams.values();
  }

  /** The stream, or undefined when it is closed or was never opened. */
  find(id: number): StreamEntry | undefined {
    return this.#streams.get(id);
  }

  /** True for a stream that we opened. */
  isLocal(entry: StreamEntry): boolean {
    return (entry.id & 1) === this.#firstLocalId;
  }

  /** True when the peer allows us another stream. */
  get canOpen(): boolean {
    return this.#localOpened < this.#localLimit;
  }

  /** Opens a stream of ours. `canOpen` must be true. */
  open(): StreamEntry {
    const entry = this.#make(this.#firstLocalId + 4 * this.#localOpened++);
    this.#streams.set(entry.id, entry);
    return entry;
  }

  /** The peer allows more streams. Returns true when the limit grew. */
  onMaxStreams(limit: number): boolean {
    if (limit <= this.#localLimit) return false;
    this.#localLimit = limit;
    return true;
  }

  /**
   * The stream that a frame of the peer names; opens it, and those before it, when it is new.
   * `opened` gets what was opened. Undefined for a stream that is closed already.
   *
   * @throws {TransportError} STREAM_LIMIT_ERROR or STREAM_STATE_ERROR.
   */
  receive(id: number, opened: StreamEntry[]): StreamEntry | undefined {
    const found = this.#streams.get(id);
    if (found !== undefined) return found;
    const isLocal = (id & 1) === this.#firstLocalId;
    const index = Math.floor(id / 4);
    if ((id & 2) !== 0 || (isLocal && index >= this.#localOpened)) {
      throw new TransportError("STREAM_STATE_ERROR", "Frame for a stream that cannot exist");
    }
    if (isLocal || index < this.#remoteOpened) return undefined;
    if (index >= this.#remoteLimit) {
      throw new TransportError("STREAM_LIMIT_ERROR", "More streams than allowed");
    }
    while (this.#remoteOpened <= index) {
      const entry = this.#make((1 - this.#firstLocalId) + 4 * this.#remoteOpened++);
      this.#streams.set(entry.id, entry);
      opened.push(entry);
    }
    return this.#streams.get(id);
  }

  /**
   * The application takes a stream that the peer opened. Returns a new limit for the peer's streams when it
   * is worth telling, else NaN.
   */
  accept(entry: StreamEntry): number {
    if (entry.isAccepted) return NaN;
    entry.isAccepted = true;
    return this.#streams.has(entry.id) ? NaN : this.#onRemoteClosed();
  }

  /**
   * Forgets a stream whose two sides are done. Returns a new limit for the peer's streams when it is worth
   * telling, else NaN. A stream that still waits to be accepted counts as open: or else a peer could open
   * and abandon streams without end while the application accepts none.
   */
  close(entry: StreamEntry): number {
    this.#streams.delete(entry.id);
    return this.isLocal(entry) || !entry.isAccepted ? NaN : this.#onRemoteClosed();
  }

  #onRemoteClosed(): number {
    this.#remoteClosed++;
    const limit = this.#remoteClosed + this.#maxRemote;
    if (limit - this.#remoteLimit < this.#maxRemote / 4) return NaN;
    this.#remoteLimit = limit;
    return limit;
  }

  /** Puts a stream in line for sending. */
  schedule(entry: StreamEntry): void {
    if (entry.isScheduled) return;
    entry.isScheduled = true;
    this.#schedule.push(entry);
  }

  /** True when some stream is in line. */
  get hasScheduled(): boolean {
    return this.#schedule.length > 0;
  }

  /** True when a stream in line has something that may go now. */
  hasPending(connectionCredit: number): boolean {
    for (const entry of this.#schedule) if (entry.send.hasPending(connectionCredit)) return true;
    return false;
  }

  /**
   * The stream whose turn it is and that has something to send within the credit, or null. Streams that
   * have nothing leave the line, except those that only wait for connection credit.
   */
  current(connectionCredit: number): StreamEntry | null {
    let tries = this.#schedule.length;
    while (tries-- > 0) {
      const entry = this.#schedule[0]!;
      if (entry.send.hasPending(connectionCredit)) return entry;
      this.#schedule.shift();
      if (connectionCredit <= 0 && entry.send.hasPending(1)) this.#schedule.push(entry);
      else entry.isScheduled = false;
    }
    return null;
  }

  /** Gives the next stream its turn. */
  rotate(): void {
    if (this.#schedule.length > 1) this.#schedule.push(this.#schedule.shift()!);
  }
}
