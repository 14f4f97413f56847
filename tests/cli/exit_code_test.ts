import { assertEquals, assertStringIncludes } from "@std/assert";
import { StreamError } from "../../lib/bytes/byte_stream.ts";
import { describeFailure } from "../../lib/cli/exit_code.ts";
import { FileError } from "../../lib/files/mod.ts";
import { RemoteError } from "../../lib/request/mod.ts";
import {
  about,
  CancelledError,
  ConnectFailure,
  ConnectionLostError,
  NotConnectedError,
  OneNameError,
  SomeFailedError,
  SubjectError,
  UnknownCommandError,
  UsageError,
} from "../../lib/shell/mod.ts";
import { TransferError } from "../../lib/transfer/mod.ts";

Deno.test("describeFailure() gives every kind of error its exit code", () => {
  const cases: [unknown, number][] = [
    [new Error("?"), 1],
    [new RemoteError("io", "/x"), 1],
    [new RemoteError("internal", "/x"), 1],
    [new UsageError("?"), 2],
    [new UnknownCommandError("x", [], []), 2],
    [new RemoteError("is-a-directory", "/x"), 2],
    [new RemoteError("not-found", "/x"), 3],
    [new FileError("not-found", "x"), 3],
    [new RemoteError("refused", ""), 4],
    [new RemoteError("read-only-server", "/x"), 4],
    [new RemoteError("permission", "/x"), 4],
    [new FileError("outside", "../x"), 4],
    [new ConnectFailure("refused", "?"), 4],
    [new ConnectFailure("unreachable", "?"), 5],
    [new ConnectFailure("unknown-host", "?"), 5],
    [new NotConnectedError(), 5],
    [new RemoteError("stopping", ""), 5],
    [new ConnectionLostError("?"), 6],
    [new StreamError("connection-lost"), 6],
    [new TransferError("connection-lost", "x"), 6],
    [new RemoteError("integrity", "/x"), 7],
    [new TransferError("integrity", "x"), 7],
    [new FileError("changed", "x"), 7],
    [new RemoteError("no-space", "/x"), 8],
    [new RemoteError("quota", "/x"), 8],
    [new FileError("no-space", "x"), 8],
    [new RemoteError("exists", "/x"), 9],
    [new FileError("exists", "x"), 9],
    [new OneNameError("?"), 9],
    [new ConnectFailure("version-mismatch", "?"), 10],
    [new SomeFailedError(["a"], 2, null), 11],
    [new SomeFailedError(["a", "b"], 2, 3), 3],
    [new RemoteError("changed", "/x"), 12],
    [new TransferError("changed", "x"), 12],
    [new CancelledError(), 130],
    [new TransferError("cancelled", "x"), 130],
    [new StreamError("aborted"), 130],
  ];
  for (const [error, exitCode] of cases) {
    assertEquals(describeFailure("get", error).exitCode, exitCode, String(error));
  }
});

Deno.test("describeFailure() says of every command that moves files what became of them", () => {
  for (const command of ["get", "put", "sync", "resume"]) {
    const { message } = describeFailure(command, new CancelledError());
    assertEquals(message, "Cancelled; what arrived is kept");
  }
  assertEquals(describeFailure("list", new CancelledError()).message, "Cancelled");
});

Deno.test("describeFailure() says the documented sentences with the user's own words", () => {
  const missing = new SubjectError("b.txt", new RemoteError("not-found", "/deep/b.txt"));
  assertEquals(describeFailure("get", missing).message, "No such file on the server: b.txt");
  const local = new SubjectError("c.txt", new FileError("not-found", "/c.txt"));
  assertEquals(describeFailure("put", local).message, "No such file here: c.txt");
  const unknown = new UnknownCommandError("foo", ["get", "put"], ["get", "put", "list"]);
  assertEquals(describeFailure("foo", unknown), {
    code: "unknown-command",
    exitCode: 2,
    message: "Unknown command: foo. Did you mean get or put?",
    more: ["Commands: get put list"],
  });
  const some = new SomeFailedError(Array.from({ length: 25 }, (_, index) => `f${index}`), 30, null);
  assertStringIncludes(describeFailure("get", some).message, "25 of 30 failed: f0, f1, ");
  assertStringIncludes(describeFailure("get", some).message, "f19 and 5 more");
});

Deno.test("about() keeps the innermost name", async () => {
  const error = await about("*.txt", () =>
    about("a.txt", () => {
      throw new RemoteError("not-found", "/a.txt");
    })).catch((error: unknown) => error);
  assertEquals(describeFailure("rm", error).message, "No such file on the server: a.txt");
});
