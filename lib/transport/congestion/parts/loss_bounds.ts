/**
 * What losses have taught about the room on the path, and how to unlearn it.
 *
 * @module
 */

/** Bounds on what may be in flight. draft-ietf-ccwg-bbr §2.10, §5.5.10. */
export class LossBounds {
  /** Room found by probing until it was too much; Infinity when it never was. */
  longTermBytes: number = Infinity;
  /** Room until the next probe, after loss while cruising. */
  shortTermBytes: number = Infinity;
  /** Bandwidth until the next probe, bytes per second. */
  shortTermBandwidth: number = Infinity;

  #lostBytes = 0;
  #lostBytesAtFirst = 0;
  #savedLongTermBytes = Infinity;
  #savedShortTermBytes = Infinity;
  #savedShortTermBandwidth = Infinity;

  /** A reduction was made that has not been undone. */
  get canUndo(): boolean {
    return this.#lostBytes > 0;
  }

  /** Saves the bounds before a reduction that these losses caused. */
  save(lostBytes: number): void {
    this.#lostBytes = lostBytes;
    this.#lostBytesAtFirst = lostBytes;
    this.#savedLongTermBytes = this.longTermBytes;
    this.#savedShortTermBytes = this.shortTermBytes;
    this.#savedShortTermBandwidth = this.shortTermBandwidth;
  }

  /** Takes back losses; true when they were half of those that caused the reduction. */
  onSpuriousLoss(sizeBytes: number): boolean {
    if (this.#lostBytes <= 0) return false;
    this.#lostBytes -= sizeBytes;
    return this.#lostBytes <= this.#lostBytesAtFirst / 2;
  }

  /** Takes the newest reduction back. */
  undo(): void {
    this.#lostBytes = 0;
    this.longTermBytes = Math.max(this.longTermBytes, this.#savedLongTermBytes);
    this.shortTermBytes = Math.max(this.shortTermBytes, this.#savedShortTermBytes);
    this.shortTermBandwidth = Math.max(this.shortTermBandwidth, this.#savedShortTermBandwidth);
  }

  /** The newest reduction has proved right. */
  forgetUndo(): void {
    this.#lostBytes = 0;
  }

  /** A probe begins: what was learned since the last one no longer counts. */
  resetShortTerm(): void {
    this.shortTermBytes = Infinity;
    this.shortTermBandwidth = Infinity;
  }

  /** Forgets the path. */
  reset(): void {
    this.#lostBytes = 0;
    this.longTermBytes = Infinity;
    this.resetShortTerm();
  }
}
