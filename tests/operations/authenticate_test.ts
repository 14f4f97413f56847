/** Who gets in by the access code, who does not, and what nobody without a role may do. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { GuessLimiter, type ProofChannel, startCodeProof } from "../../lib/access/mod.ts";
import { authenticateOperation } from "../../lib/operations/authenticate.ts";
import {
  askStanding,
  CodeError,
  type CodeGate,
  listDirectory,
  PendingProofs,
  proveCode,
  type ServeContext,
  serverOperations,
  type ServiceEvent,
  shutdownServer,
} from "../../lib/operations/mod.ts";
import { REMOTE_ROOT } from "../../lib/files/mod.ts";
import { Caller, RemoteError, type Role, serveConnection } from "../../lib/request/mod.ts";
import { countingEntropy } from "../access/support.ts";
import { turns } from "../shell/shell_stage.ts";
import { connectionPair } from "../support/stream_pair.ts";

const CODE = "K7QF9X2M";

const CHANNEL: ProofChannel = {
  handshakeHash: new Uint8Array(32).fill(1),
  clientKey: new Uint8Array(32).fill(2),
  serverKey: new Uint8Array(32).fill(3),
};

Deno.test("proveCode() gives a role to who knows the code", async () => {
  await withServer({}, async ({ caller, events, granted }) => {
    assertEquals(await askStanding(caller), { role: "none", takesCode: true });
    const proven = await proveCode(caller, proof({}));
    assertEquals(proven, { role: "read-write", isKeyKept: true });
    assertEquals((await askStanding(caller)).role, "read-write");
    assertEquals(granted, [{ isKept: true }]);
    assertEquals(guesses(events), [["right", 0]]);
  });
});

Deno.test("a request that comes before the end of its client's proof waits for it", async () => {
  for (
    const [code, outcome, verdict] of [
      [CODE, { others: 0, stopping: true }, ["right", 0]],
      ["K7QF9X2N", "refused", ["wrong", 1]],
    ] as const
  ) {
    await withServer({ provenRole: "owner" }, async ({ caller, events }) => {
      const run = await startCodeProof("client", code, CHANNEL, countingEntropy());
      const request = { kind: "prove", share: run.share, isKeyKept: true } as const;
      const call = await caller.open(authenticateOperation, request);
      const reply = await call.receive();
      assert(reply.kind === "share");
      const asked = shutdownServer(caller).catch((error) => error.status);
      await turns();
      assertEquals(events.map(({ kind }) => kind), ["request"]); // the proof; neither is decided yet
      await call.stream.write(run.finish(reply.share)!.ownTag);
      await call.stream.finish();
      assertEquals(await asked, outcome);
      assertEquals(guesses(events), [[...verdict]]);
      call.complete();
    });
  }
});

Deno.test("proveCode()'s proof arrives although its signal aborts once it has resolved", async () => {
  await withServer({ readBytes: 1 }, async ({ caller, events }) => {
    const limit = new AbortController();
    await proveCode(caller, { ...proof({}), signal: limit.signal });
    limit.abort();
    assertEquals((await askStanding(caller)).role, "read-write");
    assertEquals(guesses(events), [["right", 0]]);
  });
});

Deno.test("proveCode() fails for a wrong code, and the server counts and tells it", async () => {
  await withServer({}, async ({ caller, events, granted }) => {
    assertEquals(await failureOf(caller, { code: "K7QF9X2N" }), "wrong-code");
    assertEquals(await failureOf(caller, { code: "00000000" }), "wrong-code");
    assertEquals((await askStanding(caller)).role, "none");
    assertEquals(await failureOf(caller, { code: "00000001" }), "wrong-code");
    assertEquals(await failureOf(caller, {}), "too-many-guesses");
    assertEquals(guesses(events), [["wrong", 1], ["wrong", 2], ["wrong", 3], ["too-many", 0]]);
    assertEquals(granted, []);
  });
});

Deno.test("proveCode() fails when somebody in the middle has a connection to each side", async () => {
  const elsewhere = { ...CHANNEL, handshakeHash: new Uint8Array(32).fill(9) };
  await withServer({}, async ({ caller }) => {
    assertEquals(await failureOf(caller, { channel: elsewhere }), "wrong-code");
  });
  const otherKey = { ...CHANNEL, serverKey: new Uint8Array(32).fill(9) };
  await withServer({}, async ({ caller }) => {
    assertEquals(await failureOf(caller, { channel: otherKey }), "wrong-code");
  });
});

Deno.test("a guess that is broken off counts as a wrong one", async () => {
  await withServer({}, async ({ caller, events }) => {
    const run = await startCodeProof("client", CODE, CHANNEL, countingEntropy());
    const request = { kind: "prove", share: run.share, isKeyKept: true } as const;
    const call = await caller.open(authenticateOperation, request);
    assertEquals((await call.receive()).kind, "share");
    call.close();
    return () => assertEquals(guesses(events), [["wrong", 1]]);
  });
});

Deno.test("a share that is no element of the group is refused as a wrong guess", async () => {
  await withServer({}, async ({ caller, events }) => {
    const request = { kind: "prove", share: new Uint8Array(32), isKeyKept: true } as const;
    const call = await caller.open(authenticateOperation, request);
    await call.stream.finish();
    const error = await assertRejects(() =>
      call.receive().catch((e) => Promise.reject(call.explain(e)))
    );
    call.close();
    assert(error instanceof RemoteError);
    assertEquals(error.status, "malformed");
    assertEquals(guesses(events), [["wrong", 1]]);
  });
});

Deno.test("proveCode() does not take a server's word for it", async () => {
  // It answers with a share of its own and a tag that it cannot know, and takes whatever comes then.
  const received: number[] = [];
  const hostile = {
    ...authenticateOperation,
    serve: async (
      _request: unknown,
      exchange: Parameters<typeof authenticateOperation.serve>[1],
    ) => {
      const run = await startCodeProof("server", "WR0NG000", CHANNEL, countingEntropy(99));
      const tag = new Uint8Array(64);
      const reply = {
        kind: "share",
        share: run.share,
        tag,
        role: "owner",
        isKeyKept: true,
      } as const;
      await exchange.respond(authenticateOperation.response, reply);
      received.push((await exchange.reader.exactly(1)).length);
      return reply;
    },
  };
  await withServer({ operations: [hostile] }, async ({ caller }) => {
    assertEquals(await failureOf(caller, {}), "wrong-code");
    return () => assertEquals(received, []);
  });
});

Deno.test("proveCode() says so when the server takes no code", async () => {
  await withServer({ hasNoCode: true, role: "read-write" }, async ({ caller }) => {
    assertEquals(await askStanding(caller), { role: "read-write", takesCode: false });
    assertEquals(await failureOf(caller, {}), "no-code");
  });
});

Deno.test("without a role every operation but authenticate is refused", async () => {
  assertEquals(
    serverOperations.filter(({ access }) => access === "anyone").map(({ name }) => name),
    ["authenticate"],
  );
  await withServer({}, async ({ caller }) => {
    const listing = () => Array.fromAsync(listDirectory(caller, REMOTE_ROOT));
    for (const ask of [listing, () => shutdownServer(caller, { force: true })]) {
      const error = await assertRejects<Error>(ask as () => Promise<unknown>, RemoteError);
      assertEquals((error as RemoteError).status, "refused");
    }
  });
});

interface Harness {
  readonly caller: Caller;
  readonly events: ServiceEvent[];
  readonly granted: { isKept: boolean }[];
}

interface HarnessOptions {
  readonly role?: Role;
  readonly provenRole?: Role;
  readonly hasNoCode?: boolean;
  readonly readBytes?: number;
  readonly operations?: readonly (typeof authenticateOperation)[];
}

/** A server with a code for one connection. What the test returns is checked after its end. */
async function withServer(
  options: HarnessOptions,
  test: (harness: Harness) => Promise<(() => void) | void>,
): Promise<void> {
  const { readBytes = Infinity } = options;
  const connection = connectionPair({ readBytes });
  const events: ServiceEvent[] = [];
  const granted: { isKept: boolean }[] = [];
  const limiter = new GuessLimiter(() => 0);
  const pending = new PendingProofs();
  let role: Role = options.role ?? "none";
  const codeGate: CodeGate = {
    code: CODE,
    channel: CHANNEL,
    entropy: countingEntropy(50),
    isKeyKept: true,
    role: options.provenRole ?? "read-write",
    pending,
    admitGuess: () => limiter.admit("192.0.2.1"),
    grant: ({ isKept }) => {
      granted.push({ isKept });
      role = codeGate.role;
      return Promise.resolve();
    },
  };
  const context = {
    get role() {
      return role;
    },
    readOnly: false,
    roleSettled: () => pending.settled(),
    connectionCount: () => 1,
    requestShutdown: () => {},
    codeGate: options.hasNoCode ? null : codeGate,
    onEvent: (event: ServiceEvent) => events.push(event),
  } as unknown as ServeContext;
  const operations = (options.operations ?? serverOperations) as typeof serverOperations;
  const ending = new AbortController();
  const served = serveConnection(connection.server, operations, context, ending.signal);
  const caller = new Caller(connection.client);
  const check = await test({ caller, events, granted });
  await caller.settle();
  connection.lose();
  await served;
  check?.();
}

function proof(changes: { code?: string; channel?: ProofChannel }) {
  return { code: CODE, channel: CHANNEL, entropy: countingEntropy(), isKeyKept: true, ...changes };
}

async function failureOf(caller: Caller, changes: Parameters<typeof proof>[0]): Promise<string> {
  const error = await assertRejects(() => proveCode(caller, proof(changes)), CodeError);
  return error.kind;
}

function guesses(events: readonly ServiceEvent[]) {
  return events.flatMap((event) =>
    event.kind === "guess" ? [[event.outcome, event.wrongCount]] : []
  );
}
