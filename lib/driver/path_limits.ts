/**
 * How large a datagram is worth trying to an address, before the path itself is asked.
 *
 * @module
 */
import type { Address, SocketCapabilities } from "./udp_socket.ts";

/** Ethernet's 1500 bytes less the headers of IPv4 and UDP. */
const ETHERNET_IPV4_BYTES = 1472;
const ETHERNET_IPV6_BYTES = 1452;
/** Largest UDP payloads. */
const MAX_IPV4_BYTES = 65_507;
const MAX_IPV6_BYTES = 65_487;

/**
 * Without don't-fragment the kernel cuts anything larger than the interface takes, so that an arriving
 * probe proves nothing: then only loopback gets more than Ethernet carries.
 */
export function maxDatagramBytesFor(to: Address, socket: SocketCapabilities): number {
  const isIpv6 = to.hostname.includes(":");
  if (socket.dontFragment || isLoopback(to.hostname)) {
    return isIpv6 ? MAX_IPV6_BYTES : MAX_IPV4_BYTES;
  }
  return isIpv6 ? ETHERNET_IPV6_BYTES : ETHERNET_IPV4_BYTES;
}

/** True for addresses that never leave the machine. */
export function isLoopback(hostname: string): boolean {
  return hostname === "::1" || hostname.startsWith("127.") || hostname.startsWith("::ffff:127.");
}
