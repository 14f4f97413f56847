/**
 * Finds the places where a file names something global: `Deno.open`, `setTimeout()`, `new Date()`.
 *
 * @module
 */

/** Objects whose members are looked at one by one. */
const OBJECTS = new Set([
  "AbortSignal",
  "Deno",
  "Date",
  "Math",
  "console",
  "crypto",
  "performance",
]);

/** Reports each mention of a global with its dotted name; `const {open} = Deno` gives `Deno.open`. */
export function globalNames(
  report: (name: string, node: Deno.lint.Node) => void,
): Deno.lint.LintVisitor {
  return {
    MemberExpression(node) {
      const object = node.object;
      if (object.type === "Identifier" && OBJECTS.has(object.name)) {
        report(`${object.name}.${propertyName(node)}`, node);
      } else if (object.type === "Identifier" && object.name === "globalThis") {
        report(propertyName(node), node);
      } else if (
        object.type === "MemberExpression" && object.object.type === "Identifier" &&
        object.object.name === "globalThis"
      ) {
        report(`${propertyName(object)}.${propertyName(node)}`, node);
      }
    },
    CallExpression(node) {
      if (node.callee.type === "Identifier") report(node.callee.name, node);
    },
    NewExpression(node) {
      if (node.callee.type === "Identifier") report(node.callee.name, node);
    },
    VariableDeclarator(node) {
      if (node.init?.type !== "Identifier" || node.id.type !== "ObjectPattern") return;
      for (const property of node.id.properties) {
        if (property.type === "Property" && property.key.type === "Identifier") {
          report(`${node.init.name}.${property.key.name}`, property);
        }
      }
    },
  };
}

function propertyName(node: Deno.lint.MemberExpression): string {
  if (node.property.type === "Identifier") return node.property.name;
  return node.property.type === "Literal" ? String(node.property.value) : "";
}
