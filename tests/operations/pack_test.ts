/** Many small files over one stream. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ByteWriter } from "../../lib/bytes/byte_writer.ts";
import { REMOTE_ROOT } from "../../lib/files/mod.ts";
import {
  downloadPack,
  type ExistsPolicy,
  FEATURES,
  PACKED_FILE_BYTES,
  type PackedFile,
  type PackedOutcome,
  serverOperations,
  uploadPack,
} from "../../lib/operations/mod.ts";
import { downloadPackOperation } from "../../lib/operations/serve_download_pack.ts";
import { writePath } from "../../lib/operations/remote_path_codec.ts";
import { emptyCodec, encodeRequest, RemoteError, writeText } from "../../lib/request/mod.ts";
import { TransferError } from "../../lib/transfer/mod.ts";
import type { StreamPairOptions } from "../support/stream_pair.ts";
import { path, sampleBytes, type Service, turnOfTheLoop, withService } from "./service.ts";

/** Files of a pack and what they heard. */
class Heard {
  readonly outcomes = new Map<string, PackedOutcome>();

  files(service: Service, names: readonly string[], isRepeated = false): PackedFile[] {
    return names.map((name) => ({
      isRepeated,
      local: { root: service.client.root, path: path(name) },
      remote: path(name),
      onEnd: (outcome) => {
        assert(!this.outcomes.has(name), `${name} heard its end twice`);
        this.outcomes.set(name, outcome);
      },
    }));
  }

  done(name: string) {
    const outcome = this.outcomes.get(name);
    assert(outcome?.kind === "done", `${name}: ${JSON.stringify(outcome)}`);
    return outcome.result;
  }

  error(name: string): unknown {
    const outcome = this.outcomes.get(name);
    assert(outcome?.kind === "failed", `${name}: ${JSON.stringify(outcome)}`);
    return outcome.error;
  }
}

const options = (exists: ExistsPolicy = "overwrite") => ({ exists });
const names = (count: number) => Array.from({ length: count }, (_, index) => `f${index}`);

