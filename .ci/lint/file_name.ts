/**
 * Rule `file-name`: a file is named after the thing it holds.
 *
 * @module
 */
import { repositoryPath } from "./layers.ts";

const NAMELESS = new Set([
  "utils",
  "util",
  "helpers",
  "helper",
  "common",
  "types",
  "misc",
  "index",
]);

/** Reports names that say nothing, and names that are not snake_case. */
export const fileName: Deno.lint.Rule = {
  create(context) {
    const path = repositoryPath(context.filename);
    const stem = path.slice(path.lastIndexOf("/") + 1).replace(/(\.d)?\.[cm]?[jt]sx?$/, "");
    return {
      Program(node) {
        if (NAMELESS.has(stem.replace(/_test$/, ""))) {
          context.report({
            node,
            message: `"${stem}" names nothing: call the file after what it exports`,
          });
        } else if (!/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(stem)) {
          context.report({ node, message: `"${stem}" is not snake_case` });
        }
      },
    };
  },
};
