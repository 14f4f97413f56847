/**
 * NewReno: slow start, additive increase, halving on loss. The simplest reference.
 * RFC 9002 §7 and appendix B, paced, with undo of a reduction that turns out spurious.
 *
 * @module
 */

import type {
  AckSample,
  CongestionController,
  CongestionControllerFactory,
  ControllerOptions,
  LossSample,
} from "./controller.ts";
import { RecoveryPeriod } from "./parts/recovery_period.ts";
import {
  initialWindowBytes,
  minimumWindowBytes,
  pacingQuantumBytes,
  windowPacingRate,
} from "./parts/window_rules.ts";

const LOSS_REDUCTION_FACTOR = 0.5;

class NewReno implements CongestionController {
  readonly name = "new_reno";
  readonly bandwidthBytesPerSecond = NaN;
  readonly fillingBytes = NaN;
  windowBytes: number;
  pacingRateBytesPerSecond = 0;
  sendQuantumBytes = 0;

  #maxDatagramBytes: number;
  #slowStartThresholdBytes = Infinity;
  readonly #recovery = new RecoveryPeriod();
  #ackedBytesCredit = 0;
  #smoothedRttMs = NaN;
  // The reduction that may still be undone: state before it.
  #undoWindowBytes = 0;
  #undoThresholdBytes = 0;

  constructor(options: ControllerOptions) {
    this.#maxDatagramBytes = options.maxDatagramBytes;
    this.windowBytes = initialWindowBytes(options.maxDatagramBytes);
    this.#updatePacing();
  }

  get stateName(): string {
    if (this.#recovery.isRunning) return "recovery";
    return this.windowBytes < this.#slowStartThresholdBytes ? "slow-start" : "avoidance";
  }

  get isBoundByLoss(): boolean {
    return this.#slowStartThresholdBytes < Infinity;
  }

  onPacketSent(): void {}

  onAck(sample: AckSample): void {
    this.#smoothedRttMs = sample.smoothedRttMs;
    if (this.#recovery.onAck(sample)) {
      if (sample.isWindowLimited) this.#grow(sample.ackedBytes);
    }
    this.#updatePacing();
  }

  onLoss(sample: LossSample): void {
    if (!this.#recovery.onLoss(sample)) return;
    this.#undoWindowBytes = this.windowBytes;
    this.#undoThresholdBytes = this.#slowStartThresholdBytes;
    const reduced = this.windowBytes * LOSS_REDUCTION_FACTOR;
    this.windowBytes = Math.max(reduced, minimumWindowBytes(this.#maxDatagramBytes));
    this.#slowStartThresholdBytes = this.windowBytes;
    this.#ackedBytesCredit = 0;
    this.#updatePacing();
  }

  onSpuriousLoss(packetCount: number): void {
    if (!this.#recovery.onSpuriousLoss(packetCount)) return;
    this.windowBytes = Math.max(this.windowBytes, this.#undoWindowBytes);
    this.#slowStartThresholdBytes = this.#undoThresholdBytes;
    this.#updatePacing();
  }

  onPersistentCongestion(): void {
    this.windowBytes = minimumWindowBytes(this.#maxDatagramBytes);
    this.#recovery.forget();
    this.#updatePacing();
  }

  onBlackoutEnd(): void {
    this.#recovery.keep();
    this.#slowStartThresholdBytes = Math.max(
      this.windowBytes,
      initialWindowBytes(this.#maxDatagramBytes),
    );
    this.windowBytes = Math.min(this.windowBytes, initialWindowBytes(this.#maxDatagramBytes));
    this.#updatePacing();
  }

  onAppLimited(): void {}

  onMaxDatagramChanged(maxDatagramBytes: number): void {
    this.#maxDatagramBytes = maxDatagramBytes;
    this.windowBytes = Math.max(this.windowBytes, minimumWindowBytes(maxDatagramBytes));
    this.#updatePacing();
  }

  #grow(ackedBytes: number): void {
    if (this.windowBytes < this.#slowStartThresholdBytes) {
      this.windowBytes += ackedBytes;
      return;
    }
    this.#ackedBytesCredit += ackedBytes;
    if (this.#ackedBytesCredit >= this.windowBytes) {
      this.#ackedBytesCredit -= this.windowBytes;
      this.windowBytes += this.#maxDatagramBytes;
    }
  }

  #updatePacing(): void {
    this.pacingRateBytesPerSecond = windowPacingRate(
      this.windowBytes,
      this.#slowStartThresholdBytes,
      this.#smoothedRttMs,
    );
    this.sendQuantumBytes = pacingQuantumBytes(
      this.pacingRateBytesPerSecond,
      this.#maxDatagramBytes,
    );
  }
}

/** NewReno, RFC 9002 §7. */
export const congestionController = {
  name: "new_reno",
  create: (options: ControllerOptions): CongestionController => new NewReno(options),
} satisfies CongestionControllerFactory;
