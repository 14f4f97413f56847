import { assert, assertEquals, assertRejects } from "@std/assert";
import { ByteWriter } from "../../lib/bytes/byte_writer.ts";
import { StreamError } from "../../lib/bytes/byte_stream.ts";
import { LEAF_BYTES, leafHash, type LeafHasher, treeRoot } from "../../lib/crypto/mod.ts";
import { FileError, type LeafBlock, type SourceFile } from "../../lib/files/mod.ts";
import { StreamReader } from "../../lib/request/mod.ts";
import { LEAVES_COMPARED_FIRST, sendFile, TransferError } from "../../lib/transfer/mod.ts";
import { keyedLeafHashing } from "../support/keyed_leaves.ts";
import { streamPair } from "../support/stream_pair.ts";

/** A source of zeros that takes no memory, except for single bytes that are something else. */
class SparseSource implements SourceFile {
  readonly identity = "sparse";
  readonly status;
  readonly reads: number[] = [];
  readonly known = new Map<number, Uint8Array>();
  readonly kept = new Map<number, Uint8Array>();
  isChanged = false;
  failAt = Infinity;
  #bytes: ReadonlyMap<number, number>;

  constructor(sizeBytes: number, bytes: Record<number, number> = {}) {
    this.status = { kind: "file" as const, sizeBytes, modifiedMs: 0, mode: 0o644 };
    this.#bytes = new Map(Object.entries(bytes).map(([at, byte]) => [Number(at), byte]));
  }

  async readInto(buffer: Uint8Array, offset: number): Promise<number> {
    await Promise.resolve();
    if (offset >= this.failAt) throw new FileError("io", "/sparse");
    this.reads.push(offset);
    const length = Math.min(buffer.length, this.status.sizeBytes - offset);
    buffer.fill(0, 0, length);
    for (const [at, byte] of this.#bytes) {
      if (at >= offset && at < offset + length) buffer[at - offset] = byte;
    }
    return length;
  }

  leafHash(
    hasher: LeafHasher,
    block: LeafBlock,
    index: number,
    length: number,
  ): Promise<Uint8Array> {
    return block.digest(hasher, index, length);
  }

  keepLeafHash(_hasher: LeafHasher, index: number, hash: Uint8Array): Promise<void> {
    this.kept.set(index, hash);
    return Promise.resolve();
  }

  knownLeafHash(_hasher: LeafHasher, index: number): Uint8Array | null {
    return this.known.get(index) ?? null;
  }

  forgetLeaves(): void {
    this.known.clear();
  }

  hasChanged(): Promise<boolean> {
    return Promise.resolve(this.isChanged);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const ZEROS = new Uint8Array(LEAF_BYTES);

function leavesOfZeros(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, index) => leafHash(index, ZEROS));
}

/** Sends against a receiver that claims these leaves. */
function startSending(source: SourceFile, claimed: readonly Uint8Array[]) {
  const [mine, theirs] = streamPair();
  const claim = new ByteWriter().u32(claimed.length);
  for (const leaf of claimed) claim.bytes(leaf);
  const sent = Promise.all([
    theirs.write(claim.finish()),
    sendFile({ stream: mine, reader: new StreamReader(mine) }, source, { path: "/sparse" }),
  ]).then(([, result]) => result);
  return { sent, mine, theirs, reader: new StreamReader(theirs) };
}

Deno.test("sendFile() starts at the first leaf that differs from what is claimed", async () => {
  const size = 5 * LEAF_BYTES + 10;
  const source = new SparseSource(size, { [2 * LEAF_BYTES + 5]: 1 });
  const { sent, reader } = startSending(source, leavesOfZeros(4));
  assertEquals(await reader.exactly(4), Uint8Array.of(0, 0, 0, 2));
  const bytes = (await reader.exactly(size - 2 * LEAF_BYTES)).slice();
  assertEquals(bytes.findIndex((byte) => byte !== 0), 5);
  const leaves = leavesOfZeros(5);
  leaves[2] = leafHash(2, bytes.subarray(0, LEAF_BYTES));
  leaves[5] = leafHash(5, new Uint8Array(10));
  assertEquals((await reader.exactly(32)).slice(), treeRoot(leaves, size));
  assertEquals((await sent).startOffset, 2 * LEAF_BYTES);
});

