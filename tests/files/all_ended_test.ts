import { assertEquals, assertRejects } from "@std/assert";
import { allEnded } from "../../lib/files/all_ended.ts";

Deno.test("allEnded() gives what all resolved to, in order", async () => {
  assertEquals(await allEnded([Promise.resolve(1), Promise.resolve("two")]), [1, "two"]);
});

Deno.test("allEnded() waits for the others before it fails, with the first failure in order", async () => {
  const slow = Promise.withResolvers<void>();
  const ended: string[] = [];
  const waiting = slow.promise.then(() => {
    ended.push("slow");
    throw new Error("first in order");
  });
  const failed = assertRejects(
    () => allEnded([waiting, Promise.reject(new Error("first in time"))]),
    Error,
    "first in order",
  );
  await Promise.resolve();
  assertEquals(ended, []);
  slow.resolve();
  await failed;
  assertEquals(ended, ["slow"]);
});
