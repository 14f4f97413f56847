import { ByteWriter } from "../bytes/byte_writer.ts";
import { LEAF_BYTES, type LeafHasher, type LeafHashing, sha256 } from "../crypto/mod.ts";
import { BufferedPart, type SmallPartContext } from "./buffered_part.ts";
import { openJournaledPart } from "./journaled_part.ts";
import type { Destination } from "./publication.ts";
import type { ThreadPatience } from "./thread_patience.ts";

/** What is about to be received. */
export interface PartialOptions {
  /** The length announced. */
  readonly sizeBytes: number;
  /** Modification time that the file gets, milliseconds since 1970. */
  readonly modifiedMs: number;
  /** Permission bits that the file gets, less the umask. */
  readonly mode: number;
  /** What happens when the name is taken at publication; with `"skip"` nothing is kept for another try. */
  readonly exists: "overwrite" | "skip" | "fail";
  /**
   * Names the content at its source. A hint: with the same one a parked part is most likely of the same
   * content; with another one, how much of it is has to be found out.
   */
  readonly sourceToken: string;
  /** How leaves are hashed when nothing of them is held yet; plainly by default. */
  readonly leafHasher?: LeafHasher;
  /**
   * Names who is told how leaves are hashed; `""` when it is absent. What is held is hashed anew when another one
   * was told the key of its hashes.
   */
  readonly peer?: string;
  /** What is held and hashed otherwise is of no use, and begun anew. False by default. */
  readonly isHasherFixed?: boolean;
  /** Asked while what is held is read, here and in `commit`: true ends either with `cancelled`, and keeps it. */
  readonly isStopped?: (() => boolean) | undefined;
  /** Names who sends it; nobody resumes, or learns of, what another one parked. `""` when it is absent. */
  readonly sender?: string;
  /**
   * What `commit` waits for: file and directory on stable storage (`"full"`, the default), the
   * file's content only (`"data"`), or nothing (`"none"`).
   */
  readonly durability?: Durability;
}

/** How much of a finished file has to be on stable storage before it counts as saved. */
export type Durability = "full" | "data" | "none";

/**
 * A file being received, invisible under its name until it is whole.
 *
 * Ends with exactly one of {@linkcode commit}, {@linkcode park} or {@linkcode discard}; a failed
 * `commit` ends it too. Afterwards `park` and `discard` do nothing and the rest is a mistake. Methods are not called while
 * another one is under way.
 */
export interface PartialFile {
  /** Bytes that are here already, in whole leaves, checked by hashing; writing goes on from there. */
  readonly resumeOffset: number;
  /** How leaves are hashed: those that are held, and those to come. */
  readonly leafHasher: LeafHasher;
  /** Hashes of the leaves before {@linkcode resumeOffset}. */
  readonly leaves: readonly Uint8Array[];
  /** Whether they are of a source with the same token and size. */
  readonly isOfSameSource: boolean;
  /** Forgets the leaves from this one on: the source has others. Only before the first write. */
  discardFrom(leafIndex: number): Promise<void>;
  /**
   * Where the next bytes go, at least one, until all are there. Valid until {@linkcode fill} resolves.
   *
   * @throws {FileError} what the disk reports of bytes taken earlier.
   */
  room(): Uint8Array;
  /** Takes the next `count` bytes, which were put into {@linkcode room}. Throws as {@linkcode write} does. */
  fill(count: number): Promise<void>;
  /**
   * Takes the next bytes; `bytes` may be reused when it resolves.
   *
   * @throws {FileError} `changed` for more bytes than announced; what the disk reports, also for
   * bytes taken earlier.
   */
  write(bytes: Uint8Array): Promise<void>;
  /** As {@linkcode write}, for bytes that nobody changes before the part has ended: a small file is not copied. */
  writeKept(bytes: Uint8Array): Promise<void>;
  /**
   * Publishes: size and root checked, content flushed, name given, directory flushed.
   *
   * @throws {FileError} `changed` when size or root differ, and the part is gone; else `cancelled` or what
   * the disk reports, and the part is kept for another try.
   */
  commit(root: Uint8Array): Promise<void>;
  /** Keeps what is here for a later resume and lets go of it. */
  park(): Promise<void>;
  /** Removes what is here. */
  discard(): Promise<void>;
}

/** What {@linkcode openPartialFile} gets from the folder it works for. */
export interface PartialFileContext extends SmallPartContext {
  /** A clock for checkpoints, if there is one. */
  readonly nowMs: (() => number) | undefined;
  /** Says when this thread writes by itself. */
  readonly patience: ThreadPatience;
  /** Knows the hashes of what was parked. */
  readonly hashing: LeafHashing;
}

/**
 * Starts a file, or resumes what the same sender parked for the same target; its destination is released when the part ends, also by failing here.
 *
 * @throws what the disk reports, or `FileError` `busy` or `cancelled`.
 */
export async function openPartialFile(
  context: PartialFileContext,
  destination: Destination,
  options: PartialOptions,
): Promise<PartialFile> {
  if (options.sizeBytes <= LEAF_BYTES) {
    return new BufferedPart(context, destination, options);
  }
  const { sizeBytes, sourceToken, peer = "", sender = "" } = options;
  const { key, senderId, id } = partNames(sender, destination.path);
  const header = {
    sizeBytes,
    source: shortHash(sourceToken, SOURCE_BYTES),
    peer: shortHash(peer, PEER_BYTES),
    key,
    target: destination.path,
  };
  const { nowMs, patience, hashing } = context;
  return await openJournaledPart(context, {
    ...{ destination, options, id, senderId, header, nowMs, patience, hashing },
  });
}

/**
 * What an unfinished file of this sender for this path is known by: `id` is its name before the ending. `""` is
 * nobody.
 */
export function partNames(
  sender: string,
  path: string,
): { key: Uint8Array; senderId: string; id: string } {
  const key = resumeKey(sender, path);
  const senderId = shortHash(sender, SENDER_BYTES).toHex();
  return { key, senderId, id: `${senderId}${key.subarray(0, ID_BYTES).toHex()}` };
}

const SENDER_BYTES = 8;
const ID_BYTES = 16;
const SOURCE_BYTES = 16;
const PEER_BYTES = 16;

function shortHash(text: string, length: number): Uint8Array {
  return sha256(new TextEncoder().encode(text)).subarray(0, length);
}

/** Equal for transfers that may continue each other: of the same sender, to the same target. */
function resumeKey(sender: string, path: string): Uint8Array {
  const name = new TextEncoder().encode(sender);
  return sha256(
    new ByteWriter().text("ferry part").u32(name.length).bytes(name).text(path).finish(),
  );
}
