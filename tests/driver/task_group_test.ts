import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { TaskGroup } from "../../lib/driver/task_group.ts";

Deno.test("join() waits for every task, those started by tasks included", async () => {
  const tasks = new TaskGroup();
  const ended: string[] = [];
  const gate = Promise.withResolvers<void>();
  tasks.run("outer", async () => {
    await gate.promise;
    tasks.run("inner", async () => {
      await Promise.resolve();
      ended.push("inner");
    });
    ended.push("outer");
  });
  assertEquals(tasks.running, ["outer"]);
  const joined = tasks.join();
  gate.resolve();
  await joined;
  assertEquals(ended, ["outer", "inner"]);
  assertEquals(tasks.running, []);
  assertEquals(tasks.failure, null);
});

Deno.test("join() of an empty group resolves", async () => {
  await new TaskGroup().join();
});

Deno.test("the first failure is kept, told and thrown; the others go on", async () => {
  const tasks = new TaskGroup();
  const cause = new TypeError("No such thing");
  const gate = Promise.withResolvers<void>();
  let ended = false;
  tasks.run("reader", async () => {
    await Promise.resolve();
    throw cause;
  });
  tasks.run("writer", async () => {
    await gate.promise;
    ended = true;
    throw new Error("Too late");
  });
  const failure = await tasks.failed;
  assertEquals(failure.message, 'Background task "reader" failed: No such thing');
  assertStrictEquals(failure.cause, cause);
  assertStrictEquals(tasks.failure, failure);
  assertEquals(tasks.running, ["writer"]);
  gate.resolve();
  assertStrictEquals(await assertRejects(() => tasks.join()), failure);
  assert(ended);
});

Deno.test("a task that throws before its first await fails like any other", async () => {
  const tasks = new TaskGroup();
  tasks.run("broken", () => {
    // deno-lint-ignore no-throw-literal
    throw "a string";
  });
  assertEquals((await tasks.failed).message, 'Background task "broken" failed: a string');
  await assertRejects(() => tasks.join());
});
