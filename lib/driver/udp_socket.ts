/**
 * The only UDP socket in Ferry: one Deno datagram socket with its odd corners rounded off.
 *
 * @module
 */
import { AddressForms } from "./address_forms.ts";
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
import { SegmentedSender } from "./segmented_sender.ts";
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
  readonly #addresses: AddressForms;
  readonly #sender: SegmentedSender;
  readonly #capabilities: SocketCapabilities;
  readonly #counters: SocketCounters & { receiveErrors: number };
  readonly #received: Writable<Received>;
  #closed = false;

  /** Whether a `receive()` waits, so that something can arrive. */
  #receiving = false;
  #arrival: PromiseWithResolvers<void> | null = null;
  #failuresInARow = 0;
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
    this.#received = { bytes: EMPTY, from: this.address };
    const addresses = new AddressForms(hostname);
    const sender = new SegmentedSender(connection, tuning, addresses);
    this.#addresses = addresses;
    this.#sender = sender;
    this.#capabilities = {
      get segmentationOffload() {
        return sender.usesOffload;
      },
      receiveOffload: tuning?.receiveOffload ?? false,
      batchReceive: tuning !== null && tuning.batch !== null,
      dontFragment: tuning?.dontFragment ?? false,
      receiveBufferBytes: tuning?.receiveBufferBytes ?? usualReceiveBufferBytes(),
    };
    this.#counters = {
      receiveErrors: 0,
      get sendErrors() {
        return sender.errors;
      },
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
        this.#received.from = this.#addresses.sender(from as Deno.NetAddr);
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
      if (bytes.length > 0) take(bytes, this.#addresses.sender(batch.sender(i)));
    }
    return count;
  }

  /** See {@linkcode DatagramSocket.send}. */
  send(bytes: Uint8Array, segmentBytes: number, to: Address): Promise<SendOutcome> {
    return this.#sender.send(bytes, segmentBytes, to);
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
    this.#sender.close();
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
    if (await this.#sender.trySend(EMPTY, this.#self) === null) return true;
    this.#self = null;
    return false;
  }
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

const LARGEST_RECEIVE_BYTES = 65_536;

/** After so many failures a receive loop would be a busy loop. */
const FAILURES_BEFORE_PAUSE = 100;

/** How late a blocked thread wakes up, typically. */
const WAKE_UP_US = 40;

/** Other work of this thread has to wait meanwhile. */
const LONGEST_BLOCK_US = 500;

const PING_INTERVAL_MS = 0.1;

const EMPTY = new Uint8Array(0);

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
    const message = `${action}: Deno was started without permission for it; ` +
      "add --allow-net (or, where it has a list of addresses, this one)";
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
