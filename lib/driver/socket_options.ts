/**
 * Options that `Deno.listenDatagram` does not offer, set through FFI on the very descriptor Deno opened.
 *
 * Deno does not reveal the number of that descriptor, so it is searched for: the one datagram socket of this
 * process that is bound to the address Deno reports. Everything here is optional; what the system refuses is
 * left as it was and reported as absent.
 *
 * @module
 */

import { addressBytes, AF_INET6, linuxSocketAddress } from "./address_bytes.ts";
import { openCLibrary } from "./c_library.ts";
import { DatagramBatch, hasBatchLayout } from "./datagram_batch.ts";

/** What could be changed on a socket, and how to change it while it runs. */
export interface SocketTuning {
  /** The receive buffer the system granted, as it accounts it (truesize, not payload). */
  readonly receiveBufferBytes: number;
  /** Nothing is fragmented on this machine: a datagram above the interface's MTU fails with EMSGSIZE. */
  readonly dontFragment: boolean;
  /** One send may carry many packets (UDP_SEGMENT). */
  readonly segmentationOffload: boolean;
  /** One receive may deliver many packets of one sender back to back (UDP_GRO). */
  readonly receiveOffload: boolean;
  /** Sends are cut into packets this long from now on; 0 ends that. False when the system refused. */
  setSegmentBytes(segmentBytes: number): boolean;
  /** What {@linkcode sendNow} takes for an address as Deno writes it; null where there is no sending like that. */
  encodeAddress(target: Deno.NetAddr): Uint8Array<ArrayBuffer> | null;
  /** Sends without waiting and without a look at permissions; false when nothing was sent, for whatever reason. */
  sendNow(bytes: Uint8Array, encodedAddress: Uint8Array<ArrayBuffer>): boolean;
  /**
   * Blocks the thread until the socket can be read or the time is over; returns some 35 µs late.
   *
   * @returns Whether there is something to read; undefined where the system cannot wait like this.
   */
  waitReadable(timeoutUs: number): boolean | undefined;
  /** Blocks the thread for so long, whatever arrives; not at all where the system cannot do that. */
  pause(durationUs: number): void;
  /** Attaches a classic BPF program as filter, or takes it away with null. False when that cannot be. */
  setFilter(program: Uint8Array | null): boolean;
  /**
   * Takes what has arrived into a batch, without waiting; returns how many datagrams that were.
   * The batch is null where the system cannot do it.
   */
  receiveArrived(): number;
  /** What `receiveArrived()` fills; null where the system cannot do that. */
  readonly batch: DatagramBatch | null;
  /** Unloads the C library. Call it before the socket is closed: descriptors are used again. */
  close(): void;
}

/**
 * Finds the descriptor of the UDP socket bound to `local` and sets what a fast transfer needs on it.
 *
 * Needs FFI; look at `isFfiGranted()` first, or the user may be asked.
 *
 * @param local The address as Deno reports it after binding: literal, with the real port.
 * @returns null on systems without known constants, or when the descriptor is not found.
 */
export function tuneSocket(local: { hostname: string; port: number }): SocketTuning | null {
  const system = SYSTEMS[Deno.build.os];
  if (system === undefined) return null;
  const library = openCLibrary(COMMON_FUNCTIONS);
  if (library === null) return null;
  try {
    const descriptor = findDescriptor(library.symbols, system, local);
    if (descriptor !== null) return new LibcTuning(library, system, descriptor);
  } catch {
    // Fall through: a socket without tuning works too.
  }
  library.close();
  return null;
}

/** The numbers of one operating system's headers. */
interface SystemConstants {
  /** Offset and width of `sa_family` differ: BSD has a length byte before it. */
  readonly familyOf: (socketAddress: Uint8Array) => number;
  readonly ipv4Family: number;
  readonly ipv6Family: number;
  readonly socketLevel: number;
  readonly typeOption: number;
  readonly receiveBufferOption: number;
  /** Present where datagrams can be segmented, coalesced and waited for. */
  readonly linux: boolean;
}

const SYSTEMS: Partial<Record<typeof Deno.build.os, SystemConstants>> = {
  linux: {
    familyOf: (socketAddress) => socketAddress[0]! | socketAddress[1]! << 8,
    ipv4Family: 2,
    ipv6Family: 10,
    socketLevel: 1,
    typeOption: 3,
    receiveBufferOption: 8,
    linux: true,
  },
  darwin: {
    familyOf: (socketAddress) => socketAddress[1]!,
    ipv4Family: 2,
    ipv6Family: 30,
    socketLevel: 0xffff,
    typeOption: 0x1008,
    receiveBufferOption: 0x1002,
    linux: false,
  },
};

/** `option` of `level` in Linux, from `asm-generic/socket.h`, `linux/in.h`, `linux/in6.h`, `linux/udp.h`. */
const LINUX = {
  sendBuffer: [1, 7],
  socketDomain: [1, 39],
  receiveBufferForce: [1, 33],
  ipMtuDiscover: [0, 10],
  ipv6MtuDiscover: [41, 23],
  ipv6DontFragment: [41, 62],
  udpSegment: [17, 103],
  udpGro: [17, 104],
  attachFilter: [1, 26],
  detachFilter: [1, 27],
} as const satisfies Record<string, Option>;

