/**
 * Host names → addresses, once, the way the system does it (hosts file included).
 *
 * @module
 */

import { lookup } from "node:dns/promises";
import { ConnectFailure } from "../shell/mod.ts";

/**
 * Addresses of a host, IPv4 first: servers listen on every IPv4 address unless told otherwise.
 * An address stands for itself.
 *
 * @throws {ConnectFailure} `unknown-host`.
 */
export async function lookUpHost(host: string): Promise<string[]> {
  try {
    const found = await lookup(host, { all: true });
    const addresses = found.sort((a, b) => a.family - b.family).map(({ address }) => address);
    if (addresses.length > 0) return [...new Set(addresses)];
  } catch (cause) {
    throw new ConnectFailure("unknown-host", `No such host: ${host}`, { cause });
  }
  throw new ConnectFailure("unknown-host", `No such host: ${host}`);
}
