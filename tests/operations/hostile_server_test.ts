import { assert, assertEquals, assertRejects } from "@std/assert";
import { ByteWriter } from "../../lib/bytes/byte_writer.ts";
import { StreamError } from "../../lib/bytes/byte_stream.ts";
import { FileRoot } from "../../lib/files/mod.ts";
import { type FileOffer, fileOfferCodec } from "../../lib/operations/file_offer.ts";
import {
  download,
  listDirectory,
  ListingBudget,
  upload,
  walkTree,
} from "../../lib/operations/mod.ts";
import {
  Caller,
  type Codec,
  encodeResponse,
  RemoteError,
  writeText,
} from "../../lib/request/mod.ts";
import { TransferError, type TransferErrorKind } from "../../lib/transfer/mod.ts";
import { MemoryDisk } from "../support/memory_disk.ts";
import { connectionPair, type MemoryStream } from "../support/stream_pair.ts";
import { path, sampleBytes } from "./service.ts";
import { rootOf } from "../support/root_of.ts";

const MIB = 1 << 20;

/** Runs a client against a server that answers its first stream with whatever it likes. */
async function withServer(
  answer: (stream: MemoryStream) => Promise<void>,
  ask: (client: { caller: Caller; root: FileRoot }) => Promise<unknown>,
): Promise<{ error: Error; disk: MemoryDisk }> {
  const disk = new MemoryDisk();
  disk.putFile("/client/up.bin", sampleBytes(100));
  const root = await FileRoot.open("/client", { disk });
  const { client, server, lose } = connectionPair();
  const answered = server.acceptStream().then((stream) => answer(stream!)).catch((error) => {
    if (!(error instanceof StreamError)) throw error;
  });
  const error = await assertRejects(() => ask({ caller: new Caller(client), root }), Error);
  await answered;
  lose();
  await root.close();
  assertEquals(disk.openHandles, 0);
  return { error, disk };
}

const raw: Codec<Uint8Array> = {
  encode: (bytes, writer) => {
    writer.bytes(bytes);
  },
  decode: (reader) => reader.rest(),
};

function offer(sizeBytes: number, changes: Partial<FileOffer> = {}): Uint8Array {
  return encodeResponse(fileOfferCodec, {
    sizeBytes,
    modifiedMs: 0,
    mode: 0o644,
    sourceToken: "0".repeat(32),
    ...changes,
  });
}

Deno.test("download() publishes only what was offered, whole and with its root", async () => {
  const content = sampleBytes(10);
  const cases: [string, Uint8Array[], TransferErrorKind][] = [
    ["garbage", [sampleBytes(500)], "protocol"],
    ["an endless message", [Uint8Array.of(0xff, 0xff, 0xff, 0xff)], "protocol"],
    ["nothing", [], "protocol"],
    ["no token", [offer(10, { sourceToken: "../../etc/passwd" })], "protocol"],
    ["too much", [offer(10), content, rootOf(content), Uint8Array.of(0)], "protocol"],
    ["too little", [offer(10), content.subarray(1)], "protocol"],
    ["no root", [offer(10), content], "protocol"],
    ["another root", [offer(10), content, rootOf(sampleBytes(9))], "integrity"],
    [
      "a start that nobody asked for",
      [offer(2 * MIB), new ByteWriter(4).u32(1).finish(), sampleBytes(MIB), new Uint8Array(32)],
      "protocol",
    ],
  ];
  for (const [name, answers, expected] of cases) {
    const { error, disk } = await withServer(
      async (stream) => {
        for (const bytes of answers) await stream.write(bytes);
        await stream.finish();
      },
      ({ caller, root }) =>
        download(caller, path("a"), { root, path: path("a") }, { exists: "overwrite" }),
    );
    assertEquals(error instanceof TransferError && error.kind, expected, name);
    assertEquals(disk.namesIn("/client").filter((file) => !file.startsWith(".")), ["up.bin"]);
    assertEquals(disk.usedBytes, 100, name);
  }
});

