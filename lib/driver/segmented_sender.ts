/**
 * Sends batches of packets: with one call where the system cuts them apart (UDP GSO), else one by one.
 *
 * Whether an interface takes part in that shows only in what it refuses, so it is tried, and given up for
 * good where packets get through without it alone.
 *
 * Deno's own send takes 5.7 µs for a packet, the system's through FFI 3.6, and it makes no garbage. Deno's
 * comes first at every address, because it looks at permissions; later it gets what the system did not take
 * at once: it waits for room, and says what is wrong.
 *
 * @module
 */
import type { AddressForms } from "./address_forms.ts";
import type { Address, SendOutcome } from "./datagram_socket.ts";
import type { SocketTuning } from "./socket_options.ts";

/** UDP over IPv4: 65,535 less 20 and 8 bytes of headers. */
const LARGEST_SEND_BYTES = 65_507;

/** UDP_MAX_SEGMENTS in Linux; newer kernels allow 128. */
const MAX_SEGMENTS = 64;

/** Addresses remembered as good; of more, as in a flood, all prove themselves anew. */
const MAX_PROVEN = 512;

/** The parts of {@linkcode SocketTuning} that sending uses. */
type SendTuning = Pick<
  SocketTuning,
  "segmentationOffload" | "setSegmentBytes" | "encodeAddress" | "sendNow"
>;

/** The sending side of one socket. */
export class SegmentedSender {
  readonly #connection: Pick<Deno.DatagramConn, "send">;
  readonly #tuning: SendTuning | null;
  readonly #addresses: AddressForms;
  #usesOffload: boolean;
  #errors = 0;
  #closed = false;

  /** Value of UDP_SEGMENT now; 0 is off. */
  #segmentBytes = 0;
  #sending = false;
  readonly #waitingToSend: (() => void)[] = [];
  /** Where Deno has sent to, as the system writes it. By object: a path keeps its own. */
  readonly #proven = new Map<Address, Uint8Array<ArrayBuffer>>();

  /** Sends over the connection; without tuning each packet goes alone. */
  constructor(
    connection: Pick<Deno.DatagramConn, "send">,
    tuning: SendTuning | null,
    addresses: AddressForms,
  ) {
    this.#connection = connection;
    this.#tuning = tuning;
    this.#addresses = addresses;
    this.#usesOffload = tuning?.segmentationOffload ?? false;
  }

  /** Whether one call may carry many packets; turns false for good when an interface refuses. */
  get usesOffload(): boolean {
    return this.#usesOffload;
  }

  /** Sends that failed with an error that counts as loss. */
  get errors(): number {
    return this.#errors;
  }

  /** See `DatagramSocket.send`. */
  async send(bytes: Uint8Array, segmentBytes: number, to: Address): Promise<SendOutcome> {
    if (!(segmentBytes >= 1)) {
      throw new RangeError(`Cannot send packets of ${segmentBytes} bytes: expected 1 or more`);
    }
    const target = this.#addresses.target(to);
    if (target === null) return "refused";
    const sentBytes = this.#sending ? 0 : this.#sendNow(bytes, segmentBytes, to);
    if (sentBytes === bytes.length) return "sent";
    // Deno may put a send off to a later turn, and the segment size that holds then decides.
    while (this.#sending) {
      await new Promise<void>((resolve) => this.#waitingToSend.push(resolve));
    }
    this.#sending = true;
    try {
      const outcome = await this.#sendByDeno(bytes.subarray(sentBytes), segmentBytes, target);
      if (outcome === "sent") this.#remember(to, target);
      return outcome;
    } finally {
      this.#sending = false;
      this.#waitingToSend.shift()?.();
    }
  }

  /** One datagram as it is: what the system threw, or null. */
  async trySend(bytes: Uint8Array, target: Deno.NetAddr): Promise<unknown> {
    try {
      await this.#connection.send(bytes, target);
      return null;
    } catch (error) {
      return error ?? new Error("Nothing was thrown");
    }
  }

  /** The tuning is not there any more. */
  close(): void {
    this.#closed = true;
  }

  /** Sends at once what can be sent so; returns how many bytes, always whole packets. */
  #sendNow(bytes: Uint8Array, segmentBytes: number, to: Address): number {
    const address = this.#proven.get(to);
    if (address === undefined) return 0;
    const step = this.#usesOffload ? bytesPerSend(segmentBytes) : segmentBytes;
    let offset = 0;
    while (offset < bytes.length) {
      const piece = bytes.length <= step ? bytes : bytes.subarray(offset, offset + step);
      if (!this.#passesWith(piece.length, segmentBytes)) break;
      if (!this.#tuning!.sendNow(piece, address)) break;
      offset += piece.length;
    }
    return offset;
  }

  /** Sets the segment size so that bytes leave in packets of `segmentBytes`; false when that cannot be. */
  #passesWith(length: number, segmentBytes: number): boolean {
    if (length > segmentBytes) return this.#setSegmentBytes(segmentBytes);
    // A larger segment size lets the packet pass whole, so switching back and forth is saved.
    return length <= this.#segmentBytes || this.#setSegmentBytes(0);
  }

  #remember(to: Address, target: Deno.NetAddr): void {
    if (this.#proven.has(to)) return;
    const encoded = this.#tuning?.encodeAddress(target) ?? null;
    if (encoded === null) return;
    if (this.#proven.size >= MAX_PROVEN) this.#proven.clear();
    this.#proven.set(to, encoded);
  }

  #sendByDeno(
    bytes: Uint8Array,
    segmentBytes: number,
    target: Deno.NetAddr,
  ): Promise<SendOutcome> {
    return this.#usesOffload && bytes.length > segmentBytes
      ? this.#sendCoalesced(bytes, segmentBytes, target)
      : this.#sendSingly(bytes, segmentBytes, target);
  }

  async #sendCoalesced(
    bytes: Uint8Array,
    segmentBytes: number,
    target: Deno.NetAddr,
  ): Promise<SendOutcome> {
    const step = bytesPerSend(segmentBytes);
    for (let offset = 0; offset < bytes.length; offset += step) {
      const batch = bytes.length <= step ? bytes : bytes.subarray(offset, offset + step);
      const outcome = await this.#sendBatch(batch, segmentBytes, target);
      if (outcome !== "sent") return outcome;
    }
    return "sent";
  }

