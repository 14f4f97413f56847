/**
 * One open file of this machine.
 *
 * @module
 */
import * as fs from "node:fs";
import type { DiskFile, OpenFileOptions, OpenFileStatus, WriteOptions } from "../disk.ts";
import { asPromise, osError, syncDescriptor } from "./system_call.ts";
import { nodeIdOf, openFileStatus } from "./system_status.ts";

/** An open file: small transfers on the thread that asks, large ones on another. */
export class SystemFile implements DiskFile {
  readonly #fd: number;
  readonly #path: string;
  readonly #access: OpenFileOptions["access"];
  #lock: Deno.FsFile | null = null;
  /** The same file as one of Deno's, for large transfers; undefined before the first, null when it cannot be had. */
  #far: Deno.FsFile | null | undefined = undefined;
  #lastTransfer: Promise<void> = Promise.resolve();

  /** Takes over the descriptor; `path` is how the same file can be opened once more. */
  constructor(fd: number, path: string, access: OpenFileOptions["access"]) {
    this.#fd = fd;
    this.#path = path;
    this.#access = access;
  }

  // deno-lint-ignore require-await
  async status(): Promise<OpenFileStatus> {
    return openFileStatus(this.#fd);
  }

  async read(buffer: Uint8Array, position: number): Promise<number> {
    const { length } = buffer;
    if (length <= INLINE_BYTES) return fs.readSync(this.#fd, buffer, 0, length, position);
    return await this.#elsewhere(position, {
      far: async (file) => await file.read(buffer) ?? 0,
      near: () => fs.readSync(this.#fd, buffer, 0, length, position),
    });
  }

  async write(
    bytes: Uint8Array,
    position: number,
    { isHere = false }: WriteOptions = {},
  ): Promise<void> {
    const mostHere = isHere ? Infinity : INLINE_BYTES;
    let written = 0;
    while (written < bytes.length) {
      // A nearly full disk takes a part first and complains at the next call.
      const count = await this.#writeSome(bytes, written, position + written, mostHere);
      if (count === 0) throw osError("EIO", this.#path);
      written += count;
    }
  }

  #writeSome(
    bytes: Uint8Array,
    from: number,
    position: number,
    mostHere: number,
  ): number | Promise<number> {
    const length = bytes.length - from;
    if (length <= mostHere) return fs.writeSync(this.#fd, bytes, from, length, position);
    return this.#elsewhere(position, {
      far: (file) => file.write(from === 0 ? bytes : bytes.subarray(from)),
      near: () => fs.writeSync(this.#fd, bytes, from, length, position),
    });
  }

  /**
   * Runs one large transfer on a thread of the system, after those before it: Deno's own file has a
   * cursor that they share. Node's calls, asynchronous or not, copy on the thread that asks, which holds
   * up packets for milliseconds; they remain for a file that cannot be opened once more.
   */
  async #elsewhere(
    position: number,
    transfer: { far: (file: Deno.FsFile) => Promise<number>; near: () => number },
  ): Promise<number> {
    const turn = Promise.withResolvers<void>();
    const before = this.#lastTransfer;
    this.#lastTransfer = turn.promise;
    try {
      await before;
      const file = await this.#farFile();
      if (file === null) return transfer.near();
      file.seekSync(position, Deno.SeekMode.Start);
      return await transfer.far(file);
    } finally {
      turn.resolve();
    }
  }

  async #farFile(): Promise<Deno.FsFile | null> {
    if (this.#far === undefined) this.#far = await this.#reopen();
    return this.#far;
  }

  /** The same file as one of Deno's, or null. By descriptor it is the same for certain; by path it is compared. */
  async #reopen(): Promise<Deno.FsFile | null> {
    const isWritable = this.#access === "write";
    let file: Deno.FsFile;
    try {
      file = await Deno.open(this.#path, { read: true, write: isWritable });
    } catch {
      return null; // renamed or removed meanwhile, or a limit of the system
    }
    const { dev, ino } = await file.stat();
    if (nodeIdOf(dev, ino ?? 0) === openFileStatus(this.#fd).nodeId) return file;
    file.close();
    return null;
  }

  // deno-lint-ignore require-await
  async truncate(sizeBytes: number): Promise<void> {
    fs.ftruncateSync(this.#fd, sizeBytes);
  }

  async setAttributes({ mode, modifiedMs }: { mode: number; modifiedMs: number }): Promise<void> {
    await this.#setTime(modifiedMs);
    fs.fchmodSync(this.#fd, mode & 0o777); // last: it may forbid to open the file once more
  }

  async #setTime(modifiedMs: number): Promise<void> {
    // Node would take a moment before 1970 for the present one.
    const far = modifiedMs < 0 ? await this.#farFile() : null;
    if (far !== null) {
      const moment = new Date(modifiedMs);
      far.utimeSync(moment, moment);
      return;
    }
    // Half a microsecond more: seconds as a double, cut to whole ones, would lose a millisecond.
    const seconds = (Math.max(0, modifiedMs) + 0.0005) / 1000;
    fs.futimesSync(this.#fd, seconds, seconds);
  }

  async sync(): Promise<void> {
    await syncDescriptor(this.#fd);
  }

  async syncData(): Promise<void> {
    await asPromise((done) => fs.fdatasync(this.#fd, done));
  }

  async tryLock(): Promise<boolean> {
    // Only Deno's own files lock. By descriptor this is the same file for certain; by path it is compared.
    const lock = await Deno.open(this.#path, { read: true, write: true });
    try {
      const { dev, ino } = await lock.stat();
      const isSame = nodeIdOf(dev, ino ?? 0) === openFileStatus(this.#fd).nodeId;
      if (!isSame || !(await lock.tryLock(EXCLUSIVE))) {
        lock.close();
        return false;
      }
    } catch (error) {
      lock.close();
      throw error;
    }
    this.#lock = lock;
    return true;
  }

  close(): void {
    fs.closeSync(this.#fd);
    this.#lock?.close();
    this.#lock = null;
    this.#far?.close();
    this.#far = null;
  }
}

/** Up to here a call into the page cache costs less than handing it to another thread (5 against 45 µs). */
const INLINE_BYTES = 64 * 1024;

const EXCLUSIVE = true;
