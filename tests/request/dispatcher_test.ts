import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { StreamError } from "../../lib/bytes/byte_stream.ts";
import {
  ANSWERED,
  Caller,
  type Codec,
  COMPRESSED,
  emptyCodec,
  encodeRequest,
  MAX_CONCURRENT_REQUESTS,
  type Operation,
  readText,
  RemoteError,
  type RequestContext,
  type RequestEvent,
  type Role,
  serveConnection,
  statusCode,
  writeText,
} from "../../lib/request/mod.ts";
import { connectionPair } from "../support/stream_pair.ts";

const textCodec: Codec<string> = {
  encode: (text, writer) => writeText(writer, text),
  decode: (reader) => readText(reader, 1000),
};

type TextOperation = Operation<string, string, RequestContext>;

function operation(
  code: number,
  name: string,
  serve: TextOperation["serve"],
  access: TextOperation["access"] = "read",
): TextOperation {
  return { code, name, access, request: textCodec, response: textCodec, subject: (t) => t, serve };
}

const echo = operation(1, "echo", (text) => Promise.resolve(`${text}!`));
const change = operation(2, "change", () => Promise.resolve("changed"), "write");
const stop = operation(3, "stop", () => Promise.resolve("stopped"), "owner");
const fail = operation(4, "fail", (path) => Promise.reject(new RemoteError("no-space", path)));
const bug = operation(5, "bug", () => Promise.reject(new TypeError("secret detail")));
const count = operation(6, "count", async (text, exchange) => {
  for (let index = 1; index <= 3; index++) await exchange.respond(textCodec, `${text} ${index}`);
  return ANSWERED;
});
const OPERATIONS: TextOperation[] = [echo, change, stop, fail, bug, count];

/** A server that serves one connection until the connection is lost. */
function startServer(
  options: { role?: Role; readOnly?: boolean; operations?: TextOperation[] } = {},
) {
  const connection = connectionPair();
  const events: RequestEvent[] = [];
  const ending = new AbortController();
  const draining = new AbortController();
  const context: RequestContext = {
    role: options.role ?? "owner",
    readOnly: options.readOnly ?? false,
    roleSettled: () => Promise.resolve(),
    onEvent: (event) => events.push(event),
  };
  const served = serveConnection(
    connection.server,
    options.operations ?? OPERATIONS,
    context,
    ending.signal,
    draining.signal,
  );
  return {
    ...connection,
    caller: new Caller(connection.client),
    events,
    ending,
    draining,
    served,
    async end() {
      connection.lose();
      await served;
    },
  };
}

async function statusOf(call: Promise<unknown>): Promise<string> {
  return (await assertRejects(() => call, RemoteError)).status;
}

Deno.test("serveConnection() answers requests, also several replies to one", async () => {
  const server = startServer();
  assertEquals(await server.caller.call(echo, "hello"), "hello!");
  assertEquals(await Array.fromAsync(server.caller.replies(count, "n")), ["n 1", "n 2", "n 3"]);
  assertEquals(server.events, [
    { kind: "request", name: "echo", path: "hello" },
    { kind: "request", name: "count", path: "n" },
  ]);
  await server.end();
});

Deno.test("serveConnection() answers a bulky request of a caller that compresses in the same way", async () => {
  const server = startServer();
  const caller = new Caller(server.client, { isCompressing: true });
  const text = "x".repeat(900);
  for (const isBulky of [true, false]) {
    assertEquals(await caller.call({ ...echo, isBulky }, text), `${text}!`);
    assertEquals((await Array.fromAsync(caller.replies({ ...count, isBulky }, "n"))).length, 3);
    assertEquals(await statusOf(caller.call({ ...fail, isBulky }, "/full")), "no-space");
  }
  const carried = server.client.streams.map((stream) => stream.writtenBytes);
  assert(carried[0]! < 100 && carried[3]! > 900, `${carried[0]} and ${carried[3]} bytes`);
  assertEquals(
    await statusOf(caller.call({ ...echo, isBulky: true, code: COMPRESSED }, "x")),
    "unsupported",
  );
  await server.end();
});

Deno.test("serveConnection() lets nobody do what the role or the server forbids", async () => {
  const allowed = async (options: { role?: Role; readOnly?: boolean }) => {
    const server = startServer(options);
    const ask = (wanted: TextOperation) =>
      server.caller.call(wanted, "x").catch((error: RemoteError) => error.status);
    const answers = [await ask(echo), await ask(change), await ask(stop)];
    await server.end();
    return answers;
  };
  assertEquals(await allowed({ role: "owner" }), ["x!", "changed", "stopped"]);
  assertEquals(await allowed({ role: "read-write" }), ["x!", "changed", "refused"]);
  assertEquals(await allowed({ role: "read-only" }), ["x!", "refused", "refused"]);
  assertEquals(await allowed({ role: "owner", readOnly: true }), [
    "x!",
    "read-only-server",
    "stopped",
  ]);
});

