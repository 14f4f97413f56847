/**
 * Whether a stream has stood still for so long that waiting for the peer makes no sense any more.
 *
 * @module
 */
import type { StreamEntry } from "./stream_map.ts";

/** A stream that moved less since the last progress has made none. */
const PROGRESS_BYTES = 1024;
/** Checks without progress that end a stream. */
export const PROGRESS_CHECKS = 6;

/** Looks at a stream once more; true when it has made no progress at so many checks in a row. */
export function hasStalled(entry: StreamEntry): boolean {
  const { send, receive } = entry;
  // A reader that was told of something and has not looked is not the peer's fault.
  const isReading = !receive.isSizeKnown && !receive.isStopped && !entry.isReadableReported &&
    receive.readableBytes === 0;
  const isWaiting = isReading || (!send.isReset && send.unacknowledgedBytes > 0);
  const mark = receive.arrivedBytes + send.acknowledgedBytes;
  if (isWaiting && mark - entry.progressMark < PROGRESS_BYTES) {
    return ++entry.stalledChecks >= PROGRESS_CHECKS;
  }
  entry.progressMark = mark;
  entry.stalledChecks = 0;
  return false;
}
