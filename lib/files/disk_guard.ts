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
  /** For each disk, bytes that are still to come of files for which room was promised. */
  readonly #promised = new Map<number, number>();
  #lastTurn: Promise<unknown> = Promise.resolve();

  /** Has asked no disk yet. */
  constructor({ isStrict }: DiskGuardOptions) {
    this.isStrict = isStrict;
  }

  /**
   * Better to say at once what would fail after hours: promises room for a file that is about to be received, to
   * be let go of when it has ended. What other programs take meanwhile is found out then.
   *
   * Small files are written without a promise, and do not heed those of others: who only says that a large one
   * will come keeps nobody from sending them.
   *
   * @throws {FileError} `no-space` when so many more bytes do not fit in the disk of a directory, beside what is
   * still to come of other files.
   */
  async promise(directory: DiskDirectory, path: string, bytes: number): Promise<PromisedRoom> {
    const { device } = await directory.identity();
    const space = await directory.space();
    // Nothing is awaited from here on: of two that ask at the same time, the second sees what the first was told.
    const promisedBytes = this.#promised.get(device) ?? 0;
    const room = this.#roomIn(space) - promisedBytes;
    if (bytes > room) throw noSpace(path, bytes - room, promisedBytes);
    return new PromisedRoom(bytes, (change) => {
      this.#promised.set(device, (this.#promised.get(device) ?? 0) + change);
    });
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
    const room = this.#roomIn(await directory.space());
    if (bytes > room) throw noSpace(path, bytes - room);
    return room;
  }

  #roomIn(space: DiskSpace | null): number {
    if (space === null) return Infinity;
    return space.freeBytes - (this.isStrict ? reserveOf(space) : 0);
  }
}

/** Room for what is still to come of one file. */
export class PromisedRoom {
  #bytes = 0;
  readonly #onChange: (change: number) => void;

  /** `onChange` is told of more or fewer bytes. */
  constructor(bytes: number, onChange: (change: number) => void) {
    this.#onChange = onChange;
    this.keep(bytes);
  }

  /** So many bytes are still to come: others have come, or were removed and will come again. */
  keep(bytes: number): void {
    this.#onChange(bytes - this.#bytes);
    this.#bytes = bytes;
  }

  /** Nothing is to come any more. */
  release(): void {
    this.keep(0);
  }
}

function noSpace(path: string, missingBytes: number, promisedBytes = 0): FileError {
  const beside = promisedBytes === 0
    ? ""
    : `, beside ${promisedBytes} that are promised to other transfers`;
  const reason = `${missingBytes} more bytes of space are needed${beside}`;
  return new FileError("no-space", path, { reason });
}

function reserveOf({ totalBytes }: DiskSpace): number {
  return Math.min(Math.ceil(totalBytes * RESERVED_SHARE), RESERVED_BYTES);
}

/** What stays free on a disk that others fill: this share of it, */
const RESERVED_SHARE = 0.05;
/** or so much of a large one. */
const RESERVED_BYTES = 256 * 1024 * 1024;
/** Small files are written without asking for each. */
const UNASKED_BYTES = 16 * 1024 * 1024;