type Option = readonly [level: number, option: number];

/** IP_PMTUDISC_PROBE: set DF, never fragment here, and do not believe ICMP. RFC 8899 §4.6. */
const PMTUDISC_PROBE = 3;

const SOCK_DGRAM = 2;
const POLLIN = 1;
const MSG_DONTWAIT = 0x40;
const PR_SET_TIMERSLACK = 29;
const TIMER_SLACK_NS = 1000n;

/** Holds some 3,600 full Ethernet datagrams, 45 ms of 1 Gbit/s; the usual default holds 92. */
const WANTED_RECEIVE_BUFFER_BYTES = 16 << 20;

const WANTED_SEND_BUFFER_BYTES = 4 << 20;

/** Where the search ends; a process with more open files goes without tuning. */
const HIGHEST_DESCRIPTOR = 4096;

const COMMON_FUNCTIONS = {
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  ppoll: {
    parameters: ["buffer", "usize", "buffer", "pointer"],
    result: "i32",
    optional: true, // macOS has none
  },
  recvmmsg: {
    parameters: ["i32", "buffer", "u32", "i32", "pointer"],
    result: "i32",
    optional: true, // nor this
  },
  sendto: {
    parameters: ["i32", "buffer", "usize", "i32", "buffer", "u32"],
    result: "isize",
    optional: true, // without it Deno sends
  },
  prctl: {
    parameters: ["i32", "usize", "usize", "usize", "usize"],
    result: "i32",
    optional: true, // nor this
  },
} as const satisfies Deno.ForeignLibraryInterface;

type Libc = Deno.DynamicLibrary<typeof COMMON_FUNCTIONS>;

/** The descriptor bound to `local`; unique, because Ferry never binds with `reuseAddress`. */
function findDescriptor(
  libc: Libc["symbols"],
  system: SystemConstants,
  local: { hostname: string; port: number },
): number | null {
  const wanted = addressBytes(local.hostname);
  const socketAddress = new Uint8Array(128); // struct sockaddr_storage
  const addressLength = new Uint32Array(1);
  for (let descriptor = 3; descriptor < HIGHEST_DESCRIPTOR; descriptor++) {
    addressLength[0] = socketAddress.length;
    if (libc.getsockname(descriptor, socketAddress, addressLength) !== 0) continue;
    const family = system.familyOf(socketAddress);
    const isIpv6 = family === system.ipv6Family;
    if (!isIpv6 && family !== system.ipv4Family) continue;
    if ((socketAddress[2]! << 8 | socketAddress[3]!) !== local.port) continue;
    const bound = isIpv6 ? socketAddress.subarray(8, 24) : socketAddress.subarray(4, 8);
    if (!equal(bound, wanted)) continue;
    const type = readOption(libc, descriptor, [system.socketLevel, system.typeOption]);
    if (type === SOCK_DGRAM) return descriptor;
  }
  return null;
}

class LibcTuning implements SocketTuning {
  readonly receiveBufferBytes: number;
  readonly dontFragment: boolean;
  readonly segmentationOffload: boolean;
  readonly receiveOffload: boolean;
  readonly batch: DatagramBatch | null;

  readonly #library: Libc;
  readonly #descriptor: number;
  readonly #isLinux: boolean;
  readonly #value = new Int32Array(1);
  /** `struct pollfd`: descriptor, then events and revents as two 16-bit halves. */
  readonly #poll: Int32Array<ArrayBuffer>;
  /** `struct timespec` of a 64-bit little-endian system: seconds at 0, nanoseconds at 2. */
  readonly #timeout = new Uint32Array(4);
  #closed = false;

  constructor(library: Libc, system: SystemConstants, descriptor: number) {
    this.#library = library;
    this.#descriptor = descriptor;
    this.#isLinux = system.linux;
    this.#poll = new Int32Array([descriptor, POLLIN]);
    this.receiveBufferBytes = this.#raiseReceiveBuffer(system);
    const canBatch = hasBatchLayout() && library.symbols.recvmmsg !== null;
    this.batch = canBatch ? new DatagramBatch(addressOf) : null;
    if (!system.linux) {
      this.dontFragment = this.segmentationOffload = this.receiveOffload = false;
      return;
    }
    // The kernel lets a thread sleep 50 µs longer than asked unless told otherwise.
    library.symbols.prctl?.(PR_SET_TIMERSLACK, TIMER_SLACK_NS, 0n, 0n, 0n);
    this.#set(LINUX.sendBuffer, WANTED_SEND_BUFFER_BYTES);
    this.dontFragment = this.#forbidFragments();
    // Both values prove that the kernel knows the option; whether the interface can do it shows the first send.
    this.segmentationOffload = this.#set(LINUX.udpSegment, 1200) &&
      readOption(library.symbols, descriptor, LINUX.udpSegment) === 1200 &&
      this.#set(LINUX.udpSegment, 0);
    this.receiveOffload = this.#set(LINUX.udpGro, 1) &&
      readOption(library.symbols, descriptor, LINUX.udpGro) === 1;
  }

