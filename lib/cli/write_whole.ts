/**
 * Writing to stdout and stderr, also where another program has made them non-blocking.
 *
 * @module
 */

/** Stdout or stderr. */
export interface OutputStream {
  /** Writes some of it; returns how much. */
  writeSync(bytes: Uint8Array): number;
}

/** A pipe takes so much whole or not at all (POSIX: PIPE_BUF is at least 512, on Linux 4096). */
const ATOMIC_BYTES = Deno.build.os === "linux" ? 4096 : 512;
/** Less than this, without an end of line, is kept by a stream that is line-buffered, and counts as written. */
const KEPT_BYTES = 500;
/** How often a reader that does not keep up is looked after. */
const READER_WAIT_MS = 5;

const NEWLINE = 0x0A;
const NOTHING = new Uint8Array(0);

/**
 * Writes all of it, and waits for a reader that does not keep up, as a pipe does by itself that blocks.
 *
 * Of more than a pipe takes at once a part may go out before it is full, and the runtime does not say how much:
 * so it goes in pieces that are taken whole or not at all, each the end of a line where there is one.
 *
 * @param isLineBuffered As the runtime's stdout is, and its stderr is not.
 */
export function writeWhole(
  stream: OutputStream,
  bytes: Uint8Array,
  { isLineBuffered }: { isLineBuffered: boolean },
): void {
  for (let start = 0; start < bytes.length;) {
    const newline = bytes.subarray(start, start + ATOMIC_BYTES).lastIndexOf(NEWLINE);
    const end = start + (newline < 0 ? KEPT_BYTES : newline + 1);
    const isKept = isLineBuffered && newline < 0;
    writePiece(stream, bytes.subarray(start, end), isKept);
    start = end;
  }
}

function writePiece(stream: OutputStream, piece: Uint8Array, isKept: boolean): void {
  let rest = piece;
  for (;;) {
    try {
      rest = rest.subarray(stream.writeSync(rest));
      if (rest.length === 0) return;
    } catch (error) {
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, READER_WAIT_MS);
      // To write nothing is to try again with what is kept.
      if (isKept) rest = NOTHING;
    }
  }
}
