/**
 * The yardstick: the plainest file copy over Deno's own QUIC, or over its TCP, as two processes.
 *
 * A client asks for ranges of files, each on a stream of its own (over TCP: a connection of its
 * own), and writes what comes. No resume, no hash, no fsync. Speaks the event lines of the real
 * programs. The server ends when its standard input does.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- a program of its own: the lines are its interface
import { ensureDir } from "@std/fs";
import { dirname, join } from "@std/path";

/** What one stream asks for. */
export interface RangeRequest {
  readonly name: string;
  readonly offset: number;
  readonly length: number;
}

/** What a side is told when it starts, as JSON in its only argument. */
export type YardstickOrder =
  & { readonly transport: "quic" | "tcp"; readonly host: string; readonly directory: string }
  & { readonly congestionControl: "default" | "low-latency" }
  & ({
    readonly side: "server";
    readonly certificate: string;
    readonly key: string;
  } | {
    readonly side: "client";
    readonly port: number;
    readonly authority: string;
    /** Streams open at the same time. */
    readonly streams: number;
    readonly requests: readonly RangeRequest[];
  });

interface Duplex {
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly writable: WritableStream<Uint8Array>;
}

const BLOCK_BYTES = 256 * 1024;
const ALPN = ["yardstick"];

async function serve(order: YardstickOrder & { side: "server" }): Promise<void> {
  const answerAll = async (streams: AsyncIterable<Duplex>) => {
    for await (const stream of streams) {
      void answer(stream, order.directory).catch((error) => console.error(error));
    }
  };
  if (order.transport === "tcp") {
    const listener = Deno.listen({ hostname: order.host, port: 0 });
    say({ event: "listening", port: listener.addr.port });
    await answerAll(listener);
    return;
  }
  const endpoint = new Deno.QuicEndpoint({ hostname: order.host, port: 0 });
  const listener = endpoint.listen({
    alpnProtocols: ALPN,
    cert: order.certificate,
    key: order.key,
    maxConcurrentBidirectionalStreams: 256,
    congestionControl: order.congestionControl,
  });
  say({ event: "listening", port: endpoint.addr.port });
  for await (const incoming of listener) {
    const connection = await incoming.accept();
    void answerAll(connection.incomingBidirectionalStreams).catch(() => {});
  }
}

async function answer({ readable, writable }: Duplex, directory: string): Promise<void> {
  const reader = readable.getReader();
  let text = "";
  while (!text.endsWith("\n")) {
    const { value, done } = await reader.read();
    if (done) return;
    text += new TextDecoder().decode(value);
  }
  const { name, offset, length } = JSON.parse(text) as RangeRequest;
  using file = await Deno.open(join(directory, name));
  await file.seek(offset, Deno.SeekMode.Start);
  const writer = writable.getWriter();
  for (let left = length; left > 0;) {
    const block = new Uint8Array(Math.min(BLOCK_BYTES, left));
    const count = file.readSync(block);
    if (count === null) break;
    await writer.write(block.subarray(0, count));
    left -= count;
  }
  await writer.close();
  // The stream counts as open until the client's end of it has been read as well.
  while (!(await reader.read()).done);
}

async function fetchAll(order: YardstickOrder & { side: "client" }): Promise<void> {
  const openStream = await connect(order);
  say({ event: "connected" });
  const startMs = performance.now();
  const requests = order.requests.values();
  let bytes = 0;
  const fetchInTurn = async () => {
    for (const request of requests) {
      const fetched = await fetchRange(await openStream(), request, order);
      bytes += fetched;
    }
  };
  await Promise.all(Array.from({ length: order.streams }, fetchInTurn));
  const seconds = (performance.now() - startMs) / 1000;
  say({ event: "transfer", bytes, seconds, ok: true });
}

async function connect(
  order: YardstickOrder & { side: "client" },
): Promise<() => Promise<Duplex>> {
  const { host: hostname, port } = order;
  if (order.transport === "tcp") return () => Deno.connect({ hostname, port });
  const connection = await Deno.connectQuic({
    hostname,
    port,
    alpnProtocols: ALPN,
    caCerts: [order.authority],
    congestionControl: order.congestionControl,
  });
  return () => connection.createBidirectionalStream({ waitUntilAvailable: true });
}

async function fetchRange(
  { readable, writable }: Duplex,
  request: RangeRequest,
  order: YardstickOrder,
): Promise<number> {
  const writer = writable.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify(request) + "\n"));
  const path = join(order.directory, request.name);
  await ensureDir(dirname(path));
  using file = await Deno.open(path, { write: true, create: true });
  await file.seek(request.offset, Deno.SeekMode.Start);
  let bytes = 0;
  for await (const chunk of readable) {
    for (let written = 0; written < chunk.length;) {
      written += file.writeSync(chunk.subarray(written));
    }
    bytes += chunk.length;
  }
  await writer.close().catch(() => {});
  return bytes;
}

function say(event: Record<string, unknown>): void {
  console.log(JSON.stringify(event));
}

if (import.meta.main) {
  const order = JSON.parse(Deno.args[0]!) as YardstickOrder;
  if (order.side === "client") {
    await fetchAll(order);
    Deno.exit(0);
  }
  void serve(order).catch((error) => {
    console.error(error);
    Deno.exit(1);
  });
  for await (const _ of Deno.stdin.readable);
  Deno.exit(0);
}
