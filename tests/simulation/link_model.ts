/**
 * A fast packet-level model of one bottleneck link, for congestion controllers.
 *
 * Flows share a link in virtual time only: a transfer of a gigabyte takes about a second.
 *
 * @module
 */
import type { CongestionController } from "../../lib/transport/congestion/controller.ts";
import { BottleneckLink, type LinkOptions } from "./bottleneck_link.ts";
import { Flow, type FlowOptions, type FlowResult } from "./model_flow.ts";

export type { LinkOptions };

/** What became of the run. */
export interface LinkResult {
  flows: FlowResult[];
  /** Packets that the queue refused. */
  overflowPackets: number;
  /** When the run ended. */
  endedAtMs: number;
}

/** Runs flows over a link until all have finished or `limitMs` is reached. */
export function runLink(
  link: LinkOptions,
  flows: FlowOptions[],
  limitMs: number,
  observe?: (nowMs: number, flowIndex: number, controller: CongestionController) => void,
): LinkResult {
  const model = new BottleneckLink(link);
  const senders = flows.map((flow) => new Flow(model, flow, limitMs));
  let unfinished = senders.length;
  let nowMs = 0;
  while (unfinished > 0) {
    let next: Flow | undefined;
    let atMs = Infinity;
    for (const sender of senders) {
      if (sender.nextAtMs < atMs) {
        atMs = sender.nextAtMs;
        next = sender;
      }
    }
    if (next === undefined || atMs > limitMs) break;
    nowMs = atMs;
    next.advance();
    if (observe !== undefined) observe(nowMs, senders.indexOf(next), next.controller);
    if (next.isFinished) {
      next.nextAtMs = Infinity;
      unfinished--;
    }
  }
  const endedAtMs = unfinished > 0 ? limitMs : nowMs;
  return {
    flows: senders.map((sender) => sender.result(endedAtMs)),
    overflowPackets: model.overflowPackets,
    endedAtMs,
  };
}
