/**
 * Sources that nobody honest sends from: answering them would make this port a weapon. RFC 9000 §21.5.
 *
 * @module
 */
import type { Address } from "./path.ts";

/** False for port 0, multicast, broadcast and unspecified addresses. */
export function isUsableSource(from: Address): boolean {
  if (from.port === 0) return false;
  const host = from.hostname.startsWith("::ffff:") ? from.hostname.slice(7) : from.hostname;
  if (host.includes(":")) {
    return host !== "::" && !host.toLowerCase().startsWith("ff");
  }
  const first = Number(host.slice(0, host.indexOf(".")));
  return first !== 0 && first < 224;
}
