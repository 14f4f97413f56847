import { assertEquals, assertThrows } from "@std/assert";
import { Failures } from "../../lib/shell/failures.ts";
import {
  CancelledError,
  ConnectionLostError,
  SomeFailedError,
  SubjectError,
  UsageError,
} from "../../lib/shell/shell_error.ts";
import { FileError } from "../../lib/files/mod.ts";
import { RecordingTerminal } from "./shell_stage.ts";

function endOf(errors: readonly Error[], totalCount: number): SomeFailedError {
  const failures = new Failures("get", new RecordingTerminal());
  for (const [index, error] of errors.entries()) failures.tell(`name ${index}`, error);
  return assertThrows(() => failures.throwIfAny(totalCount), SomeFailedError);
}

Deno.test("Failures.tell() tells at once, throwIfAny() names all of them", () => {
  const terminal = new RecordingTerminal();
  const failures = new Failures("get", terminal);
  failures.throwIfAny(3);
  failures.tell("a", new FileError("exists", "a"));
  failures.tell("b", new UsageError("b is odd"));
  assertEquals(terminal.errors, ["It exists here: a", "b is odd"]);
  const end = assertThrows(() => failures.throwIfAny(3), SomeFailedError);
  assertEquals([end.failed, end.totalCount], [["a", "b"], 3]);
});

Deno.test("Failures.throwIfAny() keeps the exit code of all when none succeeded", () => {
  const [here, odd] = [new FileError("exists", "a"), new UsageError("odd")];
  assertEquals(endOf([here, here], 2).sharedExitCode, 9);
  assertEquals(endOf([here, here], 3).sharedExitCode, null);
  assertEquals(endOf([here, odd], 2).sharedExitCode, null);
});

Deno.test("Failures.tell() throws what is the end of everything", () => {
  const terminal = new RecordingTerminal();
  const failures = new Failures("get", terminal);
  for (const error of [new CancelledError(), new ConnectionLostError("gone")]) {
    assertThrows(() => failures.tell("a", new SubjectError("a", error)), SubjectError);
  }
  assertEquals(terminal.errors, []);
});
