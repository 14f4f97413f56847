/**
 * Sources that nobody honest sends from: answering them would make this port a weapon. RFC 9000 §21.5.
 *
 * @module
 */
import type { Address } from "./path.ts";

/** True for addresses that never leave the machine. */
export function isLoopbackHost(hostname: string): boolean {
  return hostname === "::1" || hostname.startsWith("127.") || hostname.startsWith("::ffff:127.");
}

/**
 * False for port 0, multicast, broadcast and unspecified addresses, and for our own.
 *
 * @param own Where our socket is bound, when that is known.
 */
export function isUsableSource(from: Address, own?: Address): boolean {
  if (from.port === 0 || (own !== undefined && isOwnAddress(from, own))) return false;
  const host = unmapped(from.hostname);
  if (host.includes(":")) {
    return host !== "::" && !host.toLowerCase().startsWith("ff");
  }
  const first = Number(host.slice(0, host.indexOf(".")));
  return first > 0 && first < 224;
}

/**
 * True when `from` is our socket. One bound to every address of the machine is known by its port on
 * loopback alone; further addresses need no test, because answers are never answered.
 */
function isOwnAddress(from: Address, own: Address): boolean {
  if (from.port !== own.port) return false;
  const isBoundToAll = own.hostname === "0.0.0.0" || own.hostname === "::";
  return isBoundToAll
    ? isLoopbackHost(from.hostname)
    : unmapped(from.hostname) === unmapped(own.hostname);
}

function unmapped(hostname: string): string {
  return hostname.startsWith("::ffff:") ? hostname.slice(7) : hostname;
}
