import { findTfjsNode } from "@repo/tfjs-node";

/** Node's options that let a program import the tfjs-node which tooling/tfjs-node has built, or why there is none. */
export function withTfjsNode(): { readonly options: readonly string[] } | { readonly reason: string } {
  const { module, reason } = findTfjsNode();
  if (module === undefined) return { reason };
  const found = JSON.stringify({ url: module, shortCircuit: true });
  const hook = `export const resolve = (name, context, next) => name === "@tensorflow/tfjs-node" ? ${found} : next(name, context);`;
  const register = `import { register } from "node:module"; register(${JSON.stringify(asUrl(hook))});`;
  return { options: ["--import", asUrl(register)] };
}

const asUrl = (code: string): string => `data:text/javascript,${encodeURIComponent(code)}`;
