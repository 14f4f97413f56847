import { assert, assertEquals } from "@std/assert";
import { StreamError } from "../../lib/bytes/byte_stream.ts";
import { FileError } from "../../lib/files/mod.ts";
import {
  canResumeAfter,
  failureStatus,
  transferFailure,
} from "../../lib/operations/error_status.ts";
import { MessageError, RemoteError, statusCode } from "../../lib/request/mod.ts";
import { TransferError } from "../../lib/transfer/mod.ts";

Deno.test("failureStatus() names what went wrong and leaves bugs to others", () => {
  assertEquals(failureStatus(new FileError("no-space", "/a")), { status: "no-space", path: "/a" });
  assertEquals(failureStatus(new FileError("too-many-open", "/a"))?.status, "busy");
  assertEquals(failureStatus(new TransferError("protocol", "/a"))?.status, "malformed");
  assertEquals(failureStatus(new TypeError("a bug")), null);
});

Deno.test("transferFailure() says who ended a transfer", () => {
  const cut = (status: "changed" | "no-space" | "integrity") =>
    new StreamError("reset-by-peer", statusCode(status));
  const word = (error: unknown) => {
    const failure = transferFailure(error, "/a");
    return failure instanceof TransferError
      ? failure.kind
      : failure instanceof RemoteError
      ? `remote ${failure.status}`
      : failure instanceof FileError
      ? `here ${failure.kind}`
      : failure;
  };
  assertEquals(word(new StreamError("connection-lost")), "connection-lost");
  assertEquals(word(new StreamError("aborted")), "cancelled");
  assertEquals(word(cut("changed")), "changed");
  assertEquals(word(cut("integrity")), "integrity");
  assertEquals(word(cut("no-space")), "remote no-space");
  assertEquals(word(new RemoteError("not-found", "/a")), "remote not-found");
  assertEquals(word(new RemoteError("malformed", "/a")), "protocol");
  assertEquals(word(new MessageError("x")), "protocol");
  assertEquals(word(new FileError("no-space", "/a")), "here no-space");
  assertEquals(word(new FileError("changed", "/a")), "changed");
});

Deno.test("canResumeAfter() keeps what may still be right", () => {
  for (
    const error of [
      new StreamError("connection-lost"),
      new StreamError("aborted"),
      new StreamError("reset-by-peer", statusCode("stopping")),
      new FileError("no-space", "/a"),
      new TypeError("a bug"),
    ]
  ) assert(canResumeAfter(error), `${error}`);
  for (
    const error of [
      new StreamError("reset-by-peer", statusCode("changed")),
      new StreamError("reset-by-peer", statusCode("integrity")),
      new MessageError("x"),
      new TransferError("protocol", "/a"),
    ]
  ) assert(!canResumeAfter(error), `${error}`);
});
