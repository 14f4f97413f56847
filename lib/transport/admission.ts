/**
 * How many connections there may be, in all and from one place.
 *
 * @module
 */
import { isLoopbackHost } from "./address_filter.ts";

/** Counts connections by where they come from. */
export class Admission {
  readonly #maxConnections: number;
  readonly #maxPerSource: number;
  readonly #sources = new Map<string, number>();
  #count = 0;

  /** Makes a count at zero with these limits. */
  constructor(limits: { maxConnections: number; maxConnectionsPerSource: number }) {
    this.#maxConnections = limits.maxConnections;
    this.#maxPerSource = limits.maxConnectionsPerSource;
  }

  /** True when a connection from this host would be one too many. */
  isFull(hostname: string): boolean {
    if (this.#count >= this.#maxConnections) return true;
    if (isLoopbackHost(hostname)) return false;
    return (this.#sources.get(sourceOf(hostname)) ?? 0) >= this.#maxPerSource;
  }

  /** A connection from this host began; what it returns is for {@linkcode onEnded}. */
  onBegun(hostname: string): string {
    const source = sourceOf(hostname);
    this.#count++;
    this.#sources.set(source, (this.#sources.get(source) ?? 0) + 1);
    return source;
  }

  /** A connection from `source` is gone. */
  onEnded(source: string): void {
    this.#count--;
    const left = this.#sources.get(source)! - 1;
    if (left > 0) this.#sources.set(source, left);
    else this.#sources.delete(source);
  }
}

/**
 * What one subscriber has: an IPv4 address, or the upper half of an IPv6 address, since the lower half
 * is his to choose.
 */
export function sourceOf(hostname: string): string {
  if (!hostname.includes(":")) return hostname;
  if (hostname.includes(".")) return hostname.slice(hostname.lastIndexOf(":") + 1);
  const [head = "", tail] = hostname.split("::", 2);
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const rest = tail === "" ? [] : tail.split(":");
    while (groups.length + rest.length < 8) groups.push("0");
    groups.push(...rest);
  }
  return groups.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, "")).join(":");
}
