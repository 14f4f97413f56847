/**
 * Whether a library does what `node:crypto` does: asked before a packet is trusted to it.
 *
 * @module
 */
import { type AeadKey, type AeadProvider, type SuiteName, SUITES, TAG_BYTES } from "./aead.ts";
import { constantTimeEqual } from "./constant_time.ts";
import { nodeAeadProvider } from "./node_aead.ts";

/**
 * Seals and opens with both providers, for both suites and sizes around every boundary a cipher has, and
 * makes tags of leaves; false when one byte differs or something forged is accepted. Takes some milliseconds, once.
 */
export function agreesWithNode(provider: AeadProvider): boolean {
  try {
    return (Object.keys(SUITES) as SuiteName[]).every((suite) =>
      SELF_TEST_SIZES.every((plaintextLength, packetNumber) =>
        agreesOn(provider, suite, plaintextLength, packetNumber) &&
        agreesOnSource(provider, suite, plaintextLength, packetNumber)
      )
    ) && SELF_TEST_SIZES.every((dataLength) => agreesOnGmac(provider, dataLength));
  } catch {
    return false;
  }
}

const SELF_TEST_SIZES = [0, 1, 15, 16, 17, 63, 64, 65, 255, 1440, 8192, 16_401];

function agreesOn(
  provider: AeadProvider,
  suite: SuiteName,
  plaintextLength: number,
  packetNumber: number,
): boolean {
  const start = 3;
  const headerLength = 5 + plaintextLength % 32;
  const sealedLength = plaintextLength + TAG_BYTES;
  const packet = testBytes(start + headerLength + sealedLength);
  const expected = packet.slice();
  const ours = testKey(provider, suite);
  const theirs = testKey(nodeAeadProvider, suite);
  try {
    ours.seal(packet, start, headerLength, plaintextLength, packetNumber);
    theirs.seal(expected, start, headerLength, plaintextLength, packetNumber);
    if (!constantTimeEqual(packet, expected)) return false;
    const forged = packet.slice();
    forged[forged.length - 1]! ^= 0x80;
    if (ours.open(forged, start, headerLength, sealedLength, packetNumber)) return false;
    const misheaded = packet.slice();
    misheaded[start]! ^= 1;
    if (ours.open(misheaded, start, headerLength, sealedLength, packetNumber)) return false;
    return ours.open(packet, start, headerLength, sealedLength, packetNumber) &&
      theirs.open(expected, start, headerLength, sealedLength, packetNumber) &&
      constantTimeEqual(packet, expected);
  } finally {
    ours.destroy();
    theirs.destroy();
  }
}

/** Whether a plaintext in other memory is sealed as one in place, and left alone. */
function agreesOnSource(
  provider: AeadProvider,
  suite: SuiteName,
  plaintextLength: number,
  packetNumber: number,
): boolean {
  const headerLength = 15;
  const sourceStart = plaintextLength % 7;
  const source = testBytes(sourceStart + plaintextLength + 1);
  const original = source.slice();
  const packet = testBytes(headerLength + plaintextLength + TAG_BYTES);
  const expected = packet.slice();
  expected.set(source.subarray(sourceStart, sourceStart + plaintextLength), headerLength);
  const ours = testKey(provider, suite);
  const theirs = testKey(nodeAeadProvider, suite);
  try {
    ours.sealFrom(packet, 0, headerLength, source, sourceStart, plaintextLength, packetNumber);
    theirs.seal(expected, 0, headerLength, plaintextLength, packetNumber);
    return constantTimeEqual(packet, expected) && constantTimeEqual(source, original);
  } finally {
    ours.destroy();
    theirs.destroy();
  }
}

function testKey(provider: AeadProvider, suite: SuiteName): AeadKey {
  return provider.createKey(suite, testBytes(SUITES[suite].keyBytes), testBytes(12));
}

function agreesOnGmac(provider: AeadProvider, dataLength: number): boolean {
  const data = testBytes(dataLength + 3).subarray(3);
  const key = testBytes(SUITES["aes-128-gcm"].keyBytes);
  const [ours, theirs] = [provider, nodeAeadProvider].map((each) => {
    const gmac = each.createGmac();
    try {
      gmac.start(key, testBytes(12));
      gmac.update(data);
      return gmac.tag();
    } finally {
      gmac.destroy();
    }
  });
  return constantTimeEqual(ours!, theirs!);
}

function testBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) bytes[index] = index * 167 + 13;
  return bytes;
}
