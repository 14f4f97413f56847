/**
 * Frames for the next packet alone: when it is lost, nobody sends them again. RFC 9000 §13.3.
 *
 * @module
 */
import type { TransientFrame } from "../wire/frame.ts";

/** Challenges of the peer that wait for their answer; older ones are forgotten. RFC 9000 §21.9. */
const MAX_PATH_RESPONSES = 4;

/** PING and PATH_RESPONSE frames that the next packet takes along. */
export class TransientFrames {
  /** The frames, oldest first; one array for the connection's life. */
  readonly frames: TransientFrame[] = [];

  /** Asks the peer for a sign of life. */
  pushPing(): void {
    if (!this.frames.some(({ kind }) => kind === "ping")) this.frames.push({ kind: "ping" });
  }

  /** Answers a challenge of the peer. */
  pushPathResponse(token: Uint8Array): void {
    const responses = this.frames.filter(({ kind }) => kind === "path-response");
    if (responses.length >= MAX_PATH_RESPONSES) {
      this.frames.splice(this.frames.indexOf(responses[0]!), 1);
    }
    this.frames.push({ kind: "path-response", token });
  }

  /** A packet has taken them all. */
  onWritten(): void {
    if (this.frames.length > 0) this.frames.length = 0;
  }
}
