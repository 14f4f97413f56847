import { assert, assertEquals, assertRejects } from "@std/assert";
import { StreamError } from "../../lib/bytes/byte_stream.ts";
import {
  Caller,
  emptyCodec,
  encodeResponse,
  type OperationShape,
  RemoteError,
  statusCode,
} from "../../lib/request/mod.ts";
import { connectionPair } from "../support/stream_pair.ts";

const nothing: OperationShape<null, null> = {
  code: 1,
  name: "nothing",
  request: emptyCodec,
  response: emptyCodec,
  subject: () => "/x",
};

Deno.test("Caller.call() ends with aborted when it is given up, and tells the server", async () => {
  const { client, server } = connectionPair();
  const giving = new AbortController();
  const call = new Caller(client).call(nothing, null, { signal: giving.signal });
  const stream = await server.acceptStream();
  giving.abort();
  assertEquals((await assertRejects(() => call, StreamError)).kind, "aborted");
  assertEquals(stream!.stoppedWith, statusCode("cancelled"));
});

Deno.test("Caller.call() sends nothing for a signal that is aborted already", async () => {
  const { client } = connectionPair();
  const call = new Caller(client).call(nothing, null, { signal: AbortSignal.abort() });
  await assertRejects(() => call, StreamError, "aborted");
  assertEquals(client.streams.length, 0);
});

Deno.test("Caller.call() takes one reply: silence and more than one are malformed", async () => {
  const call = async (replies: number) => {
    const { client, server } = connectionPair();
    const call = new Caller(client).call(nothing, null);
    const stream = await server.acceptStream();
    for (let index = 0; index < replies; index++) {
      await stream!.write(encodeResponse(emptyCodec, null));
    }
    await stream!.finish();
    return await call;
  };
  assertEquals(await call(1), null);
  for (const replies of [0, 2]) {
    const error = await assertRejects(() => call(replies), RemoteError);
    assertEquals([error.status, error.path], ["malformed", "/x"]);
  }
});

Deno.test("Caller.call() says that the connection is lost", async () => {
  const { client, lose } = connectionPair();
  const call = new Caller(client).call(nothing, null);
  lose();
  assertEquals((await assertRejects(() => call, StreamError)).kind, "connection-lost");
});

Deno.test("Caller.replies() cuts the stream when the loop is left early", async () => {
  const { client, server } = connectionPair();
  const replies = new Caller(client).replies(nothing, null);
  const served = server.acceptStream().then(async (stream) => {
    await stream!.write(encodeResponse(emptyCodec, null));
    return stream!;
  });
  for await (const reply of replies) {
    assertEquals(reply, null);
    break;
  }
  assertEquals((await served).stoppedWith, statusCode("cancelled"));
});

Deno.test("Caller.settle() waits for what lingers and forgives a lost stream", async () => {
  const caller = new Caller(connectionPair().client);
  let isDone = false;
  const last = Promise.withResolvers<void>();
  caller.linger(last.promise.then(() => {
    isDone = true;
  }));
  caller.linger(Promise.reject(new StreamError("connection-lost")));
  last.resolve();
  await caller.settle();
  assert(isDone);
});
