/**
 * What `download` and `upload` take and return.
 *
 * @module
 */
import { type FileRoot, formatRemotePath, type RemotePath } from "../files/mod.ts";
import {
  LimitWatch,
  type LoadMeter,
  type MoveOptions,
  type ReceiveOptions,
  TransferError,
  type TransferLimit,
} from "../transfer/mod.ts";
import type { ExistsPolicy } from "./existing_target.ts";
import { knowsHeld, readsLeafSchemes, readsLimits } from "./features.ts";

/** A file below a folder of this machine. */
export interface LocalFile {
  /** The folder. */
  readonly root: FileRoot;
  /** The file in it. */
  readonly path: RemotePath;
}

/** The connection of a transfer, as far as it tells what limits it. */
export interface TransferGauge {
  /** What is measured. */
  readonly meter: LoadMeter;
}

/** How a file is moved. */
export interface TransferOptions {
  /** What happens when the target exists. */
  readonly exists: ExistsPolicy;
  /** It was tried on a connection that was lost since: what it may have left at its target is its own. */
  readonly isRepeated?: boolean | undefined;
  /** Gives the transfer up; the part is kept and resumes. */
  readonly signal?: AbortSignal;
  /** Also compute the plain SHA-256. After a resume the whole file is read for it. */
  readonly plainHash?: boolean;
  /** Tells what limits the transfer; without it nobody finds out. */
  readonly gauge?: TransferGauge | undefined;
  /** The features of the other side, one bit each; none when absent. */
  readonly peerFeatures?: number | undefined;
  /** Names the other side, as nobody else can be named: its key, or the fingerprint of that. */
  readonly peer?: string | undefined;
  /** Called once both sides agree, before the first byte; again if the transfer has to start over. */
  onStart?(start: TransferStart): void;
  /** Called for every 64 KiB at most, and at the end. */
  onProgress?(progress: TransferProgress): void;
}

/** A transfer begins. */
export interface TransferStart {
  /** Name of the file at its source. */
  readonly name: string;
  /** Its size. */
  readonly sizeBytes: number;
  /** Bytes that need not be moved again. */
  readonly resumedFrom: number;
}

/** Where a transfer stands. */
export interface TransferProgress {
  /** Bytes done, those from an earlier try included. */
  readonly bytes: number;
  /** Size of the file. */
  readonly totalBytes: number;
}

/** A transfer that came to a good end: verified and published, or skipped as asked. */
export interface TransferResult {
  /** Name of the file at its source. */
  readonly name: string;
  /** Bytes moved now. */
  readonly bytes: number;
  /** Size of the file; 0 when it was skipped without asking. */
  readonly totalBytes: number;
  /** Bytes that were there from an earlier try. */
  readonly resumedFrom: number;
  /** Plain SHA-256 in hex, when it was asked for. */
  readonly sha256: string | null;
  /** True when the target existed and nothing was moved. */
  readonly skipped: boolean;
  /** Where the file is now, as a path below the receiving folder. */
  readonly target: string;
  /** What limited it; null when that is not known. */
  readonly limit: TransferLimit | null;
}

/** The same callbacks, as the halves of a transfer take them. */
export function moveOptions(
  root: FileRoot,
  options: TransferOptions,
  { name, sizeBytes }: Pick<TransferStart, "name" | "sizeBytes">,
): Omit<ReceiveOptions, "path" | "sizeBytes" | "isClaimless" | "leafHasher" | "begun"> {
  return {
    ...peerOptions(root, options),
    plainHash: options.plainHash,
    isStopped: () => options.signal?.aborted === true,
    onStart: (resumedFrom) => options.onStart?.({ name, sizeBytes, resumedFrom }),
    onProgress: (bytes) => options.onProgress?.({ bytes, totalBytes: sizeBytes }),
  };
}

/** What the halves of a transfer need to know of the other side, and to find out what limits it. */
export function peerOptions(
  root: FileRoot,
  { gauge, peerFeatures = 0 }: Pick<TransferOptions, "gauge" | "peerFeatures">,
): Pick<MoveOptions, "watch" | "tellsLimit" | "comparesAll" | "leafHashing"> {
  const known = {
    comparesAll: knowsHeld(peerFeatures),
    leafHashing: readsLeafSchemes(peerFeatures) ? root.leafHashing : undefined,
  };
  if (gauge === undefined) return known;
  return { ...known, watch: new LimitWatch(gauge.meter), tellsLimit: readsLimits(peerFeatures) };
}

/** Name of a file without its folders; `/` for the folder itself. */
export function fileName(path: RemotePath): string {
  return path.components.at(-1) ?? formatRemotePath(path);
}

/** The result of a transfer that was not needed. */
export function skippedResult(
  name: string,
  target: RemotePath,
  totalBytes: number,
): TransferResult {
  return {
    name,
    bytes: 0,
    totalBytes,
    resumedFrom: 0,
    sha256: null,
    skipped: true,
    target: formatRemotePath(target),
    limit: null,
  };
}

/**
 * Tries a transfer, and once more from its start when the source changed while it was read, or when a resumed one
 * fails its check: the part may have been of another source that looked the same. It is gone now.
 */
export async function startingOverOnce(
  options: TransferOptions,
  attempt: (options: TransferOptions) => Promise<TransferResult>,
): Promise<TransferResult> {
  let resumedFrom = 0;
  const onStart = (start: TransferStart) => {
    resumedFrom = start.resumedFrom;
    options.onStart?.(start);
  };
  try {
    return await attempt({ ...options, onStart });
  } catch (error) {
    const kind = error instanceof TransferError ? error.kind : null;
    const mayBeStale = kind === "integrity" && resumedFrom > 0;
    if (!(mayBeStale || kind === "changed") || options.signal?.aborted) throw error;
    return await attempt(options);
  }
}
