/**
 * Connecting to a server, on a socket of its own.
 *
 * @module
 */
import {
  type Connection,
  type ConnectionEnd,
  ConnectionError,
  type EndpointEvent,
  METHOD_NONE,
} from "../transport/mod.ts";
import { canonicalLiteral } from "./address_bytes.ts";
import { systemClock } from "./clock.ts";
import { ConnectionHandle } from "./connection_handle.ts";
import { EndpointDriver } from "./endpoint_driver.ts";
import { createEndpoint, type DriverOptions } from "./endpoint_setup.ts";
import { openUdpSocket } from "./udp_socket.ts";

/** Where to connect to, and how to prove oneself. */
export interface ConnectOptions extends DriverOptions {
  /** IPv4 or IPv6 address of the server; never a name. */
  readonly hostname: string;
  /** Its port. */
  readonly port: number;
  /** How we prove ourselves; default: not at all. */
  readonly method?: number;
  /** The 32-byte secret of that method. */
  readonly psk?: Uint8Array;
  /** Gives up early. */
  readonly signal?: AbortSignal;
}

/**
 * Connects to a server; takes one round trip.
 *
 * @throws {ConnectionError} when there is no answer in time, or a refusal.
 * @throws {SocketError} when no socket can be had.
 * @throws the signal's reason when it is aborted.
 */
export async function connect(options: ConnectOptions): Promise<ConnectionHandle> {
  options.signal?.throwIfAborted();
  const hostname = canonicalLiteral(options.hostname);
  const isIpv6 = hostname.includes(":");
  const socket = openUdpSocket({
    hostname: isIpv6 ? "::" : "0.0.0.0",
    port: 0,
    ffi: options.ffi,
  });
  const outcome = Promise.withResolvers<Connection | ConnectionEnd>();
  let handle: ConnectionHandle | null = null;
  const driver = new EndpointDriver({
    socket,
    endpoint: createEndpoint(socket, options, null),
    clock: systemClock,
    listener: {
      onEndpointEvent: (event: EndpointEvent) => {
        if (event.kind === "connected") {
          handle = new ConnectionHandle(driver, event.connection, () => driver.close());
          outcome.resolve(event.connection);
        } else if (event.kind === "failed") {
          outcome.resolve(event.end);
        }
      },
      onConnectionEvents: () => handle?.takeEvents(),
    },
  });
  const address = { hostname, port: options.port };
  const proof = { method: options.method ?? METHOD_NONE, psk: options.psk ?? new Uint8Array(32) };
  driver.endpoint.connect(address, proof, driver.nowMs());
  driver.wakeEndpoint();
  const onAbort = () => outcome.resolve({ kind: "closed", code: 0, reason: "" });
  options.signal?.addEventListener("abort", onAbort, { once: true });
  const failure = driver.failed.then((error): ConnectionEnd => {
    return { kind: "protocol-error", code: 0, reason: error.message };
  });
  const result = await Promise.race([outcome.promise, failure]);
  options.signal?.removeEventListener("abort", onAbort);
  if (handle !== null && !options.signal?.aborted) return handle;
  await driver.close();
  options.signal?.throwIfAborted();
  throw new ConnectionError(result as ConnectionEnd);
}
