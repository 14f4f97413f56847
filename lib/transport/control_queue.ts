/**
 * Control frames that wait for a packet, and those that travel in packets not yet acknowledged.
 *
 * @module
 */
import type { ControlFrame } from "../wire/frame.ts";

/** Frames to send, and what became of them. */
export class ControlQueue {
  #waiting: ControlFrame[] = [];
  #inFlight = new Map<number, ControlFrame[]>();

  /** True when a frame waits. */
  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** The frame that goes next, or undefined. */
  get next(): ControlFrame | undefined {
    return this.#waiting[0];
  }

  /** Frames that wait, and those in packets whose fate is unknown. */
  get size(): number {
    let size = this.#waiting.length;
    for (const frames of this.#inFlight.values()) size += frames.length;
    return size;
  }

  /**
   * Queues a frame; one that is still waiting and means the same is replaced by the newer one. So what
   * waits is bounded by the number of streams, whatever the peer asks for.
   */
  push(frame: ControlFrame): void {
    const index = this.#waiting.findIndex((other) => isSuperseded(other, frame));
    if (index < 0) this.#waiting.push(frame);
    else if (!isOlder(frame, this.#waiting[index]!)) this.#waiting[index] = frame;
  }

  /** The frame `next` was written into this packet. */
  onWritten(packetNumber: number): void {
    const frame = this.#waiting.shift()!;
    const frames = this.#inFlight.get(packetNumber);
    if (frames === undefined) this.#inFlight.set(packetNumber, [frame]);
    else frames.push(frame);
  }

  /** Takes the frames that travelled in a packet out of the books. */
  take(packetNumber: number): readonly ControlFrame[] {
    const frames = this.#inFlight.get(packetNumber);
    if (frames === undefined) return NONE;
    this.#inFlight.delete(packetNumber);
    return frames;
  }

  /** The frames in a packet that is still in flight. */
  peek(packetNumber: number): readonly ControlFrame[] {
    return this.#inFlight.get(packetNumber) ?? NONE;
  }
}

const NONE: readonly ControlFrame[] = [];

function isSuperseded(old: ControlFrame, frame: ControlFrame): boolean {
  if (old.kind !== frame.kind) return false;
  return !("streamId" in old) || !("streamId" in frame) || old.streamId === frame.streamId;
}

/** True for a frame that was lost and comes back while its successor is waiting. */
function isOlder(frame: ControlFrame, other: ControlFrame): boolean {
  if ("limit" in frame && "limit" in other) return frame.limit < other.limit;
  if ("sequence" in frame && "sequence" in other) return frame.sequence < other.sequence;
  return false;
}