Deno.test("serveConnection() answers failures with their status and keeps bugs to itself", async () => {
  const server = startServer();
  assertEquals(await statusOf(server.caller.call(fail, "/full")), "no-space");
  assertEquals(await statusOf(server.caller.call(bug, "/x")), "internal");
  assertEquals(await statusOf(server.caller.call({ ...echo, code: 99 }, "x")), "unsupported");
  assertEquals(await server.caller.call(echo, "alive"), "alive!");
  const failures = server.events.filter((event) => event.kind === "failure");
  assertEquals(failures.map(({ name, path, reason }) => [name, path, reason]), [
    ["fail", "/full", "no-space"],
    ["bug", "/x", "internal"],
    ["", "", "unsupported"],
  ]);
  assertStringIncludes(failures[1]!.detail ?? "", "secret detail");
  await server.end();
});

Deno.test("a malformed request cuts its stream and nothing else", async () => {
  const server = startServer();
  const garbage = [
    Uint8Array.of(0xff, 0xff, 0xff, 0xff),
    Uint8Array.of(0, 0, 0, 0),
    Uint8Array.of(0, 0, 0, 9, 1),
    Uint8Array.of(0, 0, 0, 3, 1, 200, 65),
    encodeRequest(1, { encode: (_, writer) => writer.u8(1).u8(0xff), decode: () => null }, null),
  ];
  const begun = encodeRequest(COMPRESSED, emptyCodec, null);
  const noBlocks = [
    Uint8Array.of(0, 0, 0, 5, 1), // ends early
    Uint8Array.of(0x80, 0, 0, 4, 0, 0, 0, 9, 1, 2, 3, 4), // no Zstandard frame
    Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), // 2 GiB that unpack to 4
  ];
  for (const pieces of [...garbage.map((bytes) => [bytes]), ...noBlocks.map((b) => [begun, b])]) {
    const stream = await server.client.openStream();
    for (const bytes of pieces) await stream.write(bytes);
    await stream.finish();
    const error = await assertRejects(() => stream.read(), StreamError, "reset-by-peer");
    assertEquals(error.code, statusCode("malformed"));
  }
  assertEquals(await server.caller.call(echo, "alive"), "alive!");
  await server.end();
});

Deno.test("a client that sends more than its request is stopped", async () => {
  const server = startServer();
  const stream = await server.client.openStream();
  await stream.write(encodeRequest(1, textCodec, "hello"));
  await stream.write(new Uint8Array(10));
  while (stream.stoppedWith === null) await Promise.resolve();
  assertEquals(stream.stoppedWith, statusCode("malformed"));
  await server.end();
});

Deno.test("a client that ends a stream without a request gets an end", async () => {
  const server = startServer();
  const stream = await server.client.openStream();
  await stream.finish();
  assertEquals(await stream.read(), null);
  await server.end();
});

Deno.test("serveConnection() serves 64 requests at a time and lets the rest wait", async () => {
  const gate = Promise.withResolvers<void>();
  let running = 0;
  const wait = operation(7, "wait", async (text) => {
    running++;
    await gate.promise;
    return text;
  });
  const server = startServer({ operations: [wait] });
  const calls = Array.from({ length: 70 }, (_, index) => server.caller.call(wait, `${index}`));
  while (running < MAX_CONCURRENT_REQUESTS) await Promise.resolve();
  for (let turn = 0; turn < 100; turn++) await Promise.resolve();
  assertEquals([running, server.server.unaccepted], [64, 6]);
  gate.resolve();
  assertEquals((await Promise.all(calls)).length, 70);
  await server.end();
});

/** An operation that runs until its stream is cut. */
function endless() {
  const started = Promise.withResolvers<void>();
  const wait = operation(8, "endless", async (_text, exchange) => {
    started.resolve();
    await exchange.reader.end();
    return ANSWERED;
  });
  return { wait, started: started.promise };
}

Deno.test("serveConnection() cuts what is running when it is told to end", async () => {
  const { wait, started } = endless();
  const server = startServer({ operations: [wait] });
  const call = await server.caller.open(wait, "x");
  await started;
  server.ending.abort();
  await server.served;
  assertEquals(
    await statusOf(call.receive().catch((error) => Promise.reject(call.explain(error)))),
    "stopping",
  );
  assertEquals(server.events.at(-1)?.kind, "failure");
});

Deno.test("serveConnection() lets running requests end while it drains, and no others begin", async () => {
  const { wait, started } = endless();
  const server = startServer({ operations: [wait, echo] });
  const call = await server.caller.open(wait, "x");
  await started;
  server.draining.abort();
  assertEquals(await statusOf(server.caller.call(echo, "late")), "stopping");
  await call.stream.finish();
  assertEquals(await call.receiveNext(), null);
  call.close();
  await server.served;
});

Deno.test("serveConnection() ends at once when it drains and nothing is running", async () => {
  const server = startServer();
  assertEquals(await server.caller.call(echo, "x"), "x!");
  server.draining.abort();
  await server.served;
});

Deno.test("serveConnection() ends with the connection, requests under way included", async () => {
  const { wait, started } = endless();
  const server = startServer({ operations: [wait] });
  await server.caller.open(wait, "x");
  await started;
  await server.end();
  const last = server.events.at(-1);
  assertEquals(last?.kind === "failure" && last.reason, "connection-lost");
});
