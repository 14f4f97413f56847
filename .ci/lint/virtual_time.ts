/**
 * Rule `virtual-time`: tests do not wait for real time, except those that start real processes.
 *
 * @module
 */
import { globalNames } from "./global_names.ts";
import { isOwner, repositoryPath } from "./layers.ts";

const TIMERS = new Set(["setTimeout", "setInterval", "AbortSignal.timeout"]);
const REAL_TIME = ["tests/end_to_end/", "tests/soak/", "tests/bench/", "tests/demo.ts"];

/** Reports timers in tests that should run on a virtual clock. */
export const virtualTime: Deno.lint.Rule = {
  create(context) {
    const path = repositoryPath(context.filename);
    if (!path.startsWith("tests/") || isOwner(REAL_TIME, path)) return {};
    return globalNames((name, node) => {
      if (!TIMERS.has(name)) return;
      context.report({
        node,
        message: `${name} in a test: let virtual time pass instead`,
        hint: "Use the simulation's clock, or move the test to tests/end_to_end/",
      });
    });
  },
};