Deno.test("sendFile() hashes as a claim says, and refuses to in a way that it does not know", async () => {
  const leafHashing = keyedLeafHashing();
  const hasher = leafHashing.fresh();
  const size = 2 * LEAF_BYTES + 10;
  const claim = (scheme: Uint8Array) =>
    new ByteWriter().u32(1).bytes(scheme).bytes(hasher.hash(0, ZEROS)).finish();
  const start = (scheme: Uint8Array) => {
    const [mine, theirs] = streamPair();
    const peer = { stream: mine, reader: new StreamReader(mine) };
    const source = new SparseSource(size);
    const sent = sendFile(peer, source, { path: "/sparse", leafHashing });
    return { source, sent, wrote: theirs.write(claim(scheme)), reader: new StreamReader(theirs) };
  };
  const { source, sent, wrote, reader } = start(hasher.scheme);
  assertEquals(await reader.exactly(4), Uint8Array.of(0, 0, 0, 1));
  await reader.exactly(LEAF_BYTES + 10);
  const leaves = [ZEROS, ZEROS, new Uint8Array(10)].map((data, index) => hasher.hash(index, data));
  assertEquals((await reader.exactly(32)).slice(), treeRoot(leaves, size));
  await Promise.all([sent, wrote]);
  assertEquals([...source.kept], [[1, leaves[1]!], [2, leaves[2]!]]);

  const unknown = start(Uint8Array.of(9, ...hasher.scheme.subarray(1)));
  const error = await assertRejects(() => unknown.sent, TransferError);
  assertEquals(error.kind, "protocol");
});

const LONG = LEAVES_COMPARED_FIRST + 40;

Deno.test("sendFile() compares the rest of a long claim while it sends", async () => {
  const size = LONG * LEAF_BYTES + 10;
  const claimed = leavesOfZeros(LONG);
  const source = new SparseSource(size);
  const { sent, reader } = startSending(source, claimed);
  await reader.exactly(4);
  assert(!source.reads.includes((LONG - 1) * LEAF_BYTES), "the whole claim was read first");
  await reader.exactly(10);
  const root = treeRoot([...claimed, leafHash(LONG, new Uint8Array(10))], size);
  assertEquals((await reader.exactly(32)).slice(), root);
  assertEquals((await sent).startOffset, LONG * LEAF_BYTES);
  assert(source.reads.includes((LONG - 1) * LEAF_BYTES));
});

Deno.test("sendFile() reads nothing of a claim whose hashes are remembered", async () => {
  const claimed = leavesOfZeros(LONG);
  const source = new SparseSource(LONG * LEAF_BYTES + 10);
  for (const [index, leaf] of claimed.entries()) source.known.set(index, leaf);
  source.known.set(LONG - 1, leafHash(LONG - 1, new Uint8Array(LEAF_BYTES).fill(1)));
  const { sent, reader } = startSending(source, claimed);
  const failed = assertRejects(() => sent, TransferError);
  await reader.exactly(4 + 10);
  assertEquals((await failed).kind, "integrity");
  assertEquals(source.reads, [LONG * LEAF_BYTES]);
});

Deno.test("sendFile() ends when the rest of a long claim differs", async () => {
  const source = new SparseSource(LONG * LEAF_BYTES + 10, { [(LONG - 1) * LEAF_BYTES]: 1 });
  const { sent, reader } = startSending(source, leavesOfZeros(LONG));
  const failed = assertRejects(() => sent, TransferError);
  await reader.exactly(4 + 10);
  assertEquals((await failed).kind, "integrity");
});

Deno.test("sendFile() does not send the root of a source that changed", async () => {
  const source = new SparseSource(10);
  source.isChanged = true;
  const { sent, mine } = startSending(source, []);
  assertEquals((await assertRejects(() => sent, TransferError)).kind, "changed");
  assertEquals(mine.writtenBytes, 10);
});

Deno.test("sendFile() reports a disk that fails, also while it waits for the network", async () => {
  const source = new SparseSource(8 * LEAF_BYTES);
  source.failAt = 3 * LEAF_BYTES;
  const { sent, reader } = startSending(source, []);
  const failed = assertRejects(() => sent, FileError);
  await reader.exactly(4 + 3 * LEAF_BYTES);
  assertEquals((await failed).kind, "io");
});

Deno.test("sendFile() waits for its reader and reads no more than it needs", async () => {
  const source = new SparseSource(100 * LEAF_BYTES);
  const { sent, theirs } = startSending(source, []);
  const failed = assertRejects(() => sent, StreamError, "stopped-by-peer, code 9");
  for (let turn = 0; turn < 1000; turn++) await Promise.resolve();
  assert(source.reads.length <= 3, `${source.reads.length} blocks were read`);
  theirs.stop(9);
  await failed;
});
