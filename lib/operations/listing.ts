/**
 * What is in a folder on the server, and what is in all folders below it.
 *
 * @module
 */
import {
  type DirectoryEntry,
  type FileError,
  type FileStatus,
  formatRemotePath,
  type RemotePath,
  validateComponent,
} from "../files/mod.ts";
import {
  ANSWERED,
  type Caller,
  type CallOptions,
  type Codec,
  type Exchange,
  type Operation,
  readFlag,
  readText,
  statusCode,
  statusFromCode,
  type StatusName,
  writeFlag,
  writeText,
} from "../request/mod.ts";
import { statusOfFileError } from "./error_status.ts";
import {
  type PathRequest,
  pathRequestCodec,
  pathSubject,
  readFileStatus,
  writeFileStatus,
} from "./file_info.ts";
import { ListingBudget } from "./listing_budget.ts";
import { readPath, writePath } from "./remote_path_codec.ts";
import type { ServeContext } from "./serve_context.ts";

/** Something found on the way through a tree. */
export interface WalkEntry {
  /** Where it is. */
  readonly path: RemotePath;
  /** What it is. */
  readonly status: FileStatus;
}

/** Something in a tree that could not be visited. */
export interface SkippedEntry {
  /** Where it is, raw: escape it before it reaches a terminal. */
  readonly path: string;
  /** Why. */
  readonly reason: StatusName;
}

/** A portion of a tree, in order. */
export interface WalkPage {
  /** Folders before their contents. */
  readonly entries: readonly WalkEntry[];
  /** What has no entry. */
  readonly skipped: readonly SkippedEntry[];
}

/** How something is listed. */
export interface ListingOptions extends CallOptions {
  /** What may come; by default as much as one listing may have. */
  readonly budget?: ListingBudget;
}

/**
 * The entries of a folder on the server, in pages as they arrive: folders first, then by name.
 * The server waits while nobody takes the next page.
 *
 * @throws {RemoteError} `too-large` when there is no end to it.
 * @throws {StreamError}
 */
export async function* listDirectory(
  caller: Caller,
  path: RemotePath,
  options: ListingOptions = {},
): AsyncGenerator<DirectoryEntry[], void, undefined> {
  const { budget = new ListingBudget() } = options;
  for await (const page of caller.replies(listOperation, { path }, options)) {
    for (const { name } of page) budget.take(path, name.length);
    yield page;
  }
}

/**
 * A path on the server and everything below it, in pages as they arrive: the path itself first, folders
 * before their contents. Links are reported as `other` and not followed.
 *
 * @throws {RemoteError} `too-large` when there is no end to it.
 * @throws {StreamError}
 */
export async function* walkTree(
  caller: Caller,
  path: RemotePath,
  options: ListingOptions = {},
): AsyncGenerator<WalkPage, void, undefined> {
  const { budget = new ListingBudget() } = options;
  for await (const page of caller.replies(walkOperation, { path }, options)) {
    for (const entry of page.entries) budget.take(path, formatRemotePath(entry.path).length);
    for (const entry of page.skipped) budget.take(path, entry.path.length);
    yield page;
  }
}

/** A page is sent when its entries reach this many bytes; the longest entry still fits a message. */
const PAGE_BYTES = 16_384;
const MAX_NAME_BYTES = 4096;
const MAX_SKIPPED_PATH_BYTES = 8192;

const entriesCodec: Codec<DirectoryEntry[]> = {
  encode: (entries, writer) => {
    writer.varint(entries.length);
    for (const entry of entries) {
      writeText(writer, entry.name);
      writeFlag(writer, entry.readable);
      writeFileStatus(writer, entry);
    }
  },
  decode: (reader) => {
    const entries: DirectoryEntry[] = [];
    for (let count = reader.varint(); count > 0; count--) {
      const name = readText(reader, MAX_NAME_BYTES);
      // A server may say anything: whatever has such a name is not asked for, nor offered by the Tab key.
      const readable = readFlag(reader) && validateComponent(name) === null;
      entries.push({ name, readable, ...readFileStatus(reader) });
    }
    return entries;
  },
};

const walkPageCodec: Codec<WalkPage> = {
  encode: ({ entries, skipped }, writer) => {
    writer.varint(entries.length);
    for (const { path, status } of entries) {
      writePath(writer, path);
      writeFileStatus(writer, status);
    }
    writer.varint(skipped.length);
    for (const { path, reason } of skipped) {
      writeText(writer, path);
      writer.varint(statusCode(reason));
    }
  },
  decode: (reader) => {
    const entries: WalkEntry[] = [];
    for (let count = reader.varint(); count > 0; count--) {
      entries.push({ path: readPath(reader), status: readFileStatus(reader) });
    }
    const skipped: SkippedEntry[] = [];
    for (let count = reader.varint(); count > 0; count--) {
      const path = readText(reader, MAX_SKIPPED_PATH_BYTES);
      skipped.push({ path, reason: statusFromCode(reader.varint()) });
    }
    return { entries, skipped };
  },
};

/** Gathers the entries of one page, and knows when it is full. */
class Page<Entry> {
  entries: Entry[] = [];
  #bytes = 0;

  /** Adds an entry; true when the page should go out. */
  add(entry: Entry, name: string): boolean {
    this.entries.push(entry);
    // Three bytes of UTF-8 for a UTF-16 unit at most, and the numbers beside the name.
    this.#bytes += name.length * 3 + 64;
    return this.#bytes >= PAGE_BYTES;
  }
}

/** Serves {@linkcode listDirectory}. */
export const listOperation: Operation<PathRequest, DirectoryEntry[], ServeContext> = {
  code: 1,
  name: "list",
  access: "read",
  isBulky: true,
  request: pathRequestCodec,
  response: entriesCodec,
  subject: pathSubject,
  async serve({ path }, exchange, { root }) {
    let page = new Page<DirectoryEntry>();
    for await (const entry of root.entries(path)) {
      if (!page.add(entry, entry.name)) continue;
      await exchange.respond(entriesCodec, page.entries);
      page = new Page();
    }
    return page.entries;
  },
};

/** Serves {@linkcode walkTree}. */
export const walkOperation: Operation<PathRequest, WalkPage, ServeContext> = {
  code: 2,
  name: "walk",
  access: "read",
  isBulky: true,
  request: pathRequestCodec,
  response: walkPageCodec,
  subject: pathSubject,
  async serve({ path }, exchange, { root }) {
    let skipped: SkippedEntry[] = [];
    let page = new Page<WalkEntry>();
    const onSkipped = (error: FileError) => {
      skipped.push({ path: shortened(error.path), reason: statusOfFileError(error) });
    };
    for await (const entry of root.walk(path, { onSkipped })) {
      const isFull = page.add(entry, formatRemotePath(entry.path));
      if (!isFull && skipped.length === 0) continue;
      await respondInPortions(exchange, page.entries, skipped);
      skipped = [];
      page = new Page();
    }
    await respondInPortions(exchange, page.entries, skipped);
    return ANSWERED;
  },
};

/** One page for the entries, and as many as the skipped ones need. */
async function respondInPortions(
  exchange: Exchange,
  entries: readonly WalkEntry[],
  skipped: readonly SkippedEntry[],
): Promise<void> {
  if (entries.length > 0) await exchange.respond(walkPageCodec, { entries, skipped: [] });
  for (const entry of skipped) {
    await exchange.respond(walkPageCodec, { entries: [], skipped: [entry] });
  }
}

function shortened(path: string): string {
  return path.slice(0, Math.floor(MAX_SKIPPED_PATH_BYTES / 3));
}
