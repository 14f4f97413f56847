/**
 * Why there is no connection, in sentences for people.
 *
 * @module
 */

import { StreamError } from "../bytes/byte_stream.ts";
import { SocketError } from "../driver/mod.ts";
import { RemoteError } from "../request/mod.ts";
import { ConnectFailure, type Target } from "../shell/mod.ts";
import { ConnectionError } from "../transport/mod.ts";
import { endSentence } from "./network_link.ts";

/** What a failed try to reach a server means, after so long a wait. */
export function connectFailure(
  error: unknown,
  target: Target,
  { timeoutMs, isPortClosed }: { timeoutMs: number; isPortClosed: boolean },
): ConnectFailure {
  const name = `${target.host} port ${target.port}`;
  const options = { cause: error };
  if (error instanceof SocketError) {
    const isRefused = error.kind === "permission" || error.kind === "not-allowed";
    return new ConnectFailure(isRefused ? "refused" : "other", error.message, options);
  }
  if (!(error instanceof ConnectionError)) throw error;
  const { kind, reason } = error.end;
  switch (kind) {
    case "unreachable":
    case "timed-out": {
      const seconds = Math.round(timeoutMs / 100) / 10;
      const what = isPortClosed
        ? "no program listens on that port"
        : `no answer within ${seconds} s`;
      const message = `Cannot reach ${name}: ${what}. Is the server running?`;
      return new ConnectFailure("unreachable", message, options);
    }
    case "send-refused":
      return new ConnectFailure(
        "unreachable",
        `Cannot reach ${name}: this machine has no way to that address`,
        options,
      );
    case "path-too-narrow":
      return new ConnectFailure(
        "unreachable",
        `Cannot reach ${name}: the network carries no packets of 1200 bytes; its MTU must be 1228 or more`,
        options,
      );
    case "version-mismatch":
      return new ConnectFailure(
        "version-mismatch",
        `The server at ${name} speaks another version of the protocol: bring both sides to the same version`,
        options,
      );
    case "refused":
    case "handshake-failed":
      return new ConnectFailure(
        "refused",
        `The server at ${name} refuses this client${reason === "" ? "" : `: ${reason}`}`,
        options,
      );
    default:
      return new ConnectFailure(
        "other",
        `Cannot connect to ${name}: ${endSentence(error.end)}`,
        options,
      );
  }
}

/** What a failure between connecting and being let in means. */
export function admissionFailure(error: unknown, { host, port }: Target): unknown {
  const options = { cause: error };
  if (error instanceof RemoteError && error.status === "stopping") {
    return new ConnectFailure(
      "unreachable",
      `The server at ${host} port ${port} is stopping`,
      options,
    );
  }
  if (!(error instanceof StreamError)) return error;
  const reason = error.kind === "connection-lost" ? "the connection was lost" : "no answer in time";
  return new ConnectFailure(
    "unreachable",
    `Cannot reach ${host} port ${port}: ${reason} before the server said what this client may do`,
    options,
  );
}
