/** BBR on a path that becomes longer, and beside others who only make it look so. */
import { assert } from "@std/assert";
import { congestionController as bbr } from "../../../lib/transport/congestion/bbr.ts";
import type { CongestionController } from "../../../lib/transport/congestion/controller.ts";
import { congestionController as cubic } from "../../../lib/transport/congestion/cubic.ts";
import { runLink } from "../../simulation/link_model.ts";

/** The RTT that a controller takes for that of the path without a queue. */
function baseRttMs({ fillingBytes, bandwidthBytesPerSecond }: CongestionController): number {
  return fillingBytes * 1000 / bandwidthBytesPerSecond;
}

for (
  const [mbits, rttMs, longerMs] of [[100, 20, 40], [100, 20, 160], [20, 20, 120], [100, 60, 90]]
) {
  Deno.test(`bbr knows two seconds later that ${rttMs} ms have become ${longerMs}: ${mbits} Mbit/s`, () => {
    const known: number[] = [];
    runLink(
      {
        rateBitsPerSecond: mbits! * 1e6,
        rttMs: rttMs!,
        bufferBytes: 1e6,
        rttStep: { atMs: 5000, rttMs: longerMs! },
      },
      [{ controller: bbr }],
      8000,
      (atMs, _flow, controller) => void (atMs > 7000 && known.push(baseRttMs(controller))),
    );
    assert(known[0]! >= longerMs! && known[0]! < 1.05 * longerMs!, `${known[0]} ms`);
  });
}

for (const bufferBdp of [1, 4]) {
  Deno.test(`bbr does not take the queue of a cubic flow for a longer path: ${bufferBdp} BDP`, () => {
    for (let seed = 1; seed <= 4; seed++) {
      let longestMs = 0;
      runLink(
        { rateBitsPerSecond: 100e6, rttMs: 50, bufferBytes: 625_000 * bufferBdp, seed },
        [{ controller: bbr }, { controller: cubic, startAtMs: 5000 }],
        // From ten seconds on, the shortest one seen is old, and the next probe decides.
        14_000,
        (atMs, flow, controller) => {
          if (flow === 0 && atMs > 4000) longestMs = Math.max(longestMs, baseRttMs(controller));
        },
      );
      assert(longestMs < 60, `SEED=${seed}: ${longestMs} ms`);
    }
  });
}
