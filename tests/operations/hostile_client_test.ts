import { assert, assertEquals, assertLessOrEqual, assertRejects } from "@std/assert";
import { ByteWriter } from "../../lib/bytes/byte_writer.ts";
import { StreamError } from "../../lib/bytes/byte_stream.ts";
import {
  LEAF_SCHEME_BYTES,
  type LeafHasher,
  plainLeafHashing,
  plainLeaves,
  treeRoot,
} from "../../lib/crypto/mod.ts";
import { downloadOperation } from "../../lib/operations/download.ts";
import {
  FEATURES,
  listDirectory,
  serverOperations,
  statPath,
  walkTree,
} from "../../lib/operations/mod.ts";
import { uploadOperation, type UploadRequest } from "../../lib/operations/upload.ts";
import {
  encodeRequest,
  readResponse,
  RemoteError,
  statusFromCode,
  StreamReader,
  writeText,
} from "../../lib/request/mod.ts";
import type { MemoryStream } from "../support/stream_pair.ts";
import { path, sampleBytes, type Service, withService } from "./service.ts";
import { rootOf } from "../support/root_of.ts";

const MIB = 1 << 20;
const TOKEN = "0123456789abcdef0123456789abcdef";

/** Sends a `put` and whatever comes behind it. */
async function put(
  service: Service,
  request: Partial<UploadRequest>,
  ...behind: readonly Uint8Array[]
): Promise<MemoryStream> {
  const stream = await service.connection.client.openStream();
  const { code, request: codec } = uploadOperation;
  await stream.write(encodeRequest(code, codec, {
    path: path("a.bin"),
    sizeBytes: 10,
    modifiedMs: 0,
    mode: 0o644,
    sourceToken: TOKEN,
    exists: "overwrite",
    ...request,
  }));
  try {
    for (const bytes of behind) await stream.write(bytes);
    await stream.finish();
  } catch (error) {
    if (!(error instanceof StreamError)) throw error;
  }
  return stream;
}

/** The status with which the server ended a stream, by a reply or by a cut. */
async function endOf(stream: MemoryStream): Promise<string> {
  const reader = new StreamReader(stream);
  try {
    for (;;) {
      const reply = await readResponse(reader, uploadOperation.response);
      if (reply === null) return "ok";
    }
  } catch (error) {
    if (error instanceof RemoteError) return error.status;
    if (error instanceof StreamError) return statusFromCode(error.code);
    throw error;
  }
}

function keyedRoot(content: Uint8Array, hasher: LeafHasher): Uint8Array {
  const leaves: Uint8Array[] = [];
  for (let at = 0; at < content.length; at += MIB) {
    leaves.push(hasher.hash(leaves.length, content.subarray(at, at + MIB)));
  }
  return treeRoot(leaves, content.length);
}

/** Nothing was published, nothing is left, and the server goes on serving. */
async function assertUnharmed({ server, caller }: Service): Promise<void> {
  assertEquals(await server.names(), []);
  assertEquals(server.disk.usedBytes, 0);
  assertEquals((await statPath(caller, path("/"))).kind, "directory");
}

Deno.test("the server takes exactly the file that was announced", async () => {
  const content = sampleBytes(10);
  const cases: [string, Uint8Array[], string][] = [
    ["as announced", [content, rootOf(content)], "ok"],
    ["too long", [content, rootOf(content), Uint8Array.of(0)], "malformed"],
    ["much too long", [sampleBytes(300_000)], "malformed"],
    ["too short", [content.subarray(0, 9)], "malformed"],
    ["without its root", [content], "malformed"],
    ["with half of its root", [content, rootOf(content).subarray(16)], "malformed"],
    ["with another root", [content, rootOf(sampleBytes(10, 2))], "integrity"],
    ["with the root of a shorter file", [content, rootOf(content.subarray(9))], "integrity"],
  ];
  for (const [name, behind, expected] of cases) {
    await withService({}, async (service) => {
      assertEquals(await endOf(await put(service, {}, ...behind)), expected, name);
      if (expected !== "ok") await assertUnharmed(service);
    });
  }
});

Deno.test("the server does not let a client skip bytes that it does not hold", async () => {
  for (const startLeaf of [1, 2, 0xffff_ffff]) {
    await withService({}, async (service) => {
      const start = new ByteWriter(4).u32(startLeaf).finish();
      const stream = await put(service, { sizeBytes: 2 * MIB }, start, rootOf(sampleBytes(5)));
      assertEquals(await endOfTransfer(stream), "malformed");
      await assertUnharmed(service);
    });
  }
});

Deno.test("the server refuses a size that does not fit, however large", async () => {
  for (const sizeBytes of [2 ** 50, Number.MAX_SAFE_INTEGER]) {
    await withService({}, async (service) => {
      service.server.disk.capacityBytes = 10 * MIB;
      assertEquals(await endOf(await put(service, { sizeBytes })), "no-space");
      await assertUnharmed(service);
    });
  }
});

/** Operations whose request is a path or a list of them, or begins with one. */
const HAS_PATH = new Set(
  serverOperations.map(({ name }) => name)
    .filter((name) => !["shutdown", "authenticate", "rate", "put-many", "get-many"].includes(name)),
);

