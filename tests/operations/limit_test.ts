/** What limited a transfer, from the side that measured it to the side that shows it. */
import { assertEquals } from "@std/assert";
import type { SendTimes } from "../../lib/bytes/send_times.ts";
import { download, FEATURES, type TransferGauge, upload } from "../../lib/operations/mod.ts";
import type { TransferLimit } from "../../lib/transfer/mod.ts";
import { path, sampleBytes, withService } from "./service.ts";

const NO_TIMES: SendTimes = { pathMs: 0, lossMs: 0, capMs: 0, peerMs: 0, idleMs: 0, busyMs: 0 };

/** A side on which each look at the clock is half a second later, all of it for one reason. */
function gauge(key: keyof SendTimes): TransferGauge {
  let nowMs = 0;
  return {
    meter: {
      nowMs: () => nowMs += 500,
      cpuMs: () => 0,
      sendTimes: () => ({ ...NO_TIMES, [key]: nowMs }),
    },
  };
}

const CONTENT = sampleBytes(100_000);

async function limits(
  move: "get" | "put",
  ends: { readonly here: TransferGauge; readonly server: TransferGauge },
  features: number = FEATURES.limits,
): Promise<[TransferLimit | null, TransferLimit | undefined]> {
  let shown: TransferLimit | null = null;
  let logged: TransferLimit | undefined;
  await withService({ gauge: ends.server, clientFeatures: features }, async (service) => {
    const { caller, client, server } = service;
    await (move === "get" ? server : client).write("a.bin", CONTENT);
    const options = { exists: "overwrite", gauge: ends.here, peerFeatures: features } as const;
    const local = { root: client.root, path: path("a.bin") };
    const result = move === "get"
      ? await download(caller, path("a.bin"), local, options)
      : await upload(caller, local, path("a.bin"), options);
    assertEquals(await (move === "get" ? client : server).read("a.bin"), CONTENT);
    shown = result.limit;
    await service.settle();
    for (const event of service.events) if (event.kind === "transfer") logged = event.limit;
  });
  return [shown, logged];
}

Deno.test("get: the server says what limited it, and both sides tell", async () => {
  const here = gauge("idleMs");
  const server = gauge("capMs");
  assertEquals(await limits("get", { here, server }), ["cap", "cap"]);
});

Deno.test("put: the client says what limited it, and both sides tell", async () => {
  const here = gauge("idleMs");
  const server = gauge("pathMs");
  assertEquals(await limits("put", { here, server }), ["cpu", "cpu"]);
});

Deno.test("a peer that does not know of limits gets no byte of them", async () => {
  for (const features of [0, 2]) {
    const ends = { here: gauge("capMs"), server: gauge("capMs") };
    const [got, sent] = await limits("get", ends, features);
    assertEquals([got === "cap", sent], [false, "cap"]);
    const again = { here: gauge("capMs"), server: gauge("capMs") };
    const [put, received] = await limits("put", again, features);
    assertEquals([put, received === "cap"], ["cap", false]);
  }
});
