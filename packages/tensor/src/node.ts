/** What is particular to Node; harmless elsewhere, and nothing here is seen by a bundler. */

/** Whether this is Node (or Bun, or Deno's Node mode), and not a browser. */
export const isNode = (): boolean => typeof process !== "undefined" && typeof process.versions?.node === "string";

const builtin = (name: string): Record<string, unknown> | undefined =>
  isNode() ? (process.getBuiltinModule?.(name) as unknown as Record<string, unknown> | undefined) : undefined;

/** Imports a package that may be absent: no bundler sees the name, so its absence breaks no build. */
export const importByName = (specifier: string): Promise<unknown> =>
  import(/* @vite-ignore */ /* webpackIgnore: true */ specifier);

/**
 * Node 23 removed the `util.is…` functions that tfjs-node 4.22 calls ("isNullOrUndefined is not a function"): puts
 * those that are missing back.
 */
export function mendNodeUtil(util: Record<string, unknown> | undefined = builtin("node:util")): void {
  if (!util) return;
  const mends: Record<string, (value: unknown) => boolean> = {
    isArray: Array.isArray,
    isBoolean: (value) => typeof value === "boolean",
    isDate: (value) => value instanceof Date,
    isError: (value) => value instanceof Error,
    isFunction: (value) => typeof value === "function",
    isNull: (value) => value === null,
    isNullOrUndefined: (value) => value === null || value === undefined,
    isNumber: (value) => typeof value === "number",
    isObject: (value) => value !== null && typeof value === "object",
    isPrimitive: (value) => value === null || (typeof value !== "object" && typeof value !== "function"),
    isRegExp: (value) => value instanceof RegExp,
    isString: (value) => typeof value === "string",
    isSymbol: (value) => typeof value === "symbol",
    isUndefined: (value) => value === undefined,
  };
  for (const [name, mend] of Object.entries(mends)) util[name] ??= mend;
}

/**
 * The folder of the wasm backend's `.wasm` files, ending in a separator, as installed beside this package. Without it
 * tfjs looks beside its own script, which is wrong once a program is bundled. Undefined where it can't be told.
 */
export function wasmFolder(): string | undefined {
  try {
    const module = builtin("node:module") as { createRequire(from: string): NodeJS.Require } | undefined;
    const path = builtin("node:path") as { dirname(file: string): string; sep: string } | undefined;
    if (!module || !path) return undefined;
    const file = module.createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm/package.json");
    return [path.dirname(file), "dist", ""].join(path.sep);
  } catch {
    return undefined; // bundled and moved away: tfjs's own guess, or the caller's wasmPaths, must do
  }
}
