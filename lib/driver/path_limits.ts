/**
 * How large a datagram is worth trying to an address, before the path itself is asked.
 *
 * @module
 */
import type { Address, SocketCapabilities } from "./datagram_socket.ts";

/** Ethernet's 1500 bytes less the headers of IPv4 and UDP. */
const ETHERNET_IPV4_BYTES = 1472;
const ETHERNET_IPV6_BYTES = 1452;
/** Largest UDP payloads. */
const MAX_IPV4_BYTES = 65_507;
const MAX_IPV6_BYTES = 65_487;

/**
 * What ten Ethernet frames carry, few enough for one lost to be rare. Larger ones are no gain: what a receive
 * buffer of usual size may hold of a flight would be only three or four.
 */
const FRAGMENTED_BYTES = 10 * 1480 - 8;

/** The largest datagram that may be tried. */
export function maxDatagramBytesFor(to: Address, socket: SocketCapabilities): number {
  return isFragmentedUnseen(to, socket) ? FRAGMENTED_BYTES : largestPayloadBytes(to);
}

/**
 * The largest datagram that stays whole if it arrives: without don't-fragment the kernel cuts anything
 * larger than the interface takes, so that an arriving probe of more than Ethernet carries proves nothing.
 */
export function wholeDatagramBytesFor(to: Address, socket: SocketCapabilities): number {
  if (!isFragmentedUnseen(to, socket)) return Infinity;
  return isIpv6(to) ? ETHERNET_IPV6_BYTES : ETHERNET_IPV4_BYTES;
}

/** What the way to an address ought to carry: inside this machine everything; 0 where nothing is known. */
export function expectedDatagramBytesFor(to: Address): number {
  return isLoopback(to.hostname) ? largestPayloadBytes(to) : 0;
}

function largestPayloadBytes(to: Address): number {
  return isIpv6(to) ? MAX_IPV6_BYTES : MAX_IPV4_BYTES;
}

function isFragmentedUnseen(to: Address, socket: SocketCapabilities): boolean {
  return !socket.dontFragment && !isLoopback(to.hostname);
}

function isIpv6({ hostname }: Address): boolean {
  return hostname.includes(":");
}

/** True for addresses that never leave the machine. */
export function isLoopback(hostname: string): boolean {
  return hostname === "::1" || hostname.startsWith("127.") || hostname.startsWith("::ffff:127.");
}
