/**
 * What a scenario explains: how long its streams may take, and how an attempt to connect may fail.
 *
 * @module
 */
import type { ConnectionEndKind } from "../../lib/transport/mod.ts";
import type { Scenario } from "./scenario.ts";

/** Virtual time for everything to end after the last fault, beyond what the bytes need. */
const GRACE_MS = 8_000;
/** The same when a client moved that had nothing to say: its keepalive tells the server. */
const MOVED_GRACE_MS = 20_000;

/** When every stream must be settled, if the network lets it. */
export function settleLimitMs(scenario: Scenario): number {
  const { faults, actions, link, clients, ending } = scenario;
  let lastMs = 0;
  for (const { untilMs } of faults) if (untilMs !== Infinity) lastMs = Math.max(lastMs, untilMs);
  for (const action of actions) {
    lastMs = Math.max(lastMs, action.kind === "freeze" ? action.untilMs : action.atMs);
  }
  if (ending.kind !== "when-settled") lastMs = Math.max(lastMs, ending.atMs);
  let bytes = 0;
  let applicationMs = 0;
  for (const plan of clients.flat()) {
    bytes += plan.request.sizeBytes + plan.response.sizeBytes;
    // Streams beyond the peer's limit wait for those before them.
    applicationMs = Math.max(applicationMs, plan.startMs);
    for (const flow of [plan.request, plan.response]) {
      applicationMs += flow.endsLateMs;
      if (flow.readBytesPerMs !== Infinity) applicationMs += flow.sizeBytes / flow.readBytesPerMs;
    }
  }
  const rate = Math.min(
    link.rateBytesPerSecond ?? Infinity,
    scenario.clientConfig.maxRateBytesPerSecond ?? Infinity,
    scenario.serverConfig.maxRateBytesPerSecond ?? Infinity,
  );
  const roundTripsMs = 2 * (link.latencyMs ?? 10) * 10 * clients.flat().length;
  const hasMoved = actions.some(({ kind }) => kind !== "freeze");
  const graceMs = hasMoved ? MOVED_GRACE_MS : GRACE_MS;
  // A third of the link is what the worst of the controllers makes of it.
  return lastMs + graceMs + applicationMs + roundTripsMs + 3000 * bytes / rate;
}

/** How an attempt to connect may fail; not at all where nothing troubles it. */
export function explainedFailures(scenario: Scenario): readonly ConnectionEndKind[] {
  const { faults, attack, actions, ending } = scenario;
  const isAttacked = attack !== null && attack.fromMs < 10_000;
  const isTroubled = faults.some(({ fromMs }) => fromMs < 10_000) || actions.length > 0 ||
    ending.kind === "dark";
  const explained: ConnectionEndKind[] = [];
  if (isTroubled || isAttacked) explained.push("unreachable", "handshake-failed");
  // A damaged INITIAL looks like one with a wrong secret or of another version, and is refused.
  const isDamaged = faults.some(({ conditions }) => (conditions.corruptRate ?? 0) > 0);
  const isForged = isAttacked &&
    attack.attacks.some((attack) => ["hint", "mutate", "garbage"].includes(attack));
  if (isDamaged || isForged) explained.push("refused", "version-mismatch");
  return explained;
}
