/**
 * Sizes that all controllers share: the first window, the smallest one, the burst of the pacer.
 *
 * @module
 */

/**
 * From this round trip on, ms, each one that BBR's startup saves is worth more than the queue it may fill: the
 * window grows as fast as pacing does, 2.77 times a round, instead of doubling.
 */
export const FAST_GROWTH_RTT_MS = 40;

/** Bytes that may be in flight before anything is known. RFC 9002 §7.2. */
export function initialWindowBytes(maxDatagramBytes: number): number {
  return Math.min(10 * maxDatagramBytes, Math.max(14_720, 2 * maxDatagramBytes));
}

/** Fewest bytes that a window may shrink to. RFC 9002 §7.2. */
export function minimumWindowBytes(maxDatagramBytes: number): number {
  return 2 * maxDatagramBytes;
}

/**
 * Pacing of a window over a round trip, bytes per second: double while the window doubles, a quarter more
 * afterwards. Before the first RTT sample a window may leave within a millisecond.
 */
export function windowPacingRate(
  windowBytes: number,
  slowStartThresholdBytes: number,
  smoothedRttMs: number,
): number {
  const rttMs = smoothedRttMs > 0 ? smoothedRttMs : 1;
  const gain = windowBytes < slowStartThresholdBytes ? 2 : 1.25;
  return gain * windowBytes * 1000 / rttMs;
}

/**
 * Burst for a pacing rate: what leaves in two milliseconds, at least two packets, at most 64 KiB
 * (or two packets where those are larger), so that one burst fits any receive buffer.
 */
export function pacingQuantumBytes(
  rateBytesPerSecond: number,
  maxDatagramBytes: number,
): number {
  const smallest = 2 * maxDatagramBytes;
  const largest = smallest > 65_536 ? smallest : 65_536;
  const quantum = rateBytesPerSecond / 500;
  return quantum < smallest ? smallest : quantum > largest ? largest : quantum;
}
