/**
 * CUBIC with HyStart++: the reference that most of the internet runs.
 * RFC 9438, RFC 9406; in bytes, paced, with undo of spurious reductions (RFC 9438 §4.9).
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
import { HyStart } from "./parts/hystart.ts";
import { RecoveryPeriod } from "./parts/recovery_period.ts";
import {
  initialWindowBytes,
  minimumWindowBytes,
  pacingQuantumBytes,
  windowPacingRate,
} from "./parts/window_rules.ts";

/** Aggressiveness, packets per second³. RFC 9438 §5.1. */
const CUBIC_C = 0.4;
/** Window left after a loss. RFC 9438 §4.6. */
const CUBIC_BETA = 0.7;
/** Additive increase that competes fairly with Reno at this β. RFC 9438 §4.3. */
const RENO_ALPHA = 3 * (1 - CUBIC_BETA) / (1 + CUBIC_BETA);

class Cubic implements CongestionController {
  readonly name = "cubic";
  readonly bandwidthBytesPerSecond = NaN;
  readonly fillingBytes = NaN;
  windowBytes: number;
  pacingRateBytesPerSecond = 0;
  sendQuantumBytes = 0;

  #maxDatagramBytes: number;
  #slowStartThresholdBytes = Infinity;
  readonly #hyStart = new HyStart();
  readonly #recovery = new RecoveryPeriod();
  #smoothedRttMs = NaN;
  #lastAckAtMs = NaN;

  // The cubic curve: where it began, its plateau and how long until it is reached.
  #epochStartMs = NaN;
  #plateauBytes = 0;
  #plateauDelaySeconds = 0;
  #renoWindowBytes = 0;
  #windowAtEpochBytes = 0;
  /** Window before the newest reduction, for fast convergence and for Reno's pace. */
  #previousWindowBytes = 0;

  // The reduction that may still be undone.
  #undoWindowBytes = 0;
  #undoThresholdBytes = 0;
  #undoPlateauBytes = 0;
  #undoPreviousWindowBytes = 0;

  constructor(options: ControllerOptions) {
    this.#maxDatagramBytes = options.maxDatagramBytes;
    this.windowBytes = initialWindowBytes(options.maxDatagramBytes);
    this.#updatePacing();
  }

