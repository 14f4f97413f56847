/**
 * Rule `pure-core`: the lower layers are synchronous and are handed time, bytes and randomness.
 *
 * @module
 */
import { globalNames } from "./global_names.ts";
import { isOwner, layerOf, PURE_CORE, repositoryPath } from "./layers.ts";
import { isNamed } from "./one_owner.ts";
import { NATIVE_CODE, OUTSIDE_THINGS } from "./outside_things.ts";

/** Globals that the core never names, beside those that stand in the table of outside things. */
const IMPURE = ["Deno.", "Date.", "Date", "crypto.", "queueMicrotask", "fetch"];

/** Names of `node:crypto` that draw on the system's randomness or hand work to another thread. */
const IMPURE_NODE_CRYPTO = /random|generateKey|subtle|webcrypto|^scrypt$|^pbkdf2$|^hkdf$/i;

/** Reports everything that would make the core asynchronous or impossible to replay. */
export const pureCore: Deno.lint.Rule = {
  create(context) {
    const path = repositoryPath(context.filename);
    if (!PURE_CORE.includes(layerOf(path) ?? "")) return {};
    const refuseAsync = (node: { async: boolean } & Deno.lint.Node): void => {
      if (!node.async) return;
      context.report({
        node,
        message: "An async function in the core, which is synchronous",
        hint: "Return a decision; the driver does the waiting",
      });
    };
    return {
      ...globalNames((name, node) => {
        const row = OUTSIDE_THINGS.find(({ names }) => isNamed(names, name));
        if (row !== undefined ? isOwner(row.owners, path) : !isNamed(IMPURE, name)) return;
        // The file that loads a library may look at its platform (Deno.build, Deno.errors).
        if (row === undefined && name.startsWith("Deno.") && isOwner(NATIVE_CODE, path)) return;
        context.report({
          node,
          message: `${name} in the core, which is synchronous and replayable`,
          hint: row === undefined ? "Let the caller pass the value in" : `Take ${row.instead}`,
        });
      }),
      FunctionDeclaration: refuseAsync,
      FunctionExpression: refuseAsync,
      ArrowFunctionExpression: refuseAsync,
      AwaitExpression(node) {
        context.report({ node, message: "await in the core, which is synchronous" });
      },
      ImportDeclaration(node) {
        if (node.source.value !== "node:crypto") return;
        for (const { local } of node.specifiers) {
          if (!IMPURE_NODE_CRYPTO.test(local.name)) continue;
          context.report({
            node,
            message: `${local.name} in the core, which is synchronous and replayable`,
            hint: "Take an Entropy, and the synchronous form",
          });
        }
      },
    };
  },
};
