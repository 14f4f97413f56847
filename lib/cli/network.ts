/**
 * The driver, set up the way both programs need it.
 *
 * @module
 */

import type { Identity } from "../crypto/mod.ts";
import { type DriverOptions, isLoopback, Listener, openUdpSocket } from "../driver/mod.ts";
import { FEATURES, featuresForAnyone } from "../operations/mod.ts";
import type { Role } from "../request/mod.ts";
import type { TransportConfig } from "../transport/mod.ts";
import { chooseAead } from "./ciphers.ts";

/** What both programs say about their network. */
export interface NetworkOptions {
  /** False for the portable path only. */
  readonly ffi: boolean;
  /** Cap on sending, bytes per second; Infinity for none. */
  readonly maxRateBytesPerSecond: number;
  /** Background mode. */
  readonly isPolite: boolean;
  /** Congestion controller; null for the default. */
  readonly congestion: TransportConfig["congestion"] | null;
  /** This program's key. */
  readonly identity: Identity;
  /** A server: the role of whoever comes. */
  readonly roleOfAnyone?: Role;
}

/** What driver and log need of this process. */
export interface NetworkSetup {
  /** For `connect` and a `Listener`. */
  readonly driver: DriverOptions;
  /** This program's key. */
  readonly identity: Identity;
}

/** Chooses ciphers and settings. */
export function setUpNetwork(options: NetworkOptions): NetworkSetup {
  const aead = chooseAead(options);
  const { maxRateBytesPerSecond, isPolite, congestion, identity, roleOfAnyone = "none" } = options;
  return {
    identity,
    driver: {
      identity,
      aead,
      // AES is the faster one through libcrypto and the slower one without.
      suites: aead.name === "libcrypto"
        ? ["aes-128-gcm", "chacha20-poly1305"]
        : ["chacha20-poly1305"],
      ffi: options.ffi,
      config: {
        maxRateBytesPerSecond,
        isPolite,
        features: FEATURES.limits + FEATURES.knowsHeld + FEATURES.leafSchemes +
          FEATURES.compression + featuresForAnyone(roleOfAnyone),
        ...(congestion === null ? {} : { congestion }),
      },
    },
  };
}

/** Who may come in. */
export interface DoorKeeper {
  /** Gets ready for a port; nobody is answered before. */
  start(port: number): Promise<void>;
  /** The secret of a way of proving oneself in the handshake; null refuses that way. */
  pskFor(method: number): Uint8Array | null;
}

/**
 * Opens the server's port. Whoever connects has no part of the shared memory before `letIn()`.
 *
 * @throws {SocketError} when it cannot be had.
 */
export async function openListener(
  setup: NetworkSetup,
  address: { hostname: string; port: number },
  keeper: DoorKeeper,
): Promise<Listener> {
  const { driver } = setup;
  const socket = openUdpSocket({ ...address, ffi: driver.ffi });
  try {
    await keeper.start(socket.address.port);
  } catch (error) {
    socket.close();
    throw error;
  }
  const config = { ...driver.config, letsInAtOnce: false };
  return new Listener(socket, { ...driver, config, pskFor: (method) => keeper.pskFor(method) });
}

/** An address under which other machines may reach a server, or null when it listens to this one only. */
export function outsideAddress(host: string): string | null {
  if (isLoopback(host)) return null;
  if (host !== "0.0.0.0" && host !== "::") return host;
  const permission = Deno.permissions.querySync({ name: "sys", kind: "networkInterfaces" });
  const interfaces = permission.state === "granted" ? Deno.networkInterfaces() : [];
  const usable = interfaces.filter(({ address }) => !isLoopback(address));
  const chosen = usable.find(({ family }) => family === "IPv4") ??
    usable.find(({ address }) => host === "::" && !address.startsWith("fe80"));
  return chosen?.address ?? "ADDRESS";
}
