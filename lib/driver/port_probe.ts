/**
 * Whether a port is closed, which only the system over there can tell.
 *
 * A program that has ended leaves a closed port behind, and the system answers a datagram to it with ICMP
 * "port unreachable" (RFC 1122 §4.1.3.1). A program that is stopped, and a network that is dark, answer
 * nothing. The difference is told to connected sockets only, and Deno has none for UDP: so each question
 * opens one through FFI, beside the socket that carries the connection, and closes it again.
 *
 * ICMP can be forged. What is learnt here may make somebody less patient, and nothing else.
 *
 * @module
 */

import { addressBytes } from "./address_bytes.ts";
import { isFfiGranted, openCLibrary } from "./c_library.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { Address } from "./datagram_socket.ts";

/** Asks ports whether they are closed. */
export interface PortProbe {
  /**
   * True when the system over there refused a datagram; false when nothing is known, after 1.7 s.
   *
   * @param address A literal address and a port.
   * @param signal Ends the wait at once, with false.
   */
  isClosed(address: Address, signal: AbortSignal): Promise<boolean>;
}

/** The probe; null without FFI and on systems without known constants. Asks nobody for a permission. */
export function openPortProbe(clock: Clock = systemClock): PortProbe | null {
  const system = SYSTEMS[Deno.build.os];
  if (system === undefined || !isFfiGranted()) return null;
  return { isClosed: (address, signal) => isClosed(system, { address, clock, signal }) };
}

/** The numbers of one operating system's headers. */
interface SystemConstants {
  /** First two bytes of a socket address: BSD has its length there. */
  readonly head: (family: number, length: number) => readonly [number, number];
  readonly ipv4Family: number;
  readonly ipv6Family: number;
  /** SOCK_DGRAM, closed in children where one call can say so. */
  readonly type: number;
  readonly dontWait: number;
  readonly socketLevel: number;
  readonly errorOption: number;
  readonly connectionRefused: number;
}

const SYSTEMS: Partial<Record<typeof Deno.build.os, SystemConstants>> = {
  linux: {
    head: (family) => [family, 0],
    ipv4Family: 2,
    ipv6Family: 10,
    type: 2 | 0o2000000, // SOCK_CLOEXEC
    dontWait: 0x40,
    socketLevel: 1,
    errorOption: 4,
    connectionRefused: 111,
  },
  darwin: {
    head: (family, length) => [length, family],
    ipv4Family: 2,
    ipv6Family: 30,
    type: 2,
    dontWait: 0x80,
    socketLevel: 0xffff,
    errorOption: 0x1007,
    connectionRefused: 61,
  },
};

const FUNCTIONS = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

type Libc = Deno.DynamicLibrary<typeof FUNCTIONS>;

/** Too short for a packet, so that a Ferry drops it unread. */
const QUESTION = new Uint8Array(1);

/**
 * Linux sends an address one refusal a second, and whatever comes first gets it: the connection's own
 * packets too. So each question is put many times over a second.
 */
const SEND_COUNT = 20;
const LOOK_MS = 50;
/** Looks after the last sending: a satellite's answer takes 0.6 s. */
const LATE_LOOK_COUNT = 14;

async function isClosed(
  system: SystemConstants,
  { address, clock, signal }: { address: Address; clock: Clock; signal: AbortSignal },
): Promise<boolean> {
  const socketAddress = socketAddressOf(system, address);
  const libc = socketAddress === null ? null : openCLibrary(FUNCTIONS);
  if (socketAddress === null || libc === null) return false;
  try {
    const socket = new ConnectedSocket(libc.symbols, system, socketAddress);
    try {
      return await asked(socket, clock, signal);
    } finally {
      socket.close();
    }
  } finally {
    libc.close();
  }
}

async function asked(
  socket: ConnectedSocket,
  clock: Clock,
  signal: AbortSignal,
): Promise<boolean> {
  if (!socket.isOpen || signal.aborted) return false;
  for (let count = 0; count < SEND_COUNT + LATE_LOOK_COUNT; count++) {
    if (count < SEND_COUNT) socket.send(QUESTION);
    if (socket.takeRefusal()) return true; // on loopback it is there already
    const sleep = clock.sleep(LOOK_MS);
    const stop = () => sleep.cancel();
    signal.addEventListener("abort", stop);
    await sleep.done;
    signal.removeEventListener("abort", stop);
    if (signal.aborted) return false;
    if (socket.takeRefusal()) return true; // before a sending would take it
  }
  return false;
}

/** A UDP socket with one peer. No call of it waits. */
class ConnectedSocket {
  readonly #libc: Libc["symbols"];
  readonly #system: SystemConstants;
  readonly #descriptor: number;
  readonly #isConnected: boolean;

  constructor(libc: Libc["symbols"], system: SystemConstants, peer: Uint8Array<ArrayBuffer>) {
    this.#libc = libc;
    this.#system = system;
    const family = peer.length === IPV4_BYTES ? system.ipv4Family : system.ipv6Family;
    this.#descriptor = libc.socket(family, system.type, 0);
    this.#isConnected = this.#descriptor >= 0 &&
      libc.connect(this.#descriptor, peer, peer.length) === 0;
  }

  /** False when the system knows no way to the peer. */
  get isOpen(): boolean {
    return this.#isConnected;
  }

  send(bytes: Uint8Array<ArrayBuffer>): void {
    this.#libc.send(this.#descriptor, bytes, BigInt(bytes.length), this.#system.dontWait);
  }

  /** Whether a refusal has arrived. The system keeps it until it is read: `errno` would be lost on the way. */
  takeRefusal(): boolean {
    const { socketLevel, errorOption, connectionRefused } = this.#system;
    const error = new Int32Array(1);
    const length = new Uint32Array([error.byteLength]);
    const { getsockopt } = this.#libc;
    if (getsockopt(this.#descriptor, socketLevel, errorOption, error, length) !== 0) return false;
    return error[0] === connectionRefused;
  }

  close(): void {
    if (this.#descriptor >= 0) this.#libc.close(this.#descriptor);
  }
}

/** Sizes of `struct sockaddr_in` and `struct sockaddr_in6`. */
const IPV4_BYTES = 16;
const IPV6_BYTES = 28;

/** null for a link-local address: its interface is a number that only this system knows. */
function socketAddressOf(
  system: SystemConstants,
  { hostname, port }: Address,
): Uint8Array<ArrayBuffer> | null {
  if (hostname.includes("%")) return null;
  const isIpv6 = hostname.includes(":");
  const bytes = new Uint8Array(isIpv6 ? IPV6_BYTES : IPV4_BYTES);
  bytes.set(system.head(isIpv6 ? system.ipv6Family : system.ipv4Family, bytes.length));
  bytes[2] = port >> 8;
  bytes[3] = port & 0xff;
  bytes.set(addressBytes(hostname), isIpv6 ? 8 : 4);
  return bytes;
}