  async #sendBatch(
    batch: Uint8Array,
    segmentBytes: number,
    target: Deno.NetAddr,
  ): Promise<SendOutcome> {
    if (batch.length <= segmentBytes || !this.#usesOffload) {
      return await this.#sendSingly(batch, segmentBytes, target);
    }
    if (!this.#setSegmentBytes(segmentBytes)) {
      this.#usesOffload = false;
      return await this.#sendSingly(batch, segmentBytes, target);
    }
    const error = await this.trySend(batch, target);
    if (error === null) return "sent";
    if (!mayBlameOffload(error)) return this.#outcomeOf(error);
    // The same codes also mean a packet above the MTU or an unreachable address: single packets tell.
    this.#setSegmentBytes(0);
    const outcome = await this.#sendSingly(batch, segmentBytes, target);
    if (outcome === "sent") this.#usesOffload = false;
    return outcome;
  }

  async #sendSingly(
    bytes: Uint8Array,
    segmentBytes: number,
    target: Deno.NetAddr,
  ): Promise<SendOutcome> {
    for (let offset = 0; offset < bytes.length; offset += segmentBytes) {
      const packet = bytes.length <= segmentBytes
        ? bytes
        : bytes.subarray(offset, offset + segmentBytes);
      this.#passesWith(packet.length, packet.length);
      try {
        await this.#connection.send(packet, target);
      } catch (error) {
        const outcome = await this.#afterFailure(error, packet, target);
        if (outcome !== "sent") return outcome;
      }
    }
    return "sent";
  }

  /** What becomes of a single packet that could not be sent. */
  async #afterFailure(
    error: unknown,
    packet: Uint8Array,
    target: Deno.NetAddr,
  ): Promise<SendOutcome> {
    if (this.#segmentBytes === 0 || !mayBlameOffload(error)) return this.#outcomeOf(error);
    // Kernels before 6.14 compare the segment size with the MTU even when nothing has to be cut.
    this.#setSegmentBytes(0);
    const again = await this.trySend(packet, target);
    return again === null ? "sent" : this.#outcomeOf(again);
  }

  #setSegmentBytes(segmentBytes: number): boolean {
    if (segmentBytes === this.#segmentBytes) return true;
    if (this.#closed || !this.#tuning?.setSegmentBytes(segmentBytes)) return false;
    this.#segmentBytes = segmentBytes;
    return true;
  }

  #outcomeOf(error: unknown): SendOutcome {
    switch (codeOf(error)) {
      case "EMSGSIZE":
        return "too-big";
      case "EACCES":
      case "EAFNOSUPPORT":
        return "refused";
    }
    if (error instanceof Deno.errors.NotCapable) return "refused";
    this.#errors++;
    return "lost";
  }
}

/** How much one call carries where the system cuts it into packets of `segmentBytes`. */
function bytesPerSend(segmentBytes: number): number {
  const segments = Math.min(MAX_SEGMENTS, Math.floor(LARGEST_SEND_BYTES / segmentBytes));
  return Math.max(1, segments) * segmentBytes;
}

/** Codes with which kernels and drivers turn offload down. */
function mayBlameOffload(error: unknown): boolean {
  const code = codeOf(error);
  return code === "EIO" || code === "EINVAL" || code === "EMSGSIZE";
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