Deno.test("upload() believes only a server that read it to the end and then says saved", async () => {
  const reply = (kind: number) => encodeResponse(raw, new ByteWriter().u8(kind).varint(0).finish());
  const cases: [string, Uint8Array[]][] = [
    ["nothing", []],
    ["saved at once", [reply(2)]],
    ["receive twice", [reply(0), reply(0)]],
    ["an unknown word", [reply(9)]],
    ["more after saved", [reply(0), reply(2), Uint8Array.of(1)]],
    ["garbage", [sampleBytes(300)]],
  ];
  for (const [name, answers] of cases) {
    const { error } = await withServer(
      async (stream) => {
        for (const bytes of answers) await stream.write(bytes);
        await stream.finish();
      },
      ({ caller, root }) =>
        upload(caller, { root, path: path("up.bin") }, path("a"), { exists: "overwrite" }),
    );
    assertEquals(error instanceof TransferError && error.kind, "protocol", name);
  }
  const { error } = await withServer(
    async (stream) => {
      await stream.write(reply(0));
      stream.stop(0);
      await stream.write(reply(2));
      await stream.finish();
    },
    ({ caller, root }) =>
      upload(caller, { root, path: path("up.bin") }, path("a"), { exists: "overwrite" }),
  );
  assertEquals(error instanceof TransferError && error.kind, "protocol");
});

Deno.test("walkTree() takes no path from a server that leaves its folder", async () => {
  const page = new ByteWriter().varint(1).varint(2);
  for (const name of ["..", "x"]) writeText(page, name);
  const { error } = await withServer(
    async (stream) => {
      await stream.write(encodeResponse(raw, page.finish()));
      await stream.finish();
    },
    ({ caller }) => Array.fromAsync(walkTree(caller, path("/"))),
  );
  assertEquals(error instanceof RemoteError && error.status, "malformed");
});

Deno.test("listDirectory() believes no server that a name can be asked for which no path can hold", async () => {
  const names = [
    "..",
    ".",
    "",
    "a/b",
    "\x1b]0;title\x07",
    "two\nlines",
    "x\u202Egnp",
    ".~ft-staging",
  ];
  const page = new ByteWriter().varint(names.length + 1);
  for (const name of [...names, "plain"]) {
    writeText(page, name);
    page.u8(1).u8(0).varint(5).u8(0).varint(0).u16(0o644);
  }
  const listed: [string, boolean][] = [];
  const { error } = await withServer(
    async (stream) => {
      await stream.write(encodeResponse(raw, page.finish()));
      await stream.write(Uint8Array.of(0));
      await stream.finish();
    },
    async ({ caller }) => {
      for await (const entries of listDirectory(caller, path("/"))) {
        for (const { name, readable } of entries) listed.push([name, readable]);
      }
    },
  );
  assertEquals(error instanceof RemoteError && error.status, "malformed");
  assertEquals(listed, [...names.map((name): [string, boolean] => [name, false]), ["plain", true]]);
});

Deno.test("a listing without end is given up before it takes the client's memory", async () => {
  const status = () => new ByteWriter().u8(0).varint(5).u8(0).varint(0).u16(0o644).finish();
  const page = new ByteWriter().varint(100);
  const tree = new ByteWriter().varint(100);
  for (let i = 0; i < 100; i++) {
    writeText(page, `file ${i}`);
    page.u8(1).bytes(status());
    writeText(tree.varint(1), `file ${i}`);
    tree.bytes(status());
  }
  tree.varint(0);
  for (const [ask, body] of [[listDirectory, page], [walkTree, tree]] as const) {
    let pages = 0;
    const { error } = await withServer(
      async (stream) => {
        for (;;) await stream.write(encodeResponse(raw, body.finish()));
      },
      async ({ caller }) => {
        const budget = new ListingBudget(1 << 20);
        for await (const _page of ask(caller, path("/a"), { budget })) pages++;
      },
    );
    assertEquals(error instanceof RemoteError && [error.status, error.path], ["too-large", "/a"]);
    assert(pages > 50 && pages < 100, `${pages} pages`);
  }
});

Deno.test("listDirectory() survives pages of garbage", async () => {
  for (let seed = 1; seed < 60; seed++) {
    const { error } = await withServer(
      async (stream) => {
        await stream.write(encodeResponse(raw, sampleBytes(seed, seed)));
        await stream.write(Uint8Array.of(0));
        await stream.finish();
      },
      ({ caller }) => Array.fromAsync(listDirectory(caller, path("/"))),
    );
    assertEquals(error instanceof RemoteError && error.status, "malformed");
  }
});
