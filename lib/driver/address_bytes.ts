/**
 * Literal addresses: as the bytes that the system's structures hold, and in the one form that can be compared.
 *
 * @module
 */

const AF_INET = 2;
/** The family of IPv6 on Linux. */
export const AF_INET6 = 10;

/**
 * An address in the form in which the sender of a datagram is reported: IPv6 as in RFC 5952, IPv4 without the
 * prefix of IPv6. A zone stays. What is no address stays as it is.
 */
export function canonicalLiteral(literal: string): string {
  if (!literal.includes(":")) return literal;
  const zoneAt = literal.indexOf("%");
  const address = zoneAt < 0 ? literal : literal.slice(0, zoneAt);
  if (!URL.canParse(`http://[${address}]`)) return literal;
  const text = ipv6Text(addressBytes(address));
  if (text.includes(".")) return text.slice(text.lastIndexOf(":") + 1);
  return zoneAt < 0 ? text : text + literal.slice(zoneAt);
}

/** The text of 16 bytes in the form of RFC 5952. */
export function ipv6Text(bytes: Uint8Array): string {
  const isMapped = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff &&
    bytes[11] === 0xff;
  if (isMapped) return `::ffff:${bytes.subarray(12).join(".")}`;
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8 | bytes[2 * i + 1]!));
  // The URL standard shortens addresses as RFC 5952 wants it.
  return new URL(`http://[${groups.map((group) => group.toString(16)).join(":")}]`).hostname
    .slice(1, -1);
}

/** The 4 or 16 bytes of a literal address as Deno writes it. */
export function addressBytes(literal: string): Uint8Array {
  if (!literal.includes(":")) return Uint8Array.from(literal.split("."), Number);
  const [front = "", back] = literal.split("%")[0]!.split("::");
  const head = ipv6Words(front);
  const tail = back === undefined ? [] : ipv6Words(back);
  const bytes = new Uint8Array(16);
  head.forEach((word, index) => bytes.set([word >> 8, word & 255], 2 * index));
  tail.forEach((word, index) => bytes.set([word >> 8, word & 255], 16 - 2 * (tail.length - index)));
  return bytes;
}

/**
 * Linux's `struct sockaddr_in` or `sockaddr_in6` of an address as Deno writes it, 16 or 28 bytes; null for one
 * that needs a zone.
 */
export function linuxSocketAddress(
  { hostname, port }: { readonly hostname: string; readonly port: number },
): Uint8Array<ArrayBuffer> | null {
  const address = addressBytes(hostname);
  const isIpv6 = address.length === 16;
  if (isIpv6 && address[0] === 0xfe && (address[1]! & 0xc0) === 0x80) return null; // link-local
  const encoded = new Uint8Array(isIpv6 ? 28 : 16);
  new Uint16Array(encoded.buffer)[0] = isIpv6 ? AF_INET6 : AF_INET; // in the machine's byte order
  encoded.set([port >> 8, port & 255], 2);
  encoded.set(address, isIpv6 ? 8 : 4);
  return encoded;
}

/** Groups of an IPv6 literal; a dotted IPv4 tail makes two. */
function ipv6Words(groups: string): number[] {
  return groups.split(":").filter((group) => group !== "").flatMap((group) => {
    if (!group.includes(".")) return [parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split(".").map(Number);
    return [a << 8 | b, c << 8 | d];
  });
}
