/**
 * A datagram connection and its tuning that fail as they are told, which no kernel does.
 *
 * @module
 */
import type { SocketTuning } from "../../lib/driver/socket_options.ts";
import type { DatagramConnection } from "../../lib/driver/udp_socket.ts";

/** Counts what is sent; fails as told. */
export class FakeConnection implements DatagramConnection {
  readonly addr: Deno.NetAddr = { transport: "udp", hostname: "127.0.0.1", port: 5555 };
  readonly sent: number[] = [];
  attempts = 0;
  failures = 0;
  isSilent = false;
  speak: () => void = () => {};
  from: Deno.NetAddr = { transport: "udp", hostname: "::ffff:198.51.100.7", port: 4000 };
  readonly #codeFor: (length: number) => string | null;
  #closed = false;

  constructor(codeFor: (length: number) => string | null) {
    this.#codeFor = codeFor;
  }

  async send(bytes: Uint8Array): Promise<number> {
    await Promise.resolve();
    this.attempts++;
    const code = this.#codeFor(bytes.length);
    if (code !== null) throw Object.assign(new Error(`Failed with ${code}`), { code });
    this.sent.push(bytes.length);
    return bytes.length;
  }

  async receive(buffer?: Uint8Array): Promise<[Uint8Array<ArrayBuffer>, Deno.Addr]> {
    await Promise.resolve();
    if (this.#closed) throw new Deno.errors.BadResource("Closed");
    if (this.isSilent) await new Promise<void>((resolve) => this.speak = resolve);
    if (this.failures > 0) {
      this.failures--;
      throw new Deno.errors.ConnectionReset("A port was closed");
    }
    return [buffer!.subarray(0, 3) as Uint8Array<ArrayBuffer>, this.from];
  }

  close(): void {
    this.#closed = true;
  }
}

/** Notes how the segment size changes. */
export class FakeTuning implements SocketTuning {
  readonly receiveBufferBytes = 8_388_608;
  readonly dontFragment = true;
  readonly segmentationOffload = true;
  readonly receiveOffload = true;
  readonly changes: number[] = [];
  segmentBytes = 0;
  refuses = false;
  /** Lengths of what was sent past Deno. */
  readonly sentNow: number[] = [];
  /** How many more sends past Deno succeed. */
  sendsNow = 0;

  readonly batch = null;

  receiveArrived(): number {
    return 0;
  }

  setFilter(): boolean {
    return false;
  }

  setSegmentBytes(segmentBytes: number): boolean {
    if (this.refuses) return false;
    this.changes.push(segmentBytes);
    this.segmentBytes = segmentBytes;
    return true;
  }

  encodeAddress({ port }: Deno.NetAddr): Uint8Array<ArrayBuffer> {
    return new Uint8Array([port >> 8, port & 255]);
  }

  sendNow(bytes: Uint8Array): boolean {
    if (this.sendsNow === 0) return false;
    this.sendsNow--;
    this.sentNow.push(bytes.length);
    return true;
  }

  waitReadable(): undefined {}
  pause(): void {}

  close(): void {}
}

/** A packet that carries its own length in its first two bytes, as every packet must. */
export function packet(number: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length).fill(number);
  new DataView(bytes.buffer).setUint16(0, length);
  return bytes;
}
