/**
 * What a packet costs in each provider, and the rest of the cryptography that a connection pays for.
 *
 * `deno bench -A tests/bench/crypto_bench.ts`
 */
import {
  createIdentity,
  nodeAeadProvider,
  NoiseHandshake,
  openLibcrypto,
  packetKeys,
  Sha256,
  type SuiteName,
  SUITES,
  TAG_BYTES,
} from "../../lib/crypto/mod.ts";
import { hmacSha256 } from "../../lib/crypto/key_schedule.ts";

const HEADER_BYTES = 24;
const libcrypto = openLibcrypto();
const providers = libcrypto === null ? [nodeAeadProvider] : [libcrypto, nodeAeadProvider];
const arena = new Uint8Array(1 << 20);

for (const plaintextLength of [1440, 65_000]) {
  for (const suite of Object.keys(SUITES) as SuiteName[]) {
    for (const provider of providers) {
      const group = `${suite} ${plaintextLength} B`;
      const bodyLength = plaintextLength + TAG_BYTES;
      const newKey = () =>
        provider.createKey(suite, new Uint8Array(SUITES[suite].keyBytes), new Uint8Array(12));
      const sealing = newKey();
      let packetNumber = 0;
      Deno.bench({
        name: `${provider.name} seal, ${group}`,
        group,
        fn: () => sealing.seal(arena, 64, HEADER_BYTES, plaintextLength, packetNumber++),
      });

      // In place, opening destroys the packet, so a fresh copy is opened each time. The copy counts:
      // 50 ns for 1440 bytes, 2 µs for 65 000.
      const sealed = new Uint8Array(HEADER_BYTES + bodyLength);
      newKey().seal(sealed, 0, HEADER_BYTES, plaintextLength, 1);
      const opening = newKey();
      Deno.bench({
        name: `${provider.name} copy and open, ${group}`,
        group,
        fn: () => {
          arena.set(sealed, 64);
          if (!opening.open(arena, 64, HEADER_BYTES, bodyLength, 1)) throw new Error("Not opened");
        },
      });
    }
  }
}

if (libcrypto !== null) {
  const key = libcrypto.createKey("aes-128-gcm", new Uint8Array(16), new Uint8Array(12));
  const other = new Uint8Array(1 << 20);
  let packetNumber = 0;
  const source = new Uint8Array(1 << 18);
  const nextStart = () => 10 + (packetNumber % 180) * 1430;
  Deno.bench("libcrypto copy and seal, aes-128-gcm 1440 B", () => {
    const start = nextStart();
    arena.set(source.subarray(start, start + 1430), 64 + HEADER_BYTES + 10);
    key.seal(arena, 64, HEADER_BYTES, 1440, packetNumber++);
  });
  Deno.bench("libcrypto seal from other memory, aes-128-gcm 1440 B", () => {
    key.sealFrom(arena, 64, HEADER_BYTES, source, nextStart() - 10, 1440, packetNumber++);
  });
  Deno.bench("libcrypto seal, aes-128-gcm 1440 B, a new view for each packet", () => {
    key.seal(arena.subarray(64, 2048), 0, HEADER_BYTES, 1440, packetNumber++);
  });
  Deno.bench("libcrypto seal, aes-128-gcm 1440 B, two buffers in turn", () => {
    key.seal(packetNumber % 2 === 0 ? arena : other, 64, HEADER_BYTES, 1440, packetNumber++);
  });
}

const secret = new Uint8Array(32);
Deno.bench("packetKeys()", () => void packetKeys(secret, "aes-128-gcm"));
Deno.bench("hmacSha256() of 64 B", () => void hmacSha256(secret, secret, secret));

const hash = new Sha256();
const block = new Uint8Array(65_536);
Deno.bench("Sha256.update() of 64 KiB", () => void hash.update(block));

const entropy = { fill: (bytes: Uint8Array) => void bytes.fill(7) };
const identity = createIdentity(entropy);
const shared = { identity, entropy, psk: secret, prologue: new Uint8Array(100) };
const empty = new Uint8Array(0);
Deno.bench("a whole handshake, both sides", () => {
  const initiator = new NoiseHandshake({ ...shared, role: "initiator" });
  const responder = new NoiseHandshake({ ...shared, role: "responder" });
  responder.readMessage(initiator.writeMessage(empty));
  initiator.readMessage(responder.writeMessage(empty));
  responder.readMessage(initiator.writeMessage(empty));
  initiator.split();
  responder.split();
});

const strangers = new NoiseHandshake({ ...shared, role: "responder" });
const forged = new Uint8Array(1200).fill(9);
Deno.bench("refusing a forged first message", () => {
  try {
    strangers.readMessage(forged);
  } catch {
    return;
  }
  throw new Error("Accepted");
});
