import type { DiskDirectory, DiskSpace } from "./disk.ts";
import { FileError } from "./file_error.ts";

/** How a {@linkcode DiskGuard} works. */
export interface DiskGuardOptions {
  /** Others than the owner of the disk fill it: a reserve stays free, and what each of them parks is bounded. */
  readonly isStrict: boolean;
}

/** Says no to what a disk has no room for. */
export class DiskGuard {
  /** See {@linkcode DiskGuardOptions.isStrict}. */
  readonly isStrict: boolean;
  /** For each disk, bytes that may be written before it is asked again. */
  readonly #allowances = new Map<number, number>();
  #lastTurn: Promise<unknown> = Promise.resolve();

  /** Has asked no disk yet. */
  constructor({ isStrict }: DiskGuardOptions) {
    this.isStrict = isStrict;
  }

  /**
   * Better to say at once what would fail after hours; what others take meanwhile is found out then.
   *
   * @throws {FileError} `no-space` when so many more bytes do not fit in the disk of a directory.
   */
  async assertFits(directory: DiskDirectory, path: string, bytes: number): Promise<void> {
    await this.#room(directory, path, bytes);
  }

  /**
   * To be asked before each write: several files that fit one by one may not fit together. What others are just
   * writing is not seen: the reserve absorbs it.
   *
   * @throws {FileError} `no-space` when it would take of the reserve.
   */
  async assertMayWrite(directory: DiskDirectory, path: string, bytes: number): Promise<void> {
    if (!this.isStrict) return; // the disk itself says no
    const { device } = await directory.identity();
    const allowed = this.#allowances.get(device) ?? 0;
    if (bytes <= allowed) {
      this.#allowances.set(device, allowed - bytes);
      return;
    }
    const room = await this.#room(directory, path, bytes);
    this.#allowances.set(device, Math.min((room - bytes) / 2, UNASKED_BYTES));
  }

  /**
   * Takes or tries the locks of parts: one after the other, because whether a part is being written is found out
   * by trying its lock, and whoever wants to go on with it just then would take it for busy.
   */
  async inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    if (!this.isStrict) return await work(); // nobody counts parts
    const turn = this.#lastTurn.then(work);
    this.#lastTurn = turn.catch(() => {}); // its caller hears of it
    return await turn;
  }

  async #room(directory: DiskDirectory, path: string, bytes: number): Promise<number> {
    const space = await directory.space();
    const room = space === null ? Infinity : space.freeBytes - this.#reserveOf(space);
    if (bytes <= room) return room;
    const reason = `${bytes - room} more bytes of space are needed`;
    throw new FileError("no-space", path, { reason });
  }

  #reserveOf({ totalBytes }: DiskSpace): number {
    return this.isStrict ? Math.min(Math.ceil(totalBytes * RESERVED_SHARE), RESERVED_BYTES) : 0;
  }
}

/** What stays free on a disk that others fill: this share of it, */
const RESERVED_SHARE = 0.05;
/** or so much of a large one. */
const RESERVED_BYTES = 256 * 1024 * 1024;
/** Small files are written without asking for each. */
const UNASKED_BYTES = 16 * 1024 * 1024;