  setSegmentBytes(segmentBytes: number): boolean {
    return !this.#closed && this.#set(LINUX.udpSegment, segmentBytes);
  }

  encodeAddress(target: Deno.NetAddr): Uint8Array<ArrayBuffer> | null {
    if (!this.#isLinux || this.#library.symbols.sendto === null) return null;
    return linuxSocketAddress(target);
  }

  sendNow(bytes: Uint8Array, encodedAddress: Uint8Array<ArrayBuffer>): boolean {
    const { sendto } = this.#library.symbols;
    if (this.#closed || sendto === null) return false;
    const packet = bytes as Uint8Array<ArrayBuffer>;
    const { length } = encodedAddress;
    const sent = sendto(
      this.#descriptor,
      packet,
      BigInt(bytes.length),
      MSG_DONTWAIT,
      encodedAddress,
      length,
    );
    return sent >= 0;
  }

  waitReadable(timeoutUs: number): boolean | undefined {
    const count = this.#pollFor(timeoutUs, 1n);
    return count === null ? undefined : count > 0;
  }

  pause(durationUs: number): void {
    this.#pollFor(durationUs, 0n);
  }

  /** How many of the first `descriptors` (the socket, or none) can be read at the end; null without `ppoll`. */
  #pollFor(timeoutUs: number, descriptors: 0n | 1n): number | null {
    const { ppoll } = this.#library.symbols;
    if (this.#closed || ppoll === null) return null;
    const timeoutNs = Math.max(0, Math.round(timeoutUs * 1000));
    this.#timeout[0] = Math.floor(timeoutNs / 1e9);
    this.#timeout[2] = timeoutNs % 1e9;
    this.#poll[1] = POLLIN;
    return ppoll(this.#poll, descriptors, this.#timeout, null);
  }

  setFilter(program: Uint8Array | null): boolean {
    if (this.#closed || !this.#isLinux) return false;
    if (program === null) return this.#set(LINUX.detachFilter, 0);
    // struct sock_fprog: the number of instructions, and where they are. The kernel copies both.
    const instructions = program.slice();
    const pointer = Deno.UnsafePointer.value(Deno.UnsafePointer.of(instructions));
    const header = new BigUint64Array([BigInt(instructions.length / 8), pointer]);
    const [level, option] = LINUX.attachFilter;
    const { setsockopt } = this.#library.symbols;
    return setsockopt(this.#descriptor, level, option, header, header.byteLength) === 0;
  }

  receiveArrived(): number {
    const { recvmmsg } = this.#library.symbols;
    if (this.#closed || this.batch === null || recvmmsg === null) return 0;
    return this.batch.fill((headers, count) =>
      recvmmsg(this.#descriptor, headers, count, MSG_DONTWAIT, null)
    );
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#library.close();
  }

  #raiseReceiveBuffer(system: SystemConstants): number {
    const option: Option = [system.socketLevel, system.receiveBufferOption];
    const libc = this.#library.symbols;
    // Linux cuts the wish to its limit, macOS refuses what is above it.
    for (let bytes = WANTED_RECEIVE_BUFFER_BYTES; bytes >= 1 << 18; bytes /= 2) {
      if (this.#set(option, bytes)) break;
    }
    const granted = readOption(libc, this.#descriptor, option);
    if (!system.linux || granted >= WANTED_RECEIVE_BUFFER_BYTES) return granted;
    // The limit does not hold for the administrator.
    this.#set(LINUX.receiveBufferForce, WANTED_RECEIVE_BUFFER_BYTES);
    return readOption(libc, this.#descriptor, option);
  }

  #set([level, option]: Option, value: number): boolean {
    this.#value[0] = value;
    const { setsockopt } = this.#library.symbols;
    return setsockopt(this.#descriptor, level, option, this.#value, 4) === 0;
  }

  #forbidFragments(): boolean {
    const { symbols } = this.#library;
    const ipv4 = this.#set(LINUX.ipMtuDiscover, PMTUDISC_PROBE);
    const isIpv6 = readOption(symbols, this.#descriptor, LINUX.socketDomain) === AF_INET6;
    if (!isIpv6) return ipv4;
    // An IPv6 socket bound to every address carries IPv4 too, and has both settings.
    return this.#set(LINUX.ipv6MtuDiscover, PMTUDISC_PROBE) &&
      this.#set(LINUX.ipv6DontFragment, 1);
  }
}

function addressOf(buffer: ArrayBuffer): bigint {
  return Deno.UnsafePointer.value(Deno.UnsafePointer.of(buffer));
}

function readOption(libc: Libc["symbols"], descriptor: number, [level, option]: Option): number {
  const value = new Int32Array(1);
  const length = new Uint32Array([value.byteLength]);
  return libc.getsockopt(descriptor, level, option, value, length) === 0 ? value[0]! : -1;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
