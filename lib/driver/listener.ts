/**
 * A port that clients connect to.
 *
 * @module
 */
import type { Connection, EndpointEvent } from "../transport/mod.ts";
import { systemClock } from "./clock.ts";
import { ConnectionHandle } from "./connection_handle.ts";
import type { Address, DatagramSocket } from "./datagram_socket.ts";
import { EndpointDriver } from "./endpoint_driver.ts";
import { createEndpoint, type DriverOptions } from "./endpoint_setup.ts";

/** What a listener is made from, besides its socket. */
export interface ListenerOptions extends Omit<DriverOptions, "ffi"> {
  /** The secret for each way of proving oneself; null refuses. */
  readonly pskFor: (method: number) => Uint8Array | null;
}

/** A port that clients connect to. */
export class Listener {
  readonly #driver: EndpointDriver;
  readonly #handles = new Map<Connection, ConnectionHandle>();
  readonly #waiting: ConnectionHandle[] = [];
  #acceptable: PromiseWithResolvers<void> | null = null;
  #isClosed = false;

  /** Starts to listen on an open socket. */
  constructor(socket: DatagramSocket, options: ListenerOptions) {
    this.#driver = new EndpointDriver({
      socket,
      endpoint: createEndpoint(socket, options, options.pskFor),
      clock: systemClock,
      listener: {
        onEndpointEvent: (event) => this.#onEndpointEvent(event),
        onConnectionEvents: (connection) => this.#onConnectionEvents(connection),
      },
    });
  }

  /** Where it listens. */
  get address(): Address {
    return this.#driver.socket.address;
  }

  /** What the socket can do. */
  get socket(): DatagramSocket {
    return this.#driver.socket;
  }

  /** Connections that are alive. */
  get connections(): readonly ConnectionHandle[] {
    return [...this.#handles.values()].filter((handle) => !handle.hasEnded);
  }

  /** Resolves with the first failure of the driver itself: a bug. */
  get failed(): Promise<Error> {
    return this.#driver.failed;
  }

  /** The next client, or null after `close`. */
  async accept(): Promise<ConnectionHandle | null> {
    for (;;) {
      const handle = this.#waiting.shift();
      if (handle !== undefined) return handle;
      if (this.#isClosed) return null;
      this.#acceptable ??= Promise.withResolvers<void>();
      await this.#acceptable.promise;
    }
  }

  /** Closes every connection with this code and then the port. */
  async close(code?: number, reason?: string): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#acceptable?.resolve();
      for (const handle of this.connections) await handle.close(code, reason);
    }
    await this.#driver.close();
  }

  #onEndpointEvent(event: EndpointEvent): void {
    if (event.kind !== "accepted") return;
    const { connection } = event;
    const handle = new ConnectionHandle(this.#driver, connection, () => Promise.resolve());
    this.#handles.set(connection, handle);
    this.#waiting.push(handle);
    this.#acceptable?.resolve();
    this.#acceptable = null;
  }

  #onConnectionEvents(connection: Connection): void {
    const handle = this.#handles.get(connection);
    handle?.takeEvents();
    if (handle?.hasEnded) this.#handles.delete(connection);
  }
}
