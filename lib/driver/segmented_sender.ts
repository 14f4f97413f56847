/**
 * Sends batches of packets: with one call where the system cuts them apart (UDP GSO), else one by one.
 *
 * Whether an interface takes part in that shows only in what it refuses, so it is tried, and given up for
 * good where packets get through without it alone.
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

/** The sending side of one socket. */
export class SegmentedSender {
  readonly #connection: Pick<Deno.DatagramConn, "send">;
  readonly #tuning: Pick<SocketTuning, "segmentationOffload" | "setSegmentBytes"> | null;
  readonly #addresses: AddressForms;
  #usesOffload: boolean;
  #errors = 0;
  #closed = false;

  /** Value of UDP_SEGMENT now; 0 is off. */
  #segmentBytes = 0;
  #sending = false;
  readonly #waitingToSend: (() => void)[] = [];

  /** Sends over the connection; without tuning each packet goes alone. */
  constructor(
    connection: Pick<Deno.DatagramConn, "send">,
    tuning: Pick<SocketTuning, "segmentationOffload" | "setSegmentBytes"> | null,
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
    // Deno may put a send off to a later turn, and the segment size that holds then decides.
    while (this.#sending) {
      await new Promise<void>((resolve) => this.#waitingToSend.push(resolve));
    }
    this.#sending = true;
    try {
      return this.#usesOffload && bytes.length > segmentBytes
        ? await this.#sendCoalesced(bytes, segmentBytes, target)
        : await this.#sendSingly(bytes, segmentBytes, target);
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

  async #sendCoalesced(
    bytes: Uint8Array,
    segmentBytes: number,
    target: Deno.NetAddr,
  ): Promise<SendOutcome> {
    const segmentsPerSend = Math.min(MAX_SEGMENTS, Math.floor(LARGEST_SEND_BYTES / segmentBytes));
    const bytesPerSend = Math.max(1, segmentsPerSend) * segmentBytes;
    for (let offset = 0; offset < bytes.length; offset += bytesPerSend) {
      const batch = bytes.length <= bytesPerSend
        ? bytes
        : bytes.subarray(offset, offset + bytesPerSend);
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
      const outcome = await this.#sendPacket(packet, target);
      if (outcome !== "sent") return outcome;
    }
    return "sent";
  }

  async #sendPacket(packet: Uint8Array, target: Deno.NetAddr): Promise<SendOutcome> {
    // A larger segment size lets the packet pass whole, so switching back and forth is saved.
    if (packet.length > this.#segmentBytes) this.#setSegmentBytes(0);
    let error = await this.trySend(packet, target);
    if (error !== null && this.#segmentBytes > 0 && mayBlameOffload(error)) {
      // Kernels before 6.14 compare the segment size with the MTU even when nothing has to be cut.
      this.#setSegmentBytes(0);
      error = await this.trySend(packet, target);
    }
    return error === null ? "sent" : this.#outcomeOf(error);
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

/** Codes with which kernels and drivers turn offload down. */
function mayBlameOffload(error: unknown): boolean {
  const code = codeOf(error);
  return code === "EIO" || code === "EINVAL" || code === "EMSGSIZE";
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
