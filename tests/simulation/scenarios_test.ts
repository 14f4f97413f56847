/**
 * A thousand runs, each from its seed: `SEED=17 deno test -A tests/simulation/scenarios_test.ts` repeats
 * one with every packet printed. What is checked stands in `simulation.ts`.
 */
import { assert, assertEquals } from "@std/assert";
import { type Scenario, scenarioOf } from "./scenario.ts";
import { simulate } from "./simulation.ts";
import { plainFlow } from "./stream_workload.ts";

const SEED_COUNT = 1000;
const SEEDS_PER_TEST = 100;
const chosen = Deno.env.get("SEED");

if (chosen !== undefined) {
  Deno.test(`seed ${chosen}`, () => {
    const encoder = new TextEncoder();
    runSeed(Number(chosen), (line) => void Deno.stdout.writeSync(encoder.encode(`${line}\n`)));
  });
} else {
  for (let first = 0; first < SEED_COUNT; first += SEEDS_PER_TEST) {
    Deno.test(`seeds ${first} to ${first + SEEDS_PER_TEST - 1} end well or with a reason`, () => {
      for (let seed = first; seed < first + SEEDS_PER_TEST; seed++) runSeed(seed);
    });
  }
}

function runSeed(seed: number, trace?: (line: string) => void): void {
  const scenario = scenarioOf(seed);
  const { failures } = simulate(scenario, trace);
  const { profile, controller, ending } = scenario;
  assertEquals(failures, [], `SEED=${seed} (${profile}, ${controller}, ${ending.kind})`);
}

Deno.test("a seed replays to the very same packets", () => {
  for (let seed = 0; seed < 36; seed++) {
    const first = simulate(scenarioOf(seed));
    const second = simulate(scenarioOf(seed));
    assertEquals(second, first, `SEED=${seed}`);
  }
});

Deno.test("every controller fills a link that only it uses", () => {
  for (const controller of ["new_reno", "cubic", "bbr"] as const) {
    for (const link of [{ latencyMs: 5, rate: 1e6 }, { latencyMs: 30, rate: 4e6 }]) {
      const bytes = 4 * link.rate;
      const result = simulate(benign(controller, { ...link, bytes }));
      assertEquals(result.failures, []);
      const share = bytes / (result.settledMs / 1000) / link.rate;
      assert(share > 0.7, `${controller} at ${link.rate} bytes/s used ${share}`);
    }
  }
});

Deno.test("a thousand clients at once are all served, through one lossy link", () => {
  const bytes = 5_000;
  const one = benign("bbr", { latencyMs: 10, rate: 25e6, bytes });
  const result = simulate({
    ...one,
    profile: "crowd",
    link: { ...one.link, lossRate: 0.005, queueBytes: 4e6 },
    clients: Array.from({ length: 1000 }, () => one.clients[0]!),
  });
  assertEquals(result.failures, []);
  assertEquals(result.verifiedBytes, 1000 * (bytes + 100));
});

/** One download over a link whose queue holds one round trip. */
function benign(
  controller: Scenario["controller"],
  options: { latencyMs: number; rate: number; bytes: number },
): Scenario {
  const { latencyMs, rate, bytes } = options;
  return {
    seed: 1,
    profile: "benign",
    controller,
    hasRealCipher: false,
    link: { latencyMs, rateBytesPerSecond: rate, queueBytes: rate * latencyMs * 2 / 1000 },
    faults: [],
    actions: [],
    attack: null,
    clients: [[{
      id: 0,
      opener: "client",
      startMs: 0,
      request: plainFlow(100),
      response: plainFlow(bytes),
      isAnswered: true,
    }]],
    clientConfig: {},
    serverConfig: {},
    ending: { kind: "when-settled", by: "client" },
    isReplayedAfterwards: false,
    latenessMs: 1,
  };
}
