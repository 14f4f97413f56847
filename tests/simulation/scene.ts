/**
 * What tests of whole connections do again and again.
 *
 * @module
 */
import type { PairSide } from "./endpoint_pair.ts";
import { SeededRandom } from "./seeded_entropy.ts";
import type { SeenPacket, SimulatedNetwork } from "./simulated_network.ts";

/** Makes packets that fit a test vanish; counts them. */
export function lose(
  network: SimulatedNetwork,
  isLost: (packet: SeenPacket) => boolean,
): { count: number } {
  const lost = { count: 0 };
  const send = network.send.bind(network);
  network.send = (node, bytes, to) => {
    if (isLost({ from: network.addressOf(node), to, bytes })) lost.count++;
    else send(node, bytes, to);
  };
  return lost;
}

/** So many bytes, the same in every run. */
export function bytesOf(length: number): Uint8Array {
  return new SeededRandom(length).bytes(length);
}

/** What a side has seen happen, by kind. */
export function seenKinds(side: PairSide): string[] {
  return side.seen.map(({ kind }) => kind);
}
