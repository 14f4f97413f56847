/**
 * Every way in which a disk, a program or the power can fail during a put, at every single call:
 * the name means the old file or the new one, success is never told too early, and the same command
 * given again succeeds and leaves nothing behind.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { LEAF_BYTES } from "../../lib/crypto/mod.ts";
import {
  FileError,
  FileRoot,
  type PartialOptions,
  REMOTE_ROOT,
  resolveRemotePath,
} from "../../lib/files/mod.ts";
import { StoppedError } from "../support/faulty_calls.ts";
import { MemoryDisk } from "../support/memory_disk.ts";
import { chances } from "../support/power_loss.ts";
import { rootOf } from "../support/root_of.ts";

const OLD = new TextEncoder().encode("the old file");
const SIZES = { big: LEAF_BYTES + 600_000, small: 4096 };
const MODES = ["overwrite", "fail"] as const;

for (const [size, sizeBytes] of Object.entries(SIZES)) {
  for (const exists of MODES) {
    const content = new Uint8Array(sizeBytes).map((_, index) => index * 31 >> 3);
    const hash = rootOf(content);
    const options: PartialOptions = {
      sizeBytes,
      modifiedMs: 1000,
      mode: exists === "fail" ? 0o444 : 0o644,
      exists,
      sourceToken: "token",
    };
    const scenario = { content, hash, options };
    const title = `a ${size} put that must ${exists === "fail" ? "not replace" : "replace"}`;

    Deno.test(`${title} survives a failure of any call`, async () => {
      await atEveryCall(scenario, async (call) => {
        for (const failCode of ["EIO", "ENOSPC"]) {
          const disk = newDisk(exists);
          const root = await FileRoot.open("/r", { disk });
          disk.faults = { failAt: call, failCode };
          const outcome = await put(root, scenario);
          assertWhole(disk, scenario, outcome);
          assertEquals(disk.openHandles, 1, `handles left open after call ${call} failed`);
          disk.faults = {};
          await assertSecondTry(disk, root, scenario);
        }
      });
    });

    Deno.test(`${title} survives a kill at any call`, async () => {
      await atEveryCall(scenario, async (call) => {
        const disk = newDisk(exists);
        const outcome = await putUntilStopped(disk, call, scenario);
        const after = disk.afterKill();
        assertWhole(after, scenario, outcome);
        await assertSecondTry(after, await FileRoot.open("/r", { disk: after }), scenario);
      });
    });

    Deno.test(`${title} survives a power loss at any call`, async () => {
      await atEveryCall(scenario, async (call) => {
        const disk = newDisk(exists);
        const outcome = await putUntilStopped(disk, call, scenario);
        for (const seed of [0, 1, 2, 3]) {
          const after = disk.afterPowerLoss(chances(seed));
          assertWhole(after, scenario, outcome);
          await assertSecondTry(after, await FileRoot.open("/r", { disk: after }), scenario);
        }
      });
    });

    Deno.test(`${title} is durable once it is told to be`, async () => {
      const disk = newDisk(exists);
      const root = await FileRoot.open("/r", { disk });
      assertEquals(await put(root, scenario), "committed");
      for (let seed = 0; seed < 40; seed++) {
        assertWhole(disk.afterPowerLoss(chances(seed)), scenario, "committed");
      }
    });
  }
}

/** So many small files at the same time that they are flushed together. */
const MANY = 12;

Deno.test("many small puts flushed together survive a failure, a kill or a power loss at any call", async () => {
  const newTogether = () => {
    const disk = new MemoryDisk();
    disk.canFlushAll = true;
    for (let index = 0; index < MANY; index++) disk.putFile(`/r/folder/f${index}`, OLD);
    return disk;
  };
  const clean = newTogether();
  const cleanRoot = await FileRoot.open("/r", { disk: clean });
  const before = clean.calls.length;
  assertEquals(await putMany(cleanRoot), Array(MANY).fill("committed"));
  const callCount = clean.calls.length - before;
  assert(clean.calls.includes("syncFileSystem"), "they were flushed one by one");
  for (let call = 1; call <= callCount; call++) {
    for (const failCode of ["EIO", "ENOSPC", "EMFILE"]) {
      const disk = newTogether();
      const root = await FileRoot.open("/r", { disk });
      disk.faults = { failAt: call, failCode };
      const outcomes = await putMany(root);
      assertAllWhole(disk, outcomes);
      assertEquals(disk.openHandles, 1, `handles left open after call ${call} failed`);
      disk.faults = {};
      assertAllWhole(disk, await putMany(root));
      assertEquals(disk.namesIn("/r/.~ft-staging"), []);
    }
    const disk = newTogether();
    const root = await FileRoot.open("/r", { disk });
    disk.faults = { stopAt: call };
    const outcomes = await putMany(root);
    assertAllWhole(disk.afterKill(), outcomes);
    for (const seed of [0, 1, 2, 3]) assertAllWhole(disk.afterPowerLoss(chances(seed)), outcomes);
  }
});

