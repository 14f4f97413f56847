/**
 * What a connection is made from where nothing but its own side matters: no handshake, no network, a cipher
 * that only detects changes, and the same secret both ways.
 *
 * @module
 */
import type { ConnectionOptions } from "../../lib/transport/connection_parts.ts";
import { DEFAULT_TRANSPORT_CONFIG } from "../../lib/transport/transport_config.ts";
import { ConnectionId } from "../../lib/wire/connection_id.ts";
import { seededEntropy } from "../simulation/seeded_entropy.ts";
import { fastAead } from "../simulation/watchful_aead.ts";
import { PEER_PARAMETERS } from "../support/peer_parameters.ts";

/** Largest datagram of its path, bytes. */
export const DATAGRAM_BYTES = 1472;

/** Options of a client's connection whose peer grants 1 MiB. */
export function bareConnectionOptions(
  { omitsConnectionId }: { omitsConnectionId: boolean },
): ConnectionOptions {
  const secret = new Uint8Array(32).fill(7);
  return {
    role: "client",
    address: { hostname: "192.0.2.1", port: 5555 },
    config: DEFAULT_TRANSPORT_CONFIG,
    handshake: {
      localId: new ConnectionId(1, 2),
      remoteId: new ConnectionId(3, 4),
      suite: "aes-128-gcm",
      sendSecret: secret,
      receiveSecret: secret,
      peerParameters: { ...PEER_PARAMETERS, omitsConnectionId },
      remoteIdentity: new Uint8Array(32),
      handshakeHash: new Uint8Array(32),
      method: 0,
      rttMs: 10,
      leastRttMs: 10,
    },
    finish: null,
    aead: fastAead,
    entropy: seededEntropy(1, "bare connection"),
    random: () => 0.5,
    maxDatagramBytes: DATAGRAM_BYTES,
    nowMs: 0,
  };
}
