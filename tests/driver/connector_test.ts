/** A server's answers are heard however its address was typed. */
import { assertEquals, assertRejects } from "@std/assert";
import { createIdentity, nodeAeadProvider } from "../../lib/crypto/mod.ts";
import { connect } from "../../lib/driver/connector.ts";
import { Listener } from "../../lib/driver/listener.ts";
import { systemEntropy } from "../../lib/driver/system_entropy.ts";
import { openUdpSocket } from "../../lib/driver/udp_socket.ts";
import { ConnectionError } from "../../lib/transport/mod.ts";

const COMMON = {
  aead: nodeAeadProvider,
  suites: ["chacha20-poly1305"],
  ffi: false,
} as const;

Deno.test("a refusal is believed from every spelling of the server's address", async () => {
  const hostname = hasIpv6() ? "::" : "0.0.0.0";
  const server = new Listener(openUdpSocket({ hostname, port: 0, ffi: false }), {
    ...COMMON,
    identity: createIdentity(systemEntropy),
    pskFor: () => null,
  });
  const ipv6 = hasIpv6() ? ["::1", "0:0:0:0:0:0:0:1", "::0001"] : [];
  for (const hostname of ["127.0.0.1", "::ffff:127.0.0.1", ...ipv6]) {
    const { port } = server.address;
    const identity = createIdentity(systemEntropy);
    const attempt = connect({ ...COMMON, identity, hostname, port });
    const error = await assertRejects(() => attempt, ConnectionError);
    assertEquals(error.end.kind, "refused", hostname);
  }
  await server.close();
});

function hasIpv6(): boolean {
  try {
    Deno.listenDatagram({ transport: "udp", hostname: "::1", port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}
