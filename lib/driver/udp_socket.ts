/**
 * The only UDP socket in Ferry: one Deno datagram socket with its odd corners rounded off.
 *
 * @module
 */
import { isFfiGranted } from "./c_library.ts";
import { systemClock } from "./clock.ts";
import {
  type Address,
  type DatagramSocket,
  type Received,
  type SendOutcome,
  type SocketCapabilities,
  type SocketCounters,
  SocketError,
} from "./datagram_socket.ts";
import { type SocketTuning, tuneSocket } from "./socket_options.ts";

/** Where to bind, and how much to ask of the system. */
export interface UdpSocketOptions {
  /** Address of an interface, `0.0.0.0` for every IPv4 one, `::` for every one of both families. */
  readonly hostname: string;
  /** 1–65535, or 0 for any free port. */
  readonly port: number;
  /** Whether to tune the socket through FFI where that is granted. Never asks for the permission. */
  readonly ffi: boolean;
}

/**
 * Binds a UDP socket.
 *
 * @throws {SocketError} When the port is taken or reserved, the address is not this machine's, or Deno lacks
 * the permission or the API.
 */
export function openUdpSocket(options: UdpSocketOptions): DatagramSocket {
  const connection = bind(options);
  const local = connection.addr as Deno.NetAddr;
  const tuning = options.ffi && isFfiGranted() ? tuneSocket(local) : null;
  return new UdpSocket(connection, tuning);
}

/** The parts of `Deno.DatagramConn` that are used. */
export type DatagramConnection = Pick<Deno.DatagramConn, "addr" | "receive" | "send" | "close">;

/** {@linkcode DatagramSocket} over a connection of Deno's; use {@linkcode openUdpSocket} outside tests. */
export class UdpSocket implements DatagramSocket {
  readonly #connection: DatagramConnection;
  readonly #tuning: SocketTuning | null;
  /** Bound to every address of both families: IPv4 peers have to be written `::ffff:a.b.c.d`. */
  readonly #isDualStack: boolean;
  readonly #capabilities: Writable<SocketCapabilities>;
  readonly #counters: Writable<SocketCounters> = { receiveErrors: 0, sendErrors: 0 };
  readonly #received: Writable<Received>;
  #closed = false;

  /** Whether a `receive()` waits, so that something can arrive. */
  #receiving = false;
  #arrival: PromiseWithResolvers<void> | null = null;
  #failuresInARow = 0;
  /** Peers repeat; what was made for the last one serves again. */
  #lastFrom: Address = { hostname: "", port: 0 };
  #lastRawHostname = "";
  #lastTo: Address = { hostname: "", port: 0 };
  #lastTarget: Deno.NetAddr = { transport: "udp", hostname: "", port: 0 };

  /** Value of UDP_SEGMENT now; 0 is off. */
  #segmentBytes = 0;
  #sending = false;
  readonly #waitingToSend: (() => void)[] = [];

  /** Where to reach itself; null when it may not, undefined until that is known. */
  #self: Deno.NetAddr | null | undefined;
  #lookedMs = -Infinity;

  /** Where it is bound. */
  readonly address: Address;

