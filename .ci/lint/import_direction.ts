/**
 * Rule `import-direction`: imports point down the layers, and enter a folder by its door.
 *
 * @module
 */
import { isOwner, isProgram, layerOf, LAYERS, OUTSIDE_MODULES, repositoryPath } from "./layers.ts";

/** Reports an import that the layer table does not allow. */
export const importDirection: Deno.lint.Rule = {
  create(context) {
    const path = repositoryPath(context.filename);
    if (!isProgram(path)) return {};

    const check = (specifier: unknown, node: Deno.lint.Node): void => {
      if (typeof specifier !== "string") return;
      const message = refusal(path, specifier);
      if (message !== null) context.report({ node, message });
    };
    const checkSource = (node: { source: Deno.lint.StringLiteral | null } & Deno.lint.Node) => {
      if (node.source !== null) check(node.source.value, node);
    };
    return {
      ImportDeclaration: checkSource,
      ExportAllDeclaration: checkSource,
      ExportNamedDeclaration: checkSource,
      ImportExpression(node) {
        if (node.source.type === "Literal") check(node.source.value, node);
      },
    };
  },
};

/** Why a file may not import this, or null when it may. */
function refusal(path: string, specifier: string): string | null {
  if (!/^\.{1,2}\//.test(specifier)) return outsideRefusal(path, specifier);
  const target = new URL(specifier, `file:///${path}`).pathname.slice(1);
  if (!target.startsWith("lib/")) {
    return target === "deno.json" ? null : `${specifier} is outside lib/: the program stands alone`;
  }
  const from = layerOf(path);
  const to = layerOf(target);
  if (to === null || LAYERS[to] === undefined) {
    return `${target} belongs to no layer: give its folder a row in the layer table`;
  }
  if (from === to) return null;
  if (from !== null && !LAYERS[from]?.imports.includes(to)) {
    return `${from} may not import ${to}: imports point down, ${allowedFrom(from)}`;
  }
  if (LAYERS[to].hasDoor && target !== `lib/${to}/mod.ts` && from !== null) {
    return `Import ${to} through lib/${to}/mod.ts`;
  }
  return null;
}

function outsideRefusal(path: string, specifier: string): string | null {
  const owners = OUTSIDE_MODULES[specifier];
  if (owners === undefined) {
    return `${specifier} has no owner: a new outside module earns a row in the layer table`;
  }
  return isOwner(owners, path) ? null : `${specifier} belongs to ${owners.join(", ")}`;
}

function allowedFrom(layer: string): string {
  const imports = LAYERS[layer]?.imports ?? [];
  return imports.length === 0 ? "and it imports nothing" : `to ${imports.join(", ")}`;
}
