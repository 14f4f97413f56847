/**
 * Which connections have to be looked at in each turn: those that did something lately, or are about to.
 *
 * The others, idle clients of a busy server, have deadlines that lie some way off and do not move as
 * long as nobody touches them. Asking each of 900 after every batch of the one that transfers took two
 * thirds more processor time.
 *
 * @module
 */

/** A connection with a deadline this near is looked at in each turn. */
const NEAR_MS = 1000;

/** What is watched: a connection. */
export interface Watched {
  /** When it has something to do; it moves only while the connection is touched. */
  readonly deadlineMs: number;
}

/** Tells apart the connections that are busy, or will be soon, and the rest. */
export class ConnectionWatch<T extends Watched> {
  readonly #near = new Set<T>();
  /** The earliest deadline of those that are not near. */
  #farMs = Infinity;
  #sortedAtMs = -Infinity;

  /** Those that may have something to do soon. */
  get near(): ReadonlySet<T> {
    return this.#near;
  }

  /** Something happened on a connection: its deadline may have moved. */
  onTouched(connection: T): void {
    this.#near.add(connection);
  }

  /** A connection is gone, and its deadline with it. */
  remove(connection: T): void {
    this.#near.delete(connection);
    this.#sortedAtMs = -Infinity;
  }

  /** The earliest deadline of all connections. */
  nextDeadlineMs(): number {
    let earliestMs = this.#farMs;
    for (const { deadlineMs } of this.#near) if (deadlineMs < earliestMs) earliestMs = deadlineMs;
    return earliestMs;
  }

  /** Tells near and far ones apart again when one of the far may be due, or after a while. */
  sort(all: Iterable<T>, nowMs: number): void {
    if (nowMs < this.#farMs && nowMs < this.#sortedAtMs + NEAR_MS) return;
    this.#sortedAtMs = nowMs;
    this.#farMs = Infinity;
    this.#near.clear();
    for (const connection of all) {
      const { deadlineMs } = connection;
      // One without any deadline has ended and waits to be taken away.
      if (deadlineMs < nowMs + NEAR_MS || deadlineMs === Infinity) this.#near.add(connection);
      else if (deadlineMs < this.#farMs) this.#farMs = deadlineMs;
    }
  }
}
