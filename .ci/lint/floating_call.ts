/**
 * Rule `floating-call`: a promise made here is awaited, returned or handed on, never dropped.
 *
 * It sees functions and methods of the same file that are `async` or declared to return a Promise.
 *
 * @module
 */
import { isProgram, repositoryPath } from "./layers.ts";

/** Reports a statement that calls such a function and lets the promise go. */
export const floatingCall: Deno.lint.Rule = {
  create(context) {
    const mayDiscard = !isProgram(repositoryPath(context.filename));
    const asynchronous = new Set<string>();
    const dropped: { name: string; node: Deno.lint.Node }[] = [];

    return {
      FunctionDeclaration(node) {
        if (node.id !== null && returnsPromise(node)) asynchronous.add(node.id.name);
      },
      VariableDeclarator(node) {
        if (node.id.type !== "Identifier" || !isFunctionExpression(node.init)) return;
        if (returnsPromise(node.init)) asynchronous.add(node.id.name);
      },
      MethodDefinition(node) {
        const name = memberName(node.key);
        if (name !== null && returnsPromise(node.value)) asynchronous.add(`this.${name}`);
      },
      ExpressionStatement(node) {
        let expression = node.expression;
        if (expression.type === "UnaryExpression" && expression.operator === "void") {
          if (mayDiscard) return;
          expression = expression.argument;
        }
        const name = calledName(expression);
        if (name !== null) dropped.push({ name, node });
      },
      "Program:exit"() {
        for (const { name, node } of dropped) {
          if (!asynchronous.has(name)) continue;
          context.report({
            node,
            message: `The promise of ${name}() is dropped`,
            hint: "Await it, return it, or let a TaskGroup run it",
          });
        }
      },
    };
  },
};

type FunctionNode =
  | Deno.lint.FunctionDeclaration
  | Deno.lint.FunctionExpression
  | Deno.lint.ArrowFunctionExpression;

function isFunctionExpression(
  node: Deno.lint.Node | null | undefined,
): node is Deno.lint.FunctionExpression | Deno.lint.ArrowFunctionExpression {
  return node?.type === "ArrowFunctionExpression" || node?.type === "FunctionExpression";
}

function returnsPromise(node: Deno.lint.Node): boolean {
  const { async, generator, returnType } = node as FunctionNode;
  if (async) return !generator;
  const type = returnType?.typeAnnotation;
  return type?.type === "TSTypeReference" && type.typeName.type === "Identifier" &&
    type.typeName.name === "Promise";
}

/** `f` for `f()` and `f().catch(…)`, `this.m` for `this.m()`; null for everything else. */
function calledName(node: Deno.lint.Node): string | null {
  if (node.type !== "CallExpression") return null;
  const callee = node.callee;
  if (callee.type === "Identifier") return callee.name;
  if (callee.type !== "MemberExpression") return null;
  const name = memberName(callee.property);
  if (callee.object.type === "ThisExpression") return name === null ? null : `this.${name}`;
  const continues = name === "then" || name === "catch" || name === "finally";
  return continues ? calledName(callee.object) : null;
}

function memberName(node: Deno.lint.Node): string | null {
  if (node.type === "Identifier") return node.name;
  return node.type === "PrivateIdentifier" ? `#${node.name}` : null;
}