  /** Takes over both; `close()` closes them. */
  constructor(connection: DatagramConnection, tuning: SocketTuning | null) {
    this.#connection = connection;
    this.#tuning = tuning;
    const { hostname, port } = connection.addr as Deno.NetAddr;
    this.address = { hostname, port };
    this.#isDualStack = hostname === "::";
    this.#received = { bytes: new Uint8Array(0), from: this.#lastFrom };
    this.#capabilities = {
      segmentationOffload: tuning?.segmentationOffload ?? false,
      receiveOffload: tuning?.receiveOffload ?? false,
      batchReceive: tuning !== null && tuning.batch !== null,
      dontFragment: tuning?.dontFragment ?? false,
      receiveBufferBytes: tuning?.receiveBufferBytes ?? usualReceiveBufferBytes(),
    };
  }

  /** What it can do at this moment; a live object. */
  get capabilities(): SocketCapabilities {
    return this.#capabilities;
  }

  /** What went wrong so far; a live object. */
  get counters(): SocketCounters {
    return this.#counters;
  }

  /** See {@linkcode DatagramSocket.receive}. */
  async receive(buffer: Uint8Array): Promise<Received | null> {
    if (buffer.length < LARGEST_RECEIVE_BYTES) {
      throw new RangeError(`Cannot receive into ${buffer.length} bytes: 65536 are needed`);
    }
    while (!this.#closed) {
      try {
        this.#receiving = true;
        const [bytes, from] = await this.#connection.receive(buffer);
        this.#receiving = false;
        this.#failuresInARow = 0;
        this.#announceArrival();
        if (bytes.length === 0) continue; // from ourselves, see turn()
        this.#received.bytes = bytes;
        this.#received.from = this.#sender(from as Deno.NetAddr);
        return this.#received;
      } catch (error) {
        this.#receiving = false;
        this.#announceArrival();
        if (this.#closed || error instanceof Deno.errors.BadResource) break;
        // Windows reports here that an earlier send met a closed port; other peers must not suffer from it.
        this.#counters.receiveErrors++;
        if (++this.#failuresInARow % FAILURES_BEFORE_PAUSE === 0) {
          await systemClock.sleep(1).done;
        }
      }
    }
    return null;
  }

  /** See {@linkcode DatagramSocket.receiveArrived}. */
  receiveArrived(take: (bytes: Uint8Array, from: Address) => void): number {
    const batch = this.#tuning?.batch;
    if (this.#closed || this.#tuning === null || !batch) return 0;
    const count = this.#tuning.receiveArrived();
    for (let i = 0; i < count; i++) {
      const bytes = batch.bytes(i);
      if (bytes.length > 0) take(bytes, this.#sender(batch.sender(i)));
    }
    return count;
  }

  /** See {@linkcode DatagramSocket.send}. */
  async send(bytes: Uint8Array, segmentBytes: number, to: Address): Promise<SendOutcome> {
    if (!(segmentBytes >= 1)) {
      throw new RangeError(`Cannot send packets of ${segmentBytes} bytes: expected 1 or more`);
    }
    const target = this.#target(to);
    if (target === null) return "refused";
    // Deno may put a send off to a later turn, and the segment size that holds then decides.
    while (this.#sending) {
      await new Promise<void>((resolve) => this.#waitingToSend.push(resolve));
    }
    this.#sending = true;
    try {
      return this.#capabilities.segmentationOffload && bytes.length > segmentBytes
        ? await this.#sendCoalesced(bytes, segmentBytes, target)
        : await this.#sendSingly(bytes, segmentBytes, target);
    } finally {
      this.#sending = false;
      this.#waitingToSend.shift()?.();
    }
  }

  /** See {@linkcode DatagramSocket.turn}. */
  async turn(atMostMs = 0): Promise<void> {
    if (!this.#receiving) return await systemClock.yieldTurn();
    const arrival = this.#arrival ??= Promise.withResolvers();
    const sleepUs = Math.min(1000 * atMostMs - WAKE_UP_US, LONGEST_BLOCK_US);
    const isReadable = this.waitReadable(Math.max(0, sleepUs)) ?? await this.#hasPinged();
    if (!isReadable) return await systemClock.yieldTurn();
    // Only when there is nothing left to do does Deno look at its sockets, and then at once (9 µs).
    const limit = systemClock.sleep(2);
    await Promise.race([arrival.promise, limit.done]);
    limit.cancel();
  }

  /** See {@linkcode DatagramSocket.waitReadable}. */
  waitReadable(timeoutUs: number): boolean | undefined {
    return this.#closed ? undefined : this.#tuning?.waitReadable(timeoutUs);
  }

  /** See {@linkcode DatagramSocket.pause}. */
  pause(durationUs: number): void {
    if (!this.#closed) this.#tuning?.pause(durationUs);
  }

  /** See {@linkcode DatagramSocket.setFilter}. */
  setFilter(program: Uint8Array | null): boolean {
    return !this.#closed && (this.#tuning?.setFilter(program) ?? false);
  }

  /** See {@linkcode DatagramSocket.close}. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#tuning?.close();
    this.#connection.close();
  }

  #announceArrival(): void {
    this.#arrival?.resolve();
    this.#arrival = null;
  }

  /**
   * Sends an empty datagram to itself, so that there is something to read for sure.
   *
   * The way to make Deno look at its sockets without FFI. It costs 10 µs: not more often than every 0.1 ms.
   */
  async #hasPinged(): Promise<boolean> {
    const nowMs = systemClock.nowMs();
    if (nowMs - this.#lookedMs < PING_INTERVAL_MS) return false;
    this.#lookedMs = nowMs;
    if (this.#self === undefined) this.#self = ownAddress(this.address);
    if (this.#self === null) return false;
    if (await this.#trySend(EMPTY, this.#self) === null) return true;
    this.#self = null;
    return false;
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
    if (batch.length <= segmentBytes || !this.#capabilities.segmentationOffload) {
      return await this.#sendSingly(batch, segmentBytes, target);
    }
    if (!this.#setSegmentBytes(segmentBytes)) {
      this.#capabilities.segmentationOffload = false;
      return await this.#sendSingly(batch, segmentBytes, target);
    }
    const error = await this.#trySend(batch, target);
    if (error === null) return "sent";
    if (!mayBlameOffload(error)) return this.#outcomeOf(error);
    // The same codes also mean a packet above the MTU or an unreachable address: single packets tell.
    this.#setSegmentBytes(0);
    const outcome = await this.#sendSingly(batch, segmentBytes, target);
    if (outcome === "sent") this.#capabilities.segmentationOffload = false;
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
    let error = await this.#trySend(packet, target);
    if (error !== null && this.#segmentBytes > 0 && mayBlameOffload(error)) {
      // Kernels before 6.14 compare the segment size with the MTU even when nothing has to be cut.
      this.#setSegmentBytes(0);
      error = await this.#trySend(packet, target);
    }
    return error === null ? "sent" : this.#outcomeOf(error);
  }

  /** What the system threw, or null. */
  async #trySend(bytes: Uint8Array, target: Deno.NetAddr): Promise<unknown> {
    try {
      await this.#connection.send(bytes, target);
      return null;
    } catch (error) {
      return error ?? new Error("Nothing was thrown");
    }
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
    this.#counters.sendErrors++;
    return "lost";
  }

  #sender({ hostname, port }: Address): Address {
    if (port !== this.#lastFrom.port || hostname !== this.#lastRawHostname) {
      this.#lastRawHostname = hostname;
      this.#lastFrom = { hostname: withoutIpv4Prefix(hostname), port };
    }
    return this.#lastFrom;
  }

  /** Deno's form of an address, or null when no datagram can be sent there. */
  #target(to: Address): Deno.NetAddr | null {
    const last = this.#lastTo;
    if (to.port === last.port && to.hostname === last.hostname) return this.#lastTarget;
    const isIpv6 = to.hostname.includes(":");
    if (!isIpv6 && !IPV4_LITERAL.test(to.hostname)) {
      // Deno would ask the name server once per packet.
      throw new TypeError(`Cannot send to "${to.hostname}": expected a literal address`);
    }
    if (!Number.isInteger(to.port) || to.port < 1 || to.port > 65_535) return null;
    const hostname = this.#isDualStack && !isIpv6 ? IPV4_PREFIX + to.hostname : to.hostname;
    this.#lastTo = { hostname: to.hostname, port: to.port };
    return this.#lastTarget = { transport: "udp", hostname, port: to.port };
  }
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

const LARGEST_RECEIVE_BYTES = 65_536;

/** UDP over IPv4: 65,535 less 20 and 8 bytes of headers. */
const LARGEST_SEND_BYTES = 65_507;

/** UDP_MAX_SEGMENTS in Linux; newer kernels allow 128. */
const MAX_SEGMENTS = 64;

/** After so many failures a receive loop would be a busy loop. */
const FAILURES_BEFORE_PAUSE = 100;

/** How late a blocked thread wakes up, typically. */
const WAKE_UP_US = 40;

/** Other work of this thread has to wait meanwhile. */
const LONGEST_BLOCK_US = 500;

const PING_INTERVAL_MS = 0.1;

const EMPTY = new Uint8Array(0);

const IPV4_PREFIX = "::ffff:";
const IPV4_LITERAL = /^\d{1,3}(?:\.\d{1,3}){3}$/;

function bind({ hostname, port }: UdpSocketOptions): Deno.DatagramConn {
  if (Deno.listenDatagram === undefined) {
    throw new SocketError(
      "unavailable",
      "Cannot open a UDP socket: Deno.listenDatagram is missing; run with the deno.json of Ferry " +
        "(without --no-config), or with --unstable-net",
    );
  }
  try {
    // Never with reuseAddress: a second program could then take the port over.
    return Deno.listenDatagram({ transport: "udp", hostname, port });
  } catch (cause) {
    throw socketErrorFrom(cause, `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`);
  }
}

function socketErrorFrom(cause: unknown, where: string): SocketError {
  const action = `Cannot open UDP port "${where}"`;
  if (cause instanceof Deno.errors.AddrInUse) {
    return new SocketError("address-in-use", `${action}: another program is using it`, { cause });
  }
  if (cause instanceof Deno.errors.AddrNotAvailable) {
    const message = `${action}: no interface of this machine has that address`;
    return new SocketError("address-not-available", message, { cause });
  }
  if (cause instanceof Deno.errors.PermissionDenied) {
    const message = `${action}: the system reserves it; choose a port from 1024 up`;
    return new SocketError("permission", message, { cause });
  }
  if (cause instanceof Deno.errors.NotCapable) {
    const message = `${action}: Deno was started without permission; add --allow-net`;
    return new SocketError("not-allowed", message, { cause });
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new SocketError("other", `${action}: ${reason}`, { cause });
}

/** Where a socket bound to `local` reaches itself; null where that needs a permission it does not have. */
function ownAddress({ hostname, port }: Address): Deno.NetAddr | null {
  const literal = hostname === "::" ? "::1" : hostname === "0.0.0.0" ? "127.0.0.1" : hostname;
  const host = literal.includes(":") ? `[${literal}]:${port}` : `${literal}:${port}`;
  if (Deno.permissions.querySync({ name: "net", host }).state !== "granted") return null;
  return { transport: "udp", hostname: literal, port };
}

/** Codes with which kernels and drivers turn offload down. */
function mayBlameOffload(error: unknown): boolean {
  const code = codeOf(error);
  return code === "EIO" || code === "EINVAL" || code === "EMSGSIZE";
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function withoutIpv4Prefix(hostname: string): string {
  const tail = hostname.startsWith(IPV4_PREFIX) ? hostname.slice(IPV4_PREFIX.length) : "";
  return IPV4_LITERAL.test(tail) ? tail : hostname;
}

function usualReceiveBufferBytes(): number {
  switch (Deno.build.os) {
    case "windows":
      return 65_536;
    case "darwin":
      return 786_896;
    default:
      return 212_992;
  }
}