Deno.test("the server refuses every path that is not clean, for each operation", async () => {
  const paths = [
    [".."],
    ["a", "..", "..", "b"],
    ["."],
    [""],
    ["a/b"],
    ["a\\b"],
    ["a\0"],
    ["C:"],
    ["\u001b[2J"],
    [".~ft-staging"],
    ["x".repeat(256)],
    Array.from({ length: 65 }, () => "d"),
  ];
  await withService({}, async (service) => {
    for (const { code, name } of serverOperations) {
      if (!HAS_PATH.has(name)) continue;
      for (const components of paths) {
        const stream = await service.connection.client.openStream();
        const codec = {
          encode(_: null, writer: ByteWriter) {
            if (name.startsWith("mkdir-many")) writer.varint(1); // a list of one
            writer.varint(components.length);
            for (const component of components) writeText(writer, component);
            writer.bytes(new Uint8Array(100));
          },
          decode: () => null,
        };
        await stream.write(encodeRequest(code, codec, null));
        const status = await endOf(stream);
        assert(
          status === "invalid-name" || status === "name-too-long",
          `${name} of ${JSON.stringify(components)}: ${status}`,
        );
      }
    }
    await assertUnharmed(service);
  });
});

Deno.test("the server survives requests of garbage", async () => {
  let state = 7;
  const random = () => state = (state * 48_271) % 0x7fff_ffff;
  await withService({}, async (service) => {
    await service.server.write("f", sampleBytes(10));
    for (let round = 0; round < 600; round++) {
      const { code, name } = serverOperations[round % serverOperations.length]!;
      const body = Uint8Array.from(
        { length: random() % 60 },
        () => random() % (round % 5 ? 8 : 256),
      );
      const stream = await service.connection.client.openStream();
      const raw = { encode: (_: null, w: ByteWriter) => w.bytes(body), decode: () => null };
      await stream.write(encodeRequest(code, raw, null)).catch(() => {});
      await stream.finish().catch(() => {});
      await drain(stream);
      assert(name !== "" && service.events.every((event) => !isBug(event)), `round ${round}`);
    }
    assertEquals((await statPath(service.caller, path("/"))).kind, "directory");
  });
});

Deno.test("the server does not believe claims of leaves that cannot be", async () => {
  for (const count of [3, 4, 0xffff_ffff]) {
    await withService({}, async (service) => {
      await service.server.write("a.bin", sampleBytes(2 * MIB + 5));
      const stream = await service.connection.client.openStream();
      const { code, request } = downloadOperation;
      await stream.write(
        encodeRequest(code, request, { path: path("a.bin"), holdsNothing: false }),
      );
      await stream.write(new ByteWriter(4).u32(count).finish());
      assertEquals(await endOfTransfer(stream), "malformed");
    });
  }
});

Deno.test("the server knows no ways of hashing but its own", async () => {
  await withService({ clientFeatures: FEATURES.leafSchemes }, async (service) => {
    await service.server.write("a.bin", sampleBytes(2 * MIB + 5));
    const { code, request } = downloadOperation;
    const get = { path: path("a.bin"), holdsNothing: true };
    for (const kind of [0, 2, 255]) {
      const leafScheme = new Uint8Array(LEAF_SCHEME_BYTES).fill(1);
      leafScheme[0] = kind;
      const stream = await service.connection.client.openStream();
      await stream.write(encodeRequest(code, request, { ...get, leafScheme }));
      assertEquals(await endOfTransfer(stream), "malformed");
    }
    const claiming = await service.connection.client.openStream();
    await claiming.write(encodeRequest(code, request, { ...get, holdsNothing: false }));
    await claiming.write(new ByteWriter().u32(0).bytes(new Uint8Array(17).fill(7)).finish());
    assertEquals(await endOfTransfer(claiming), "malformed");
  });
});

Deno.test("the server reads schemes of the right length only, and any key", async () => {
  await withService({ clientFeatures: FEATURES.leafSchemes }, async (service) => {
    const content = sampleBytes(2 * MIB + 5);
    await service.server.write("a.bin", content);
    const { code, request } = downloadOperation;
    const get = { path: path("a.bin"), holdsNothing: true };
    for (const length of [1, 16, 18, 34]) {
      const stream = await service.connection.client.openStream();
      const leafScheme = new Uint8Array(length);
      await stream.write(encodeRequest(code, request, { ...get, leafScheme }));
      assertEquals(await endOfTransfer(stream), "malformed");
    }
    const leafScheme = Uint8Array.of(1, ...new Uint8Array(16));
    const hasher = plainLeafHashing.of(leafScheme)!;
    const stream = await service.connection.client.openStream();
    await stream.write(encodeRequest(code, request, { ...get, leafScheme }));
    const reader = new StreamReader(stream);
    await readResponse(reader, downloadOperation.response);
    assertEquals(await reader.exactly(4), new Uint8Array(4));
    await reader.exactly(content.length);
    assertEquals((await reader.exactly(32)).slice(), keyedRoot(content, hasher));
  });
});

