/**
 * `get` and `put` as one table, because every test of moving a file is a test of both.
 *
 * @module
 */
import {
  download,
  type TransferOptions,
  type TransferResult,
  upload,
} from "../../lib/operations/mod.ts";
import type { Direction, StreamPairOptions } from "../support/stream_pair.ts";
import { path, type Service, type Side, withService } from "./service.ts";

/** One of the two commands. */
export interface Move {
  readonly command: "get" | "put";
  /** What the server's log calls it. */
  readonly direction: "send" | "receive";
  /** Which way the bytes of the file go on the stream. */
  readonly dataDirection: Direction;
  source(service: Service): Side;
  target(service: Service): Side;
  /** Moves `a.bin` to `a.bin`. */
  move(service: Service, options?: Partial<TransferOptions>): Promise<TransferResult>;
}

/** Both. */
export const MOVES: readonly Move[] = [
  {
    command: "get",
    direction: "send",
    dataDirection: "to-opener",
    source: ({ server }) => server,
    target: ({ client }) => client,
    move: ({ caller, client }, options = {}) =>
      download(caller, path("a.bin"), { root: client.root, path: path("a.bin") }, {
        exists: "overwrite",
        ...options,
      }),
  },
  {
    command: "put",
    direction: "receive",
    dataDirection: "from-opener",
    source: ({ client }) => client,
    target: ({ server }) => server,
    move: ({ caller, client }, options = {}) =>
      upload(caller, { root: client.root, path: path("a.bin") }, path("a.bin"), {
        exists: "overwrite",
        ...options,
      }),
  },
];

/** How many bytes precede those of the file on the stream of a fresh transfer. */
export async function headerBytes(
  { source, move, dataDirection }: Move,
  size: number,
): Promise<number> {
  let total = 0;
  const onBytes: StreamPairOptions["onBytes"] = (bytes, { direction }) => {
    if (direction === dataDirection) total += bytes.length;
  };
  await withService({ streams: { onBytes } }, async (service) => {
    await source(service).write("a.bin", new Uint8Array(size));
    await move(service);
  });
  // The root follows.
  return total - size - 32;
}

/** The word for how a transfer failed, whichever error says it. */
export function failureWord(error: unknown): string {
  const { kind, status } = error as { kind?: string; status?: string };
  return kind ?? status ?? String(error);
}
