/**
 * Things that take turns, each in the queue at most once.
 *
 * @module
 */

/** A queue whose first item has the turn. */
export class TurnQueue<T> {
  readonly #items: T[] = [];
  readonly #members = new Set<T>();

  /** Whose turn it is; undefined when nobody waits. */
  get first(): T | undefined {
    return this.#items[0];
  }

  /** Puts an item last, unless it waits already. */
  add(item: T): void {
    if (this.#members.has(item)) return;
    this.#members.add(item);
    this.#items.push(item);
  }

  /** The first one has had its turn and goes behind the others. */
  rotate(): void {
    if (this.#items.length > 1) this.#items.push(this.#items.shift()!);
  }

  /** The first one wants no more turns. */
  dropFirst(): void {
    const item = this.#items.shift();
    if (item !== undefined) this.#members.delete(item);
  }
}