const manyContent = (index: number) => new Uint8Array(5000).fill(index + 1);

async function putMany(root: FileRoot): Promise<Outcome[]> {
  return await Promise.all(Array.from({ length: MANY }, async (_, index) => {
    const content = manyContent(index);
    const options: PartialOptions = {
      ...{ sizeBytes: content.length, modifiedMs: 1000, mode: 0o644, exists: "overwrite" },
      sourceToken: "token",
    };
    try {
      const path = resolveRemotePath(REMOTE_ROOT, `folder/f${index}`);
      const part = await root.openPartial(path, options);
      await part.write(content);
      await part.commit(rootOf(content));
      return "committed";
    } catch (error) {
      assert(error instanceof FileError, String(error));
      return "failed";
    }
  }));
}

function assertAllWhole(disk: MemoryDisk, outcomes: readonly Outcome[]): void {
  for (const [index, outcome] of outcomes.entries()) {
    const found = disk.contentOf(`/r/folder/f${index}`)!;
    const isNew = isEqual(found, manyContent(index));
    if (outcome === "committed") {
      assert(isNew, "success was told, but the new content is not there");
    }
    assert(isNew || isEqual(found, OLD), "the name means neither the old file nor the new one");
  }
}

type Outcome = "committed" | "failed";

interface Scenario {
  readonly content: Uint8Array;
  readonly hash: Uint8Array;
  readonly options: PartialOptions;
}

/** Runs `check` for every call that an undisturbed put makes. */
async function atEveryCall(
  scenario: Scenario,
  check: (call: number) => Promise<void>,
): Promise<void> {
  const disk = newDisk(scenario.options.exists);
  const root = await FileRoot.open("/r", { disk });
  const before = disk.calls.length;
  assertEquals(await put(root, scenario), "committed");
  const callCount = disk.calls.length - before;
  assert(callCount > 5);
  for (let call = 1; call <= callCount; call++) await check(call);
}

function newDisk(exists: PartialOptions["exists"]): MemoryDisk {
  const disk = new MemoryDisk();
  disk.putNode("/r/folder", "directory");
  if (exists === "overwrite") disk.putFile("/r/folder/f", OLD);
  return disk;
}

async function put(root: FileRoot, { content, hash, options }: Scenario): Promise<Outcome> {
  try {
    const part = await root.openPartial(target(), options);
    try {
      for (let offset = part.resumeOffset; offset < content.length; offset += 100_000) {
        await part.write(content.subarray(offset, offset + 100_000));
      }
      await part.commit(hash);
      return "committed";
    } finally {
      await part.park();
    }
  } catch (error) {
    assert(error instanceof FileError, String(error));
    return "failed";
  }
}

async function putUntilStopped(
  disk: MemoryDisk,
  call: number,
  scenario: Scenario,
): Promise<Outcome> {
  const root = await FileRoot.open("/r", { disk });
  disk.faults = { stopAt: call };
  const outcome = await put(root, scenario);
  const error = await assertRejects(() => root.status(REMOTE_ROOT), FileError);
  assert(error.cause instanceof StoppedError, "the program was not stopped");
  return outcome;
}

/** The name means the old content or the new; the new for certain once that was told. */
function assertWhole(
  disk: MemoryDisk,
  { content, options }: Scenario,
  outcome: Outcome,
): void {
  const found = disk.contentOf("/r/folder/f");
  const isNew = found !== null && isEqual(found, content);
  if (outcome === "committed") assert(isNew, "success was told, but the new content is not there");
  const isOld = options.exists === "overwrite" ? found !== null && isEqual(found, OLD) : !found;
  assert(isNew || isOld, "the name means neither the old file nor the new one");
}

/** The same put again succeeds, unless the first one did without telling, and cleans up. */
async function assertSecondTry(
  disk: MemoryDisk,
  root: FileRoot,
  scenario: Scenario,
): Promise<void> {
  const isThere = disk.contentOf("/r/folder/f") !== null;
  const outcome = await put(root, scenario);
  assertEquals(outcome, scenario.options.exists === "fail" && isThere ? "failed" : "committed");
  assert(isEqual(disk.contentOf("/r/folder/f")!, scenario.content));
  await root.cleanStaging({ nowMs: disk.nowMs + 1, maxAgeMs: 0 });
  await root.close();
  assertEquals(disk.namesIn("/r"), ["folder"]);
  assertEquals(disk.namesIn("/r/folder"), ["f"]);
  assertEquals(disk.openHandles, 0);
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}

function target() {
  return resolveRemotePath(REMOTE_ROOT, "folder/f");
}