for (const isUpload of [true, false]) {
  const title = isUpload ? "uploadPack()" : "downloadPack()";
  const move = isUpload ? uploadPack : downloadPack;
  const sides = (service: Service) =>
    isUpload
      ? { from: service.client, to: service.server }
      : { from: service.server, to: service.client };

  Deno.test(`${title} moves many files, empty ones too, and each hears its end`, async () => {
    await withService({}, async (service) => {
      const { from, to } = sides(service);
      const all = names(300);
      for (const [index, name] of all.entries()) {
        await from.write(name, sampleBytes(index * 13, index));
      }
      const heard = new Heard();
      await move(service.caller, heard.files(service, all), { ...options(), plainHash: true });
      for (const [index, name] of all.entries()) {
        assertEquals(await to.read(name), sampleBytes(index * 13, index));
        assertEquals(heard.done(name).totalBytes, index * 13);
        assertEquals(heard.done(name).sha256?.length, 64);
        assertEquals(heard.done(name).target, `/${name}`);
      }
      await service.settle();
      assertEquals(service.transfers.length, 300);
      assert(service.transfers.every(({ ok }) => ok));
    });
  });

  Deno.test(`${title} does not move again what is there, and moves what is not`, async () => {
    const { knowsHeld } = FEATURES;
    for (const features of [0, knowsHeld]) {
      let movedBytes = 0;
      const onBytes: StreamPairOptions["onBytes"] = (bytes, { direction }) => {
        if (direction === (isUpload ? "from-opener" : "to-opener")) movedBytes += bytes.length;
      };
      const streams = { onBytes };
      await withService({ streams, clientFeatures: features }, async (service) => {
        const { from, to } = sides(service);
        const all = names(300);
        const contents = all.map((_, index) => sampleBytes(9000, index));
        contents[7] = new Uint8Array(0);
        for (const [index, name] of all.entries()) await from.write(name, contents[index]!);
        const moveAll = async () => {
          movedBytes = 0;
          const heard = new Heard();
          const opened = { ...options(), plainHash: true, peerFeatures: features };
          await move(service.caller, heard.files(service, all), opened);
          return heard;
        };
        await moveAll();
        const inodes = all.map((name) => to.disk.statusOf(`${to.root.directory}/${name}`)?.nodeId);
        const changed = [0, 1, 150, 151, 200, 299];
        for (const index of changed) {
          contents[index] = contents[index]!.map((byte) => byte ^ 1);
          await from.write(all[index]!, contents[index]!);
        }
        const heard = await moveAll();
        for (const [index, name] of all.entries()) {
          assertEquals(await to.read(name), contents[index], name);
          const { bytes, resumedFrom, totalBytes, sha256, skipped } = heard.done(name);
          assertEquals([bytes + resumedFrom, sha256?.length], [totalBytes, 64]);
          assert(!skipped && (bytes === totalBytes || !changed.includes(index)));
          const { nodeId } = to.disk.statusOf(`${to.root.directory}/${name}`)!;
          // An upload is compared by the server, whatever the client can.
          const isKept = !changed.includes(index) && (isUpload || features === knowsHeld);
          assertEquals(nodeId === inodes[index], isKept, name);
        }
        assertEquals(movedBytes < 150 * 9000, features === knowsHeld, `${movedBytes} bytes`);
        await service.settle();
        assert(service.transfers.every(({ ok }) => ok));
        assertEquals(service.transfers.length, 600);
      });
    }
  });

  Deno.test(`${title} moves the others when one cannot be moved`, async () => {
    await withService({}, async (service) => {
      const { from, to } = sides(service);
      await from.write("a", sampleBytes(10, 1));
      await from.write("big", sampleBytes(PACKED_FILE_BYTES + 1, 2));
      await to.root.makeDirectory(path("taken"), { parents: false });
      await from.write("taken", sampleBytes(10, 3));
      await from.write("z", sampleBytes(10, 4));
      const heard = new Heard();
      await move(
        service.caller,
        heard.files(service, ["a", "none", "big", "taken", "z"]),
        options(),
      );
      assertEquals(await to.read("a"), sampleBytes(10, 1));
      assertEquals(await to.read("z"), sampleBytes(10, 4));
      assertEquals(heard.outcomes.get("big"), { kind: "too-large" });
      heard.error("none");
      heard.error("taken");
    });
  });

  Deno.test(`${title} reads a file again that changes while it is read, once`, async () => {
    await withService({}, async (service) => {
      const { from, to } = sides(service);
      for (const name of ["a", "b", "c"]) await from.write(name, sampleBytes(10, 1));
      const changes = [{ name: "b", at: 2 }, { name: "c", at: 4 }, { name: "c", at: 5 }];
      let readCount = 0;
      from.disk.onCall = (call) => {
        if (call !== "read") return;
        readCount++;
        const change = changes.find(({ at }) => at === readCount);
        if (change === undefined) return;
        from.disk.nowMs += 1000;
        from.disk.rewriteFile(`${from.root.directory}/${change.name}`, sampleBytes(10, readCount));
      };
      const heard = new Heard();
      await move(service.caller, heard.files(service, ["a", "b", "c"]), options());
      for (const name of ["a", "b"]) {
        heard.done(name);
        assertEquals(await to.read(name), await from.read(name));
      }
      const error = heard.error("c");
      assertEquals(error instanceof TransferError && error.kind, "changed");
      assertEquals([readCount, await to.read("c")], [5, null]);
    });
  });

  Deno.test(`${title} skips what comes just before its own`, async () => {
    await withService({}, async (service) => {
      const { from, to } = sides(service);
      for (const name of ["a", "b"]) await from.write(name, sampleBytes(10, 1));
      to.disk.onCall = (name) => {
        if (name === "link") to.disk.putFile(`${to.root.directory}/b`, sampleBytes(10, 2));
      };
      const heard = new Heard();
      await move(service.caller, heard.files(service, ["a", "b"]), options("skip"));
      assertEquals([heard.done("a").skipped, heard.done("b").skipped], [false, true]);
      assertEquals(await to.read("b"), sampleBytes(10, 2));
    });
  });

  Deno.test(`${title} leaves, renames or refuses what exists, as asked`, async () => {
    await withService({}, async (service) => {
      const { from, to } = sides(service);
      await from.write("a.txt", sampleBytes(10, 1));
      await to.write("a.txt", sampleBytes(10, 2));
      const moved = async (exists: ExistsPolicy) => {
        const heard = new Heard();
        await move(service.caller, heard.files(service, ["a.txt"]), options(exists));
        return heard;
      };
      assert((await moved("skip")).done("a.txt").skipped);
      (await moved("fail")).error("a.txt");
      assertEquals(await to.read("a.txt"), sampleBytes(10, 2));
      assertEquals((await moved("rename")).done("a.txt").target, "/a (1).txt");
      assertEquals(await to.read("a (1).txt"), sampleBytes(10, 1));
      (await moved("overwrite")).done("a.txt");
      assertEquals(await to.read("a.txt"), sampleBytes(10, 1));
    });
  });

  Deno.test(`${title} leaves undecided what a lost connection cut off`, async () => {
    await withService({}, async (service) => {
      const { from, to } = sides(service);
      const all = names(200);
      for (const name of all) await from.write(name, sampleBytes(20_000, 5));
      const heard = new Heard();
      let count = 0;
      const counted = heard.files(service, all).map((file) => ({
        ...file,
        onEnd: (outcome: PackedOutcome) => {
          file.onEnd(outcome);
          if (++count === 50) service.connection.lose();
        },
      }));
      const lost = await assertRejects(
        () => move(service.caller, counted, options()),
        TransferError,
      );
      assertEquals(lost.kind, "connection-lost");
      assert(heard.outcomes.size < 200);
      await service.reconnect();
      const rest = all.filter((name) => !heard.outcomes.has(name));
      await move(service.caller, heard.files(service, rest), options());
      for (const name of all) {
        heard.done(name);
        assertEquals(await to.read(name), sampleBytes(20_000, 5));
      }
    });
  });

  Deno.test(`${title} can be given up`, async () => {
    await withService({}, async (service) => {
      const { from } = sides(service);
      const all = names(100);
      for (const name of all) await from.write(name, sampleBytes(1000, 6));
      const stop = new AbortController();
      const files = new Heard().files(service, all).map((file) => ({
        ...file,
        onEnd: () => stop.abort(),
      }));
      const cancelled = await assertRejects(
        () => move(service.caller, files, { ...options(), signal: stop.signal }),
        TransferError,
      );
      assertEquals(cancelled.kind, "cancelled");
    });
  });
}

