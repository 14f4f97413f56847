/**
 * Host names → addresses, once, the way the system does it (hosts file included).
 *
 * @module
 */

import { lookup } from "node:dns/promises";
import { osCode } from "../files/mod.ts";
import { ConnectFailure } from "../shell/mod.ts";

/**
 * Addresses of a host, IPv4 first: servers listen on every IPv4 address unless told otherwise.
 * An address stands for itself.
 *
 * @throws {ConnectFailure} `unknown-host`, or `refused` when the runtime may not ask.
 */
export async function lookUpHost(host: string): Promise<string[]> {
  try {
    const found = await lookup(host, { all: true });
    const addresses = found.sort((a, b) => a.family - b.family).map(({ address }) => address);
    if (addresses.length > 0) return [...new Set(addresses)];
  } catch (cause) {
    if (osCode(cause) === "EPERM") {
      const wish = "add --allow-net (or, where it has a list of addresses, this name)";
      const message = `Deno was started without permission to look up ${host}; ${wish}`;
      throw new ConnectFailure("refused", message, { cause });
    }
    throw new ConnectFailure("unknown-host", `No such host: ${host}`, { cause });
  }
  throw new ConnectFailure("unknown-host", `No such host: ${host}`);
}
