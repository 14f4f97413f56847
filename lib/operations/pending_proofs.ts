/**
 * The proofs of one connection that have not ended. A client sends its first requests together with the last
 * message of its proof, so they may be there before it: they wait here for the role that it brings.
 *
 * @module
 */

/** Counts them. */
export class PendingProofs {
  #count = 0;
  #settled = Promise.withResolvers<void>();

  /** Nothing is pending. */
  constructor() {
    this.#settled.resolve();
  }

  /** A proof begins. Call what is returned when it has ended; calling it again changes nothing. */
  begin(): () => void {
    if (this.#count++ === 0) this.#settled = Promise.withResolvers();
    let isPending = true;
    return () => {
      if (!isPending) return;
      isPending = false;
      if (--this.#count === 0) this.#settled.resolve();
    };
  }

  /** Resolves when none is pending. */
  async settled(): Promise<void> {
    while (this.#count > 0) await this.#settled.promise;
  }
}
