import { assertEquals, assertLess, assertRejects } from "@std/assert";
import {
  type DirectoryEntry,
  FileError,
  FileRoot,
  REMOTE_ROOT,
  remotePathFromComponents,
} from "../../lib/files/mod.ts";
import { MemoryDisk } from "../support/memory_disk.ts";

const NAMES = Array.from({ length: 3000 }, (_, index) => `file ${index + 10_000}`);
/** Room for some five hundred of them. */
const LITTLE_BYTES = 16_384 + 500 * 50;
const EMPTY = new Uint8Array();

/** A folder of files and some folders, in no order, and what a listing of it should give. */
async function rootOf(options: { listingBytes?: number } = {}) {
  const disk = new MemoryDisk();
  const root = await FileRoot.open("/r", { disk, create: true, ...options });
  for (const name of NAMES.toReversed()) disk.putFile(`/r/${name}`, EMPTY);
  for (const name of ["z", "d"]) disk.putFile(`/r/${name}/inside`, EMPTY);
  return { disk, root, expected: ["d", "z", ...NAMES] };
}

const nameOf = ({ name }: DirectoryEntry) => name;

async function rest(entries: AsyncGenerator<DirectoryEntry>): Promise<string[]> {
  return (await Array.fromAsync(entries)).map(nameOf);
}

/** Listings of which only the first entry is taken. */
async function unread(root: FileRoot, count: number): Promise<AsyncGenerator<DirectoryEntry>[]> {
  const listings = Array.from({ length: count }, () => root.entries(REMOTE_ROOT));
  for (const entries of listings) assertEquals((await entries.next()).value?.name, "d");
  return listings;
}

Deno.test("FileRoot.entries() is complete and in order, however little may be held", async () => {
  for (const listingBytes of [1, LITTLE_BYTES, 1 << 20]) {
    const { root, expected } = await rootOf({ listingBytes });
    assertEquals(await rest(root.entries(REMOTE_ROOT)), expected);
    assertEquals(root.heldByListings, 0);
    await root.close();
  }
});

Deno.test("listings that nobody reads hold no more than what they share, and lose nothing", async () => {
  const { disk, root, expected } = await rootOf({ listingBytes: 200_000 });
  const listings: AsyncGenerator<DirectoryEntry>[] = [];
  for (let turn = 0; turn < 64; turn++) {
    listings.push(...await unread(root, 1));
    assertLess(root.heldByListings, 200_001);
    disk.nowMs += 2000;
  }
  for (const entries of listings) assertEquals(await rest(entries), expected.slice(1));
  assertEquals(root.heldByListings, 0);
  await root.close();
});

Deno.test("listings that come all at once hold a page each beyond what they share", async () => {
  const { root, expected } = await rootOf({ listingBytes: 200_000 });
  const listings = await unread(root, 64);
  assertLess(root.heldByListings, 200_000 + 64 * 30_000);
  assertEquals(await rest(listings[63]!), expected.slice(1));
  for (const entries of listings) await entries.return(undefined);
  assertEquals(root.heldByListings, 0);
  await root.close();
});

Deno.test("listings that are read at the same time all end, when there is room for one", async () => {
  const { disk, root, expected } = await rootOf({ listingBytes: 200_000 });
  const listings = await unread(root, 5);
  const found: string[][] = listings.map(() => ["d"]);
  for (let isOver = false; !isOver;) {
    isOver = true;
    for (const [index, entries] of listings.entries()) {
      const { value } = await entries.next();
      if (!value) continue;
      isOver = false;
      found[index]!.push(value.name);
      disk.nowMs += 3;
    }
  }
  for (const names of found) assertEquals(names, expected);
  await root.close();
});

Deno.test("a walk that nobody reads holds no more of the folders above than what is shared", async () => {
  const { disk, root } = await rootOf({ listingBytes: 200_000 });
  const walks = Array.from({ length: 20 }, () => root.walk(REMOTE_ROOT)[Symbol.asyncIterator]());
  for (const walk of walks) {
    for (let step = 0; step < 3; step++) await walk.next(); // inside of a folder
    disk.nowMs += 2000;
    assertLess(root.heldByListings, 210_000);
  }
  let count = 3;
  while (!(await walks[0]!.next()).done) count++;
  assertEquals(count, 1 + NAMES.length + 4);
  for (const walk of walks) await walk.return!();
  assertEquals(root.heldByListings, 0);
  await root.close();
});

Deno.test("FileRoot.entries() leaves out what vanishes before its turn", async () => {
  const { root } = await rootOf();
  const entries = root.entries(REMOTE_ROOT);
  await entries.next();
  await root.removeFile(remotePathFromComponents(["file 12999"]));
  const names = await rest(entries);
  assertEquals([names.length, names.at(-1)], [NAMES.length, "file 12998"]);
  await root.close();
});

Deno.test("FileRoot.entries() says when the folder itself has gone, and holds nothing of it", async () => {
  const { disk, root } = await rootOf();
  for (const name of NAMES) disk.putFile(`/r/d/${name}`, EMPTY);
  const entries = root.entries(remotePathFromComponents(["d"]));
  await entries.next();
  await root.removeTree(remotePathFromComponents(["d"]));
  const { kind } = await assertRejects(() => rest(entries), FileError);
  assertEquals([kind, root.heldByListings], ["not-found", 0]);
  await root.close();
});
