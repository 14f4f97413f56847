/**
 * Watches what a server sends to addresses that have not proved to want it. RFC 9000 §8, §21.5.
 *
 * @module
 */
import { type Address, isSameAddress } from "../../lib/transport/mod.ts";
import type { SimulatedHost } from "./simulated_host.ts";
import { keyOf, type SimulatedNetwork } from "./simulated_network.ts";

const FACTOR = 3;

/** Counts bytes in and out for each address that is not validated. */
export class AmplificationWatch {
  readonly #network: SimulatedNetwork;
  readonly #server: SimulatedHost;
  readonly #receivedBytes = new Map<string, number>();
  readonly #sentBytes = new Map<string, number>();
  readonly #validated = new Set<string>();

  /** Watches one server. */
  constructor(
    network: SimulatedNetwork,
    server: SimulatedHost,
    onViolation: (message: string) => void,
  ) {
    this.#network = network;
    this.#server = server;
    const { onDelivered } = network;
    network.onDelivered = (node, packet) => {
      onDelivered?.(node, packet);
      if (node === server) add(this.#receivedBytes, packet.from, packet.bytes.length);
    };
    network.observers.push(({ to, bytes }, sender) => {
      if (sender !== server || this.#isValidated(to)) return;
      if (isUnanswerable(to)) onViolation(`${server.name} sends to ${keyOf(to)}`);
      const sent = add(this.#sentBytes, to, bytes.length);
      const received = this.#receivedBytes.get(keyOf(to)) ?? 0;
      if (sent > FACTOR * received) {
        onViolation(
          `${server.name} has sent ${sent} bytes to ${keyOf(to)} and received ${received}`,
        );
      }
    });
  }

  /** True for an address that a real client has or had and that a connection of the server uses. */
  #isValidated(address: Address): boolean {
    const key = keyOf(address);
    if (this.#validated.has(key)) return true;
    if (!this.#network.wasOwned(address)) return false;
    for (const connection of this.#server.endpoint.connections) {
      if (!isSameAddress(connection.address, address)) continue;
      this.#validated.add(key);
      return true;
    }
    return false;
  }
}

function add(counts: Map<string, number>, address: Address, bytes: number): number {
  const total = (counts.get(keyOf(address)) ?? 0) + bytes;
  counts.set(keyOf(address), total);
  return total;
}

function isUnanswerable({ hostname, port }: Address): boolean {
  return port === 0 || hostname.startsWith("224.") || hostname.startsWith("255.") ||
    hostname.startsWith("ff");
}
