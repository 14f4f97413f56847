/**
 * Many datagrams with one system call: what `recvmmsg` reads and fills, laid out for 64-bit Linux.
 *
 * One `receive()` of Deno's costs some 6 µs, nearly all of it around the system call. At 1 Gbit/s without
 * receive offload that is half a core; a batch costs 1 µs a datagram.
 *
 * @module
 */
import { AF_INET6, ipv6Text } from "./address_bytes.ts";

/** Datagrams that one call takes at most. */
const BATCH_DATAGRAMS = 32;
/** Room for each: a coalesced receive (UDP GRO) fills it. */
const DATAGRAM_BYTES = 65_536;

// struct mmsghdr, in 32-bit words: name 0, namelen 2, iov 4, iovlen 6, control 8, flags 12, msg_len 14.
const HEADER_WORDS = 16;
const NAME = 0;
const NAME_LENGTH = 2;
const VECTOR = 4;
const VECTOR_LENGTH = 6;
const RECEIVED_LENGTH = 14;
// struct iovec: address and length, 64 bits each.
const VECTOR_WORDS = 4;
// struct sockaddr_in6, the larger one: family and port, flow, four words of address, scope.
const ADDRESS_WORDS = 7;

const EMPTY = new Uint8Array(0);
const LITTLE_ENDIAN = true;

/** The call itself: how many datagrams were taken, negative when none waits. */
export type ReceiveMany = (headers: Uint32Array<ArrayBuffer>, count: number) => number;

/** Whether the layout of this file is that of the system. */
export function hasBatchLayout(): boolean {
  const isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;
  return Deno.build.os === "linux" && isLittleEndian &&
    (Deno.build.arch === "x86_64" || Deno.build.arch === "aarch64");
}

/** Where a datagram came from. */
interface Sender {
  readonly hostname: string;
  readonly port: number;
}

/** Buffers for a batch and the structures that point at them. */
export class DatagramBatch {
  readonly #bytes = new Uint8Array(BATCH_DATAGRAMS * DATAGRAM_BYTES);
  readonly #addresses = new Uint32Array(BATCH_DATAGRAMS * ADDRESS_WORDS);
  readonly #vectors = new Uint32Array(BATCH_DATAGRAMS * VECTOR_WORDS);
  readonly #headers = new Uint32Array(BATCH_DATAGRAMS * HEADER_WORDS);
  /** The newest view of each buffer: lengths repeat, and a new view costs some 40 ns. */
  readonly #views: Uint8Array[] = Array.from({ length: BATCH_DATAGRAMS }, () => EMPTY);
  /** The newest sender, raw and as text: peers repeat. */
  readonly #lastAddress = new Uint32Array(ADDRESS_WORDS);
  #lastSender: Sender = { hostname: "", port: 0 };

  /** Lays the structures out; `addressOf` tells where a buffer lies in memory. */
  constructor(addressOf: (buffer: ArrayBuffer) => bigint) {
    const bytesAt = addressOf(this.#bytes.buffer);
    const addressesAt = addressOf(this.#addresses.buffer);
    const vectorsAt = addressOf(this.#vectors.buffer);
    const headers = new DataView(this.#headers.buffer);
    const vectors = new DataView(this.#vectors.buffer);
    for (let i = 0; i < BATCH_DATAGRAMS; i++) {
      const vector = 4 * i * VECTOR_WORDS;
      vectors.setBigUint64(vector, bytesAt + BigInt(i * DATAGRAM_BYTES), LITTLE_ENDIAN);
      vectors.setBigUint64(vector + 8, BigInt(DATAGRAM_BYTES), LITTLE_ENDIAN);
      const header = 4 * i * HEADER_WORDS;
      headers.setBigUint64(
        header + 4 * NAME,
        addressesAt + BigInt(4 * i * ADDRESS_WORDS),
        LITTLE_ENDIAN,
      );
      headers.setUint32(header + 4 * NAME_LENGTH, 4 * ADDRESS_WORDS, LITTLE_ENDIAN);
      headers.setBigUint64(header + 4 * VECTOR, vectorsAt + BigInt(vector), LITTLE_ENDIAN);
      headers.setBigUint64(header + 4 * VECTOR_LENGTH, 1n, LITTLE_ENDIAN);
    }
  }

  /** Takes what waits; returns how many datagrams. They stay valid until the next call. */
  fill(receive: ReceiveMany): number {
    const count = Math.max(0, receive(this.#headers, BATCH_DATAGRAMS));
    for (let i = 0; i < count; i++) {
      this.#headers[i * HEADER_WORDS + NAME_LENGTH] = 4 * ADDRESS_WORDS;
    }
    return count;
  }

  /** The bytes of a datagram. */
  bytes(index: number): Uint8Array {
    const length = this.#headers[index * HEADER_WORDS + RECEIVED_LENGTH]!;
    const view = this.#views[index]!;
    if (view.length === length) return view;
    const start = index * DATAGRAM_BYTES;
    return this.#views[index] = this.#bytes.subarray(start, start + length);
  }

  /** Its sender, IPv6 in the form of RFC 5952; the same object as last time when it is the same. */
  sender(index: number): Sender {
    const start = index * ADDRESS_WORDS;
    const isIpv6 = (this.#addresses[start]! & 0xffff) === AF_INET6;
    const words = isIpv6 ? 6 : 2;
    for (let i = 0; i < words; i++) {
      // The flow label may differ from packet to packet.
      if (this.#addresses[start + i] === this.#lastAddress[i] || (isIpv6 && i === 1)) continue;
      const address = this.#addresses.subarray(start, start + ADDRESS_WORDS);
      this.#lastAddress.set(address);
      this.#lastSender = readSender(address, isIpv6);
      break;
    }
    return this.#lastSender;
  }
}

function readSender(address: Uint32Array, isIpv6: boolean): Sender {
  const bytes = new Uint8Array(address.buffer, address.byteOffset, address.byteLength);
  const port = bytes[2]! << 8 | bytes[3]!;
  return {
    hostname: isIpv6 ? ipv6Text(bytes.subarray(8, 24)) : bytes.subarray(4, 8).join("."),
    port,
  };
}
