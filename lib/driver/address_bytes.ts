/**
 * Literal addresses as the bytes that the system's structures hold.
 *
 * @module
 */

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

/** Groups of an IPv6 literal; a dotted IPv4 tail makes two. */
function ipv6Words(groups: string): number[] {
  return groups.split(":").filter((group) => group !== "").flatMap((group) => {
    if (!group.includes(".")) return [parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split(".").map(Number);
    return [a << 8 | b, c << 8 | d];
  });
}
