/** The self-test at start finds every wrong provider that we could think of. */
import { assert } from "@std/assert";
import { type AeadKey, type AeadProvider, nodeAeadProvider } from "../../lib/crypto/mod.ts";
import { agreesWithNode } from "../../lib/crypto/provider_agreement.ts";
import { PROVIDERS } from "./providers.ts";

Deno.test("the self-test of a provider passes for a right one and for no wrong one", () => {
  for (const provider of PROVIDERS) assert(agreesWithNode(provider));
  const wrong: Record<string, (key: AeadKey) => Partial<AeadKey>> = {
    "accepts everything": () => ({ open: () => true }),
    "accepts what is forged": (key) => ({ open: (...packet) => (key.open(...packet), true) }),
    "accepts nothing": () => ({ open: () => false }),
    "does not encrypt": () => ({ seal: () => {} }),
    "ignores the packet number": (key) => {
      let count = 0;
      return {
        seal: (...[buffer, start, header, body]) =>
          key.seal(buffer, start, header, body, count++ + 50),
      };
    },
    "ignores the header": (key) => ({
      seal: (buffer, start, header, body, packetNumber) =>
        key.seal(buffer, start + header, 0, body, packetNumber),
    }),
    "reads the plaintext in place only": (key) => ({
      sealFrom: (buffer, start, header, _source, _sourceStart, body, packetNumber) =>
        key.seal(buffer, start, header, body, packetNumber),
    }),
    "always begins at the source's first byte": (key) => ({
      sealFrom: (buffer, start, header, source, _sourceStart, body, packetNumber) =>
        key.sealFrom(buffer, start, header, source, 0, body, packetNumber),
    }),
    "writes to the source": (key) => ({
      sealFrom: (...[buffer, start, header, source, sourceStart, body, packetNumber]) => {
        key.sealFrom(buffer, start, header, source, sourceStart, body, packetNumber);
        source.fill(0, sourceStart, sourceStart + body);
      },
    }),
    "seals a long plaintext from other memory wrongly": (key) => ({
      sealFrom: (...parameters) => {
        key.sealFrom(...parameters);
        if (parameters[5] > 10_000) parameters[0][9000]! ^= 1;
      },
    }),
    "throws": () => ({
      seal: () => {
        throw new Error("no such cipher");
      },
    }),
  };
  const wrongTag = {
    ...nodeAeadProvider,
    createGmac: () => {
      const gmac = nodeAeadProvider.createGmac();
      return {
        start: gmac.start.bind(gmac),
        update: gmac.update.bind(gmac),
        tag: () => gmac.tag().fill(0),
        destroy: gmac.destroy.bind(gmac),
      };
    },
  };
  assert(!agreesWithNode(wrongTag), "makes wrong tags");
  for (const [fault, change] of Object.entries(wrong)) {
    const provider: AeadProvider = {
      ...nodeAeadProvider,
      name: "libcrypto",
      createKey: (...parameters) => {
        const key = nodeAeadProvider.createKey(...parameters);
        return {
          seal: key.seal.bind(key),
          sealFrom: key.sealFrom.bind(key),
          open: key.open.bind(key),
          destroy: key.destroy.bind(key),
          ...change(key),
        };
      },
    };
    assert(!agreesWithNode(provider), fault);
  }
});
