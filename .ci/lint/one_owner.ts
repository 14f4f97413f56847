/**
 * Rule `one-owner`: an outside thing is named only by the file that owns it.
 *
 * @module
 */
import { globalNames } from "./global_names.ts";
import { isOwner, isProgram, layerOf, PURE_CORE, repositoryPath } from "./layers.ts";
import { OUTSIDE_THINGS } from "./outside_things.ts";

/** Reports a global that another file owns, anywhere in the program but the core. */
export const oneOwner: Deno.lint.Rule = {
  create(context) {
    const path = repositoryPath(context.filename);
    if (!isProgram(path) || PURE_CORE.includes(layerOf(path) ?? "")) return {};
    return globalNames((name, node) => {
      const row = OUTSIDE_THINGS.find(({ names }) => isNamed(names, name));
      if (row === undefined || isOwner(row.owners, path)) return;
      context.report({
        node,
        message: `${name} reaches ${row.thing}, which belongs to ${row.owners.join(", ")}`,
        hint: `Take ${row.instead} instead`,
      });
    });
  },
};

/** True when a list from the table names this global. */
export function isNamed(names: readonly string[], name: string): boolean {
  return names.some((entry) => entry.endsWith(".") ? name.startsWith(entry) : name === entry);
}
