/**
 * How much of what a server lists a client keeps in memory: a list without end must end before memory does.
 *
 * @module
 */
import { formatRemotePath, type RemotePath } from "../files/mod.ts";
import { RemoteError } from "../request/mod.ts";

/** A good part of what this process may have: some five million entries. */
const MAX_LISTED_BYTES = 1 << 30;
/** What an entry takes beside its name, roughly. */
const ENTRY_BYTES = 128;

/** What may still be listed for one purpose, perhaps in several folders. */
export class ListingBudget {
  #leftBytes: number;

  /** Has room for so many bytes. */
  constructor(bytes: number = MAX_LISTED_BYTES) {
    this.#leftBytes = bytes;
  }

  /**
   * An entry with names of so many characters came, of a listing of `folder`.
   *
   * @throws {RemoteError} `too-large` when there is no room for it.
   */
  take(folder: RemotePath, nameLength: number): void {
    this.#leftBytes -= ENTRY_BYTES + 2 * nameLength;
    if (this.#leftBytes < 0) throw new RemoteError("too-large", formatRemotePath(folder));
  }
}
