/**
 * Writes the corpus: one of each packet that a stranger can send, as real programs make them. Run it again
 * when a format changes.
 *
 * ```sh
 * deno run --allow-write=tests/hostile/corpus tests/hostile/make_corpus.ts
 * ```
 * @module
 */
import { encodeTransportParameters } from "../../lib/wire/transport_parameters.ts";
import { framesOf, RawPeer, streamFrame } from "./raw_peer.ts";
import { HonestSide, SERVER } from "./rig.ts";

const folder = new URL("./corpus/", import.meta.url);

const server = new HonestSide("server");
const client = new RawPeer(server, "client");
const handshake = client.initial();
const finish = client.connect(handshake);
const stranger = new RawPeer(server, "client");
for (let i = 0; i < 100; i++) {
  stranger.deliver(stranger.initial().initial, { hostname: "198.51.100.1", port: 100 + i });
}
const retry = stranger.sent.find(({ bytes }) => bytes[0] === 0xc3)!.bytes;
const refusing = new RawPeer(new HonestSide("server"), "client");
refusing.deliver(refusing.initial({ psk: new Uint8Array(32).fill(1) }).initial);
const asking = new RawPeer(new HonestSide("server"), "client");
const otherVersion = asking.initial().initial.slice();
otherVersion[1] = 0;
asking.deliver(otherVersion);
const impatient = new HonestSide("client");
const answering = new RawPeer(impatient, "server");
impatient.endpoint.connect(SERVER, { method: 0, psk: new Uint8Array(32) }, 1000);
answering.collect();

const corpus: Record<string, Uint8Array> = {
  "initial": handshake.initial,
  "initial_with_token": client.initial({ token: retry.slice(23) }).initial,
  "reply": client.longPackets[0]!,
  "reply_to_honest": answering.answer().reply,
  "finish": finish,
  "retry": retry,
  "refusal": refusing.longPackets[0]!,
  "version_negotiation": asking.longPackets[0]!,
  "short": client.packet(framesOf(streamFrame(0, 0, new Uint8Array(20)), { kind: "ping" })),
  "parameters": encodeTransportParameters(client.parameters),
};
for (const [name, bytes] of Object.entries(corpus)) {
  Deno.writeFileSync(new URL(`${name}.bin`, folder), bytes);
}