Deno.test("uploadPack() to a read-only server is refused as a whole", async () => {
  await withService({ readOnly: true }, async (service) => {
    await service.client.write("a", sampleBytes(10));
    const refused = await assertRejects(
      () => uploadPack(service.caller, new Heard().files(service, ["a"]), options()),
      RemoteError,
    );
    assertEquals(refused.status, "read-only-server");
  });
});

Deno.test("downloadPack() publishes nothing that the disk refuses", async () => {
  await withService({}, async (service) => {
    for (const name of names(3)) await service.server.write(name, sampleBytes(1000));
    service.client.disk.faults = { failAt: 2, failOnly: ["rename"] };
    const heard = new Heard();
    await downloadPack(service.caller, heard.files(service, names(3)), options());
    const failed = [...heard.outcomes.values()].filter(({ kind }) => kind === "failed");
    assertEquals(failed.length, 1);
    assertEquals((await service.client.names()).length, 2);
  });
});

Deno.test("a pack whose words are wrong ends, and harms nothing", async () => {
  await withService({}, async (service) => {
    for (const name of ["put-many", "get-many"]) {
      const { code } = serverOperations.find((operation) => operation.name === name)!;
      for (const garbage of garbageWords()) {
        const stream = await service.connection.client.openStream();
        await stream.write(encodeRequest(code, emptyCodec, null));
        await stream.write(garbage).catch(() => {});
        await stream.finish().catch(() => {});
        while (await stream.read().catch(() => null) !== null);
      }
    }
    assertEquals(await service.server.root.list(REMOTE_ROOT), []);
  });
});

