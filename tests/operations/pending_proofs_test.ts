/** Requests wait for the end of every proof that is under way. */
import { assert } from "@std/assert";
import { PendingProofs } from "../../lib/operations/mod.ts";

Deno.test("PendingProofs.settled() resolves when the last proof has ended", async () => {
  const proofs = new PendingProofs();
  await proofs.settled();
  const ends = [proofs.begin(), proofs.begin()];
  let isSettled = false;
  const settled = proofs.settled().then(() => isSettled = true);
  ends[0]!();
  ends[0]!();
  await Promise.resolve();
  assert(!isSettled);
  ends[1]!();
  await settled;
  assert(isSettled);
});

Deno.test("PendingProofs.settled() waits for a proof that begins when another one ends", async () => {
  const proofs = new PendingProofs();
  const end = proofs.begin();
  let isSettled = false;
  const settled = proofs.settled().then(() => isSettled = true);
  end();
  const endNext = proofs.begin();
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  assert(!isSettled);
  endNext();
  await settled;
});