  get stateName(): string {
    if (this.#recovery.isRunning) return "recovery";
    if (this.windowBytes >= this.#slowStartThresholdBytes) return "avoidance";
    return this.#hyStart.isConservative ? "conservative-slow-start" : "slow-start";
  }

  get isBoundByLoss(): boolean {
    return this.#slowStartThresholdBytes < Infinity;
  }

  onPacketSent(): void {}

  onAck(sample: AckSample): void {
    this.#smoothedRttMs = sample.smoothedRttMs;
    const sinceLastAckMs = sample.nowMs - this.#lastAckAtMs;
    this.#lastAckAtMs = sample.nowMs;
    if (this.#recovery.onAck(sample)) {
      if (this.windowBytes < this.#slowStartThresholdBytes) {
        this.#slowStart(sample);
      } else if (sample.isWindowLimited) {
        this.#avoidCongestion(sample);
      } else if (sinceLastAckMs > 0) {
        // Time that the application wasted must not let the curve run ahead. RFC 9438 §5.8.
        this.#epochStartMs += sinceLastAckMs;
      }
    }
    this.#updatePacing();
  }

  onLoss(sample: LossSample): void {
    if (!this.#recovery.onLoss(sample)) return;
    this.#undoWindowBytes = this.windowBytes;
    this.#undoThresholdBytes = this.#slowStartThresholdBytes;
    this.#undoPlateauBytes = this.#plateauBytes;
    this.#undoPreviousWindowBytes = this.#previousWindowBytes;

    // A window below the last plateau: a new flow wants room, so leave it some. RFC 9438 §4.7.
    this.#plateauBytes = this.windowBytes < this.#plateauBytes
      ? this.windowBytes * (1 + CUBIC_BETA) / 2
      : this.windowBytes;
    this.#previousWindowBytes = this.windowBytes;
    this.windowBytes = Math.max(
      this.windowBytes * CUBIC_BETA,
      minimumWindowBytes(this.#maxDatagramBytes),
    );
    this.#slowStartThresholdBytes = this.windowBytes;
    this.#epochStartMs = NaN;
    this.#updatePacing();
  }

  onSpuriousLoss(packetCount: number): void {
    if (!this.#recovery.onSpuriousLoss(packetCount)) return;
    if (this.windowBytes < this.#undoWindowBytes) {
      this.windowBytes = this.#undoWindowBytes;
      this.#slowStartThresholdBytes = this.#undoThresholdBytes;
      this.#plateauBytes = this.#undoPlateauBytes;
      this.#previousWindowBytes = this.#undoPreviousWindowBytes;
      this.#epochStartMs = NaN;
    }
    this.#updatePacing();
  }

  onPersistentCongestion(): void {
    this.#plateauBytes = this.windowBytes;
    this.#slowStartThresholdBytes = Math.max(
      this.windowBytes * CUBIC_BETA,
      minimumWindowBytes(this.#maxDatagramBytes),
    );
    this.windowBytes = minimumWindowBytes(this.#maxDatagramBytes);
    this.#recovery.forget();
    this.#epochStartMs = NaN;
    this.#updatePacing();
  }

  onBlackoutEnd(): void {
    const initial = initialWindowBytes(this.#maxDatagramBytes);
    this.#slowStartThresholdBytes = Math.max(this.windowBytes, initial);
    this.windowBytes = Math.min(this.windowBytes, initial);
    this.#recovery.keep();
    this.#epochStartMs = NaN;
    this.#updatePacing();
  }

  onAppLimited(): void {}

  onMaxDatagramChanged(maxDatagramBytes: number): void {
    this.#maxDatagramBytes = maxDatagramBytes;
    this.windowBytes = Math.max(this.windowBytes, minimumWindowBytes(maxDatagramBytes));
    this.#updatePacing();
  }

  #slowStart(sample: AckSample): void {
    this.#hyStart.onAck(sample);
    if (sample.isWindowLimited) {
      this.windowBytes += sample.ackedBytes / this.#hyStart.growthDivisor;
    }
    if (this.#hyStart.isOver) this.#slowStartThresholdBytes = this.windowBytes;
  }

  #avoidCongestion(sample: AckSample): void {
    const mss = this.#maxDatagramBytes;
    if (!(this.#epochStartMs === this.#epochStartMs)) this.#beginEpoch(sample.nowMs);
    const rttSeconds = sample.smoothedRttMs / 1000;
    const sinceEpochSeconds = (sample.nowMs - this.#epochStartMs) / 1000;

    const alpha = this.#renoWindowBytes >= this.#previousWindowBytes ? 1 : RENO_ALPHA;
    this.#renoWindowBytes += alpha * mss * sample.ackedBytes / this.windowBytes;

    const now = this.#curve(sinceEpochSeconds);
    if (now < this.#renoWindowBytes) {
      if (this.windowBytes < this.#renoWindowBytes) this.windowBytes = this.#renoWindowBytes;
      return;
    }
    // Aim at the curve one RTT ahead, no further than 1.5 windows. RFC 9438 §4.2, §4.4.
    let target = this.#curve(sinceEpochSeconds + rttSeconds);
    if (target > 1.5 * this.windowBytes) target = 1.5 * this.windowBytes;
    if (target > this.windowBytes) {
      this.windowBytes += (target - this.windowBytes) * sample.ackedBytes / this.windowBytes;
    }
  }

  #beginEpoch(nowMs: number): void {
    this.#epochStartMs = nowMs;
    this.#windowAtEpochBytes = this.windowBytes;
    this.#renoWindowBytes = this.windowBytes;
    if (this.#plateauBytes < this.windowBytes) this.#plateauBytes = this.windowBytes;
    const packetsToPlateau = (this.#plateauBytes - this.#windowAtEpochBytes) /
      this.#maxDatagramBytes;
    this.#plateauDelaySeconds = Math.cbrt(packetsToPlateau / CUBIC_C);
  }

  #curve(sinceEpochSeconds: number): number {
    const t = sinceEpochSeconds - this.#plateauDelaySeconds;
    return this.#plateauBytes + CUBIC_C * t * t * t * this.#maxDatagramBytes;
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

/** CUBIC, RFC 9438, with HyStart++, RFC 9406. */
export const congestionController = {
  name: "cubic",
  create: (options: ControllerOptions): CongestionController => new Cubic(options),
} satisfies CongestionControllerFactory;
