/**
 * Addresses as Ferry writes them and as a socket does: one that is bound to every address of both families
 * has IPv4 peers as `::ffff:a.b.c.d`.
 *
 * @module
 */
import type { Address } from "./datagram_socket.ts";

const IPV4_PREFIX = "::ffff:";
const IPV4_LITERAL = /^\d{1,3}(?:\.\d{1,3}){3}$/;

/** Translates for one socket. Peers repeat; what was made for the last one serves again. */
export class AddressForms {
  readonly #isDualStack: boolean;
  #lastFrom: Address = { hostname: "", port: 0 };
  #lastRawHostname = "";
  #lastTo: Address = { hostname: "", port: 0 };
  #lastTarget: Deno.NetAddr = { transport: "udp", hostname: "", port: 0 };

  /** For a socket that is bound to this address. */
  constructor(boundHostname: string) {
    this.#isDualStack = boundHostname === "::";
  }

  /** Where a datagram came from; the same object as last time when it is the same. */
  sender({ hostname, port }: Address): Address {
    if (port !== this.#lastFrom.port || hostname !== this.#lastRawHostname) {
      this.#lastRawHostname = hostname;
      this.#lastFrom = { hostname: withoutIpv4Prefix(hostname), port };
    }
    return this.#lastFrom;
  }

  /**
   * Deno's form of an address, or null when no datagram can be sent there.
   *
   * @throws {TypeError} For a name: Deno would ask the name server once per packet.
   */
  target(to: Address): Deno.NetAddr | null {
    const last = this.#lastTo;
    if (to.port === last.port && to.hostname === last.hostname) return this.#lastTarget;
    const isIpv6 = to.hostname.includes(":");
    if (!isIpv6 && !IPV4_LITERAL.test(to.hostname)) {
      throw new TypeError(`Cannot send to "${to.hostname}": expected a literal address`);
    }
    if (!Number.isInteger(to.port) || to.port < 1 || to.port > 65_535) return null;
    const hostname = this.#isDualStack && !isIpv6 ? IPV4_PREFIX + to.hostname : to.hostname;
    this.#lastTo = { hostname: to.hostname, port: to.port };
    return this.#lastTarget = { transport: "udp", hostname, port: to.port };
  }
}

function withoutIpv4Prefix(hostname: string): string {
  const tail = hostname.startsWith(IPV4_PREFIX) ? hostname.slice(IPV4_PREFIX.length) : "";
  return IPV4_LITERAL.test(tail) ? tail : hostname;
}