Deno.test("a client that confirms nothing gets no more than so many files, and more once it does", async () => {
  await withService({}, async (service) => {
    await service.server.write("a", new Uint8Array(1));
    const call = await service.caller.open(downloadPackOperation, null, {});
    const want = wantOf("a");
    const unconfirmedCount = 8192;
    const askedAtOnce = 1024;
    const take = async () => {
      await call.receive();
      await call.reader.exactly(33);
    };
    for (let count = 0; count < unconfirmedCount; count += askedAtOnce) {
      for (let index = 0; index < askedAtOnce; index++) await call.stream.write(want);
      for (let index = 0; index < askedAtOnce; index++) await take();
    }
    await call.stream.write(want);
    let hasMore = false;
    const more = take().then(() => hasMore = true);
    for (let turn = 0; turn < 20; turn++) await turnOfTheLoop();
    assert(!hasMore, "one more was sent");
    await call.stream.write(framed(new ByteWriter().u8(1).varint(5).varint(0)));
    await more;
    call.abandon("cancelled");
    call.close();
  });
});

function wantOf(name: string): Uint8Array {
  const word = new ByteWriter().u8(0);
  writePath(word, path(name));
  return framed(word);
}

function framed(body: ByteWriter): Uint8Array {
  const bytes = body.finish();
  return new ByteWriter().u32(bytes.length).bytes(bytes).finish().slice();
}

function garbageWords(): Uint8Array[] {
  const upwards = new ByteWriter().u8(0).varint(2);
  writeText(upwards, "..");
  writeText(upwards, "x");
  return [
    framed(new ByteWriter().u8(7)),
    framed(new ByteWriter().u8(1).varint(99).varint(0)),
    framed(upwards),
    new ByteWriter().u32(0xffff_ffff).finish().slice(),
    new ByteWriter().u32(100).bytes(new Uint8Array(5)).finish().slice(),
  ];
}

for (const exists of ["overwrite", "skip", "rename", "fail"] as const) {
  Deno.test(`uploadPack() that is repeated with ${exists} finds what it has left`, async () => {
    const { knowsHeld } = FEATURES;
    const opened = { ...options(exists), peerFeatures: knowsHeld };
    const all = names(200);
    const lost = { direction: "to-opener", bytes: 700 } as const;
    const setting = { streams: { loseAfter: lost }, clientFeatures: knowsHeld };
    await withService(setting, async (service) => {
      const { client, server } = service;
      for (const [index, name] of all.entries()) await client.write(name, sampleBytes(3000, index));
      await server.write("f3", sampleBytes(3000, 99));
      const first = new Heard();
      const files = first.files(service, all);
      await assertRejects(() => uploadPack(service.caller, files, opened), TransferError);
      await service.reconnect();
      const published = (await server.names()).length;
      const undecided = all.filter((name) => !first.outcomes.has(name));
      assert(published > all.length - undecided.length, "some replies must be lost");
      const again = new Heard();
      const left = again.files(service, undecided, ASKED_BEFORE);
      await uploadPack(service.caller, left, opened);
      for (const [index, name] of all.entries()) {
        if (index !== 3) assertEquals(await server.read(name), sampleBytes(3000, index));
      }
      const duplicates = (await server.names()).filter((name) => name.includes("("));
      assertEquals(duplicates, exists === "rename" ? ["f3 (1)"] : []);
      for (const name of undecided) {
        if (name === "f3" && exists === "fail") again.error(name);
        else if (name !== "f3") assert(!again.done(name).skipped);
      }
    });
  });
}

Deno.test("uploadPack() that is not repeated refuses or renames as asked", async () => {
  const opened = { peerFeatures: FEATURES.knowsHeld };
  await withService({ clientFeatures: FEATURES.knowsHeld }, async (service) => {
    for (const name of ["a", "b"]) await service.client.write(name, sampleBytes(10));
    const put = async (exists: ExistsPolicy) => {
      const heard = new Heard();
      const files = heard.files(service, ["a", "b"]);
      await uploadPack(service.caller, files, { ...options(exists), ...opened });
      return heard;
    };
    await put("overwrite");
    (await put("fail")).error("a");
    assertEquals((await put("rename")).done("b").target, "/b (1)");
    assert((await put("skip")).done("a").skipped);
  });
});

const ASKED_BEFORE = true;
