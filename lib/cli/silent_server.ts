/**
 * What a person hears who waits for a server that does not answer.
 *
 * A forgotten server, a mistyped port and a firewall all look the same from here for as long as one waits,
 * unless the system over there says that the port is closed.
 *
 * @module
 */
import type { PortProbe } from "../driver/mod.ts";
import { passes, type Sleeper } from "./sleeper.ts";

/** A server that is slower than this is worth a word: even by satellite the first answer takes 0.6 s. */
const SILENT_MS = 1500;

/** The server that is waited for. */
export interface SilentServer {
  /** What people call it. */
  readonly name: string;
  /** Literal addresses it may have; at least one. */
  readonly addresses: readonly string[];
  /** Its port. */
  readonly port: number;
}

/** What is needed to watch it. */
export interface SilenceTools {
  /** null where ports cannot be asked. */
  readonly probe: PortProbe | null;
  /** Waits. */
  readonly sleep: Sleeper;
  /** Shows a line to whoever waits; absent when nobody needs to hear it. */
  readonly note?: ((line: string) => void) | undefined;
}

/**
 * Says once that there is no answer yet, if that is still so after a moment. Resolves with whether the port is
 * known to be closed at every address; early, with what is known by then, when `signal` fires.
 */
export async function watchSilence(
  server: SilentServer,
  { probe, sleep, note }: SilenceTools,
  signal: AbortSignal,
): Promise<boolean> {
  if (!await passes(sleep, SILENT_MS, signal)) return false;
  const isClosed = probe !== null && await isClosedEverywhere(server, probe, signal);
  if (signal.aborted) return isClosed;
  note?.(
    isClosed
      ? `No program listens on ${server.name} yet. Still trying…`
      : `No answer from ${server.name} yet. Still trying…`,
  );
  return isClosed;
}

async function isClosedEverywhere(
  { addresses, port }: SilentServer,
  probe: PortProbe,
  signal: AbortSignal,
): Promise<boolean> {
  const answers = await Promise.all(
    addresses.map((hostname) => probe.isClosed({ hostname, port }, signal)),
  );
  return answers.every((isClosed) => isClosed);
}