Deno.test("the server publishes a large file only with the root under the key that it chose", async () => {
  const content = sampleBytes(2 * MIB + 5);
  const other = content.slice();
  other[MIB]! ^= 1;
  const otherHasher = plainLeafHashing.of(new Uint8Array(LEAF_SCHEME_BYTES).fill(1))!;
  const roots: [string, (hasher: LeafHasher) => Uint8Array, string][] = [
    ["as it should be", (hasher) => keyedRoot(content, hasher), "ok"],
    ["of other content", (hasher) => keyedRoot(other, hasher), "integrity"],
    ["under another key", () => keyedRoot(content, otherHasher), "integrity"],
    ["of plain leaves", () => keyedRoot(content, plainLeaves), "integrity"],
  ];
  for (const [name, root, expected] of roots) {
    await withService({ clientFeatures: FEATURES.leafSchemes }, async (service) => {
      const stream = await service.connection.client.openStream();
      const request = {
        ...{ path: path("a.bin"), sizeBytes: content.length, modifiedMs: 0, mode: 0o644 },
        ...{ sourceToken: TOKEN, exists: "overwrite" as const },
      };
      await stream.write(encodeRequest(uploadOperation.code, uploadOperation.request, request));
      const reader = new StreamReader(stream);
      await readResponse(reader, uploadOperation.response);
      assertEquals(await reader.exactly(4), new Uint8Array(4));
      const hasher = plainLeafHashing.of((await reader.exactly(LEAF_SCHEME_BYTES)).slice())!;
      assert(hasher.key !== null);
      await stream.write(new Uint8Array(4));
      await stream.write(content);
      await stream.write(root(hasher));
      await stream.finish();
      assertEquals(await endOf(stream), expected, name);
      assertEquals(await service.server.names(), expected === "ok" ? ["a.bin"] : []);
    });
  }
});

Deno.test("a client that claims leaves of something else gets the file from where it differs", async () => {
  await withService({}, async (service) => {
    await service.server.write("a.bin", sampleBytes(3 * MIB));
    const stream = await service.connection.client.openStream();
    const { code, request } = downloadOperation;
    await stream.write(encodeRequest(code, request, { path: path("a.bin"), holdsNothing: false }));
    const claim = new ByteWriter(4).u32(2).bytes(new Uint8Array(64)).finish();
    await stream.write(claim);
    const reader = new StreamReader(stream);
    await readResponse(reader, downloadOperation.response);
    assertEquals(await reader.exactly(4), Uint8Array.of(0, 0, 0, 0));
    assertEquals((await reader.exactly(3 * MIB)).slice(), sampleBytes(3 * MIB));
  });
});

Deno.test("a listing that nobody reads holds the server back and ends with the connection", async () => {
  await withService({ streams: { capacityBytes: 1000 } }, async (service) => {
    for (let index = 0; index < 500; index++) {
      await service.server.write(`f${index}`, sampleBytes(1));
    }
    const pages = listDirectory(service.caller, path("/"))[Symbol.asyncIterator]();
    assert((await pages.next()).value!.length > 10);
    assert(service.connection.server.streams[0]!.writtenBytes < 20_000);
    await service.reconnect();
    await assertRejects(() => drainPages(pages), StreamError);
    assertEquals((await statPath(service.caller, path("/"))).kind, "directory");
  });
});

Deno.test("listings that nobody reads share a bounded memory, and others get theirs", async () => {
  const streams = { capacityBytes: 1000 };
  const listingBytes = 200_000;
  await withService({ streams, listingBytes }, async (service) => {
    const names = Array.from({ length: 2000 }, (_, index) => `f${index + 10_000}`);
    for (const name of names) await service.server.write(name, sampleBytes(1));
    const { root, disk } = service.server;
    const unread: AsyncIterator<unknown>[] = [];
    for (let turn = 0; turn < 60; turn++) {
      const ask = turn % 2 === 0 ? listDirectory : walkTree;
      unread.push(ask(service.caller, path("/"))[Symbol.asyncIterator]());
      await unread[turn]!.next();
      assertLessOrEqual(root.heldByListings, listingBytes);
      disk.nowMs += 2000;
    }
    const pages = await Array.fromAsync(listDirectory(service.caller, path("/")));
    assertEquals(pages.flat().map(({ name }) => name), names);
    await drainPages(unread[0]!);
    await service.reconnect();
    assertEquals(root.heldByListings, 0);
  });
});

/** As {@linkcode endOf}, where raw bytes may come between the replies. */
async function endOfTransfer(stream: MemoryStream): Promise<string> {
  try {
    while (await stream.read() !== null);
    return "ok";
  } catch (error) {
    if (!(error instanceof StreamError)) throw error;
    return statusFromCode(error.code);
  }
}

async function drain(stream: MemoryStream): Promise<void> {
  await endOfTransfer(stream);
}

async function drainPages(pages: AsyncIterator<unknown>): Promise<void> {
  while (!(await pages.next()).done);
}

function isBug(event: { kind: string; reason?: string }): boolean {
  return event.reason === "internal";
}
