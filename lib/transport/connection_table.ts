/**
 * The living connections of one endpoint: found by their ID, and counted by where they came from.
 *
 * @module
 */
import type { ConnectionId } from "../wire/connection_id.ts";
import { Admission } from "./admission.ts";
import type { Address } from "./path.ts";

/** What is kept: a connection. */
export interface Located {
  /** Where it is now. */
  readonly address: Address;
  /** What names it here. */
  readonly handshake: { readonly localId: ConnectionId };
}

/** Connections by ID. */
export class ConnectionTable<T extends Located> {
  readonly #byKey = new Map<number, T>();
  /** Where each came from, for its place in the admission. */
  readonly #sources = new Map<T, string>();
  readonly #admission: Admission;
  readonly #isDedicated: boolean;
  #only: T | null = null;

  /** A dedicated table is for one connection, whose packets need not name it. */
  constructor(
    limits: { maxConnections: number; maxConnectionsPerSource: number },
    options: { isDedicated: boolean },
  ) {
    this.#admission = new Admission(limits);
    this.#isDedicated = options.isDedicated;
  }

  /** How many there are. */
  get size(): number {
    return this.#byKey.size;
  }

  /** All of them, in no order. */
  values(): IterableIterator<T> {
    return this.#byKey.values();
  }

  /** The one whose packets need no ID, if it is there. */
  get only(): T | null {
    return this.#only;
  }

  /** The connection that an ID names, or null. */
  find(id: ConnectionId): T | null {
    const connection = this.#byKey.get(id.key);
    return connection !== undefined && connection.handshake.localId.equals(id) ? connection : null;
  }

  /** True when a connection from this host would be one too many. */
  isFull(hostname: string): boolean {
    return this.#admission.isFull(hostname);
  }

  /** Keeps a connection that begins. */
  add(connection: T): void {
    this.#byKey.set(connection.handshake.localId.key, connection);
    if (this.#isDedicated) this.#only = connection;
    this.#sources.set(connection, this.#admission.onBegun(connection.address.hostname));
  }

  /** Forgets a connection, wherever it has moved; false when it is not here. */
  remove(connection: T): boolean {
    const source = this.#sources.get(connection);
    if (source === undefined) return false;
    this.#byKey.delete(connection.handshake.localId.key);
    if (this.#only === connection) this.#only = null;
    this.#admission.onEnded(source);
    this.#sources.delete(connection);
    return true;
  }
}
