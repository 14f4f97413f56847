import type { DiskDirectory } from "./disk.ts";

interface Round {
  /** The flush that is under way. */
  running: Promise<void>;
  /** The one that starts when it ends, for whoever came too late for it. */
  next: Promise<void> | null;
}

/** Flushes one directory. */
export type DirectoryFlush = (directory: DiskDirectory) => Promise<void>;

/**
 * Flushes directories on behalf of many: changes made while one flush runs share the next one.
 *
 * With 32 small files committed at a time, this is one directory flush for about 30 of them.
 */
export class DirectorySync {
  readonly #flush: DirectoryFlush;
  readonly #rounds = new Map<string, Round>();

  /** Flushes each directory by itself unless told better. */
  constructor(flush: DirectoryFlush = (directory) => directory.sync()) {
    this.#flush = flush;
  }

  /**
   * Resolves when every name changed before the call is on stable storage.
   *
   * The directory must stay open until then. When a flush fails that runs at the call, this rejects as well: the
   * change may be among what was lost, and the next flush would not tell.
   */
  async sync(directory: DiskDirectory): Promise<void> {
    const { nodeId } = await directory.identity();
    const round = this.#rounds.get(nodeId);
    if (round === undefined) return await this.#start(nodeId, directory);
    // A flush that already runs may have missed the caller's change.
    round.next ??= round.running.then(() => this.#start(nodeId, directory));
    await round.next;
  }

  #start(nodeId: string, directory: DiskDirectory): Promise<void> {
    const round: Round = { running: this.#flush(directory), next: null };
    this.#rounds.set(nodeId, round);
    return round.running.then(() => {
      if (round.next === null) this.#rounds.delete(nodeId);
    }, (error) => {
      this.#rounds.delete(nodeId);
      throw error;
    });
  }
}
