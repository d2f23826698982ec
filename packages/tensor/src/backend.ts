import { engine, findBackendFactory, setBackend } from "@tensorflow/tfjs-core";
import { BackendError } from "./errors.ts";

/** The backends that {@link useBackend} can start. */
export type BackendName = "cpu" | "wasm" | "webgl" | "webgpu" | "tfjs-node" | "tfjs-node-gpu";

/** One backend that was looked at, and why it was or was not taken. */
export interface BackendAttempt {
  readonly name: BackendName;
  readonly reason: string;
}

/** What {@link useBackend} chose. */
export interface BackendReport {
  /** The backend that runs from now on. */
  readonly name: BackendName;
  /** Why this one, in a few words. */
  readonly reason: string;
  /** Those that came first and could not be taken, each with its reason, in order. */
  readonly tried: readonly BackendAttempt[];
}

/** Settings of {@link useBackend}. */
export interface BackendOptions {
  /**
   * Where the wasm backend's three `.wasm` files are: a URL or folder that ends in a slash, or a map from file name to
   * URL. Needed in browsers, where they are files to serve; Node finds them in the installed package.
   */
  readonly wasmPaths?: string | Readonly<Record<string, string>>;
}

const npmNames: Readonly<Record<BackendName, string>> = {
  "tfjs-node-gpu": "@tensorflow/tfjs-node-gpu",
  "tfjs-node": "@tensorflow/tfjs-node",
  webgpu: "@tensorflow/tfjs-backend-webgpu",
  webgl: "@tensorflow/tfjs-backend-webgl",
  wasm: "@tensorflow/tfjs-backend-wasm",
  cpu: "@tensorflow/tfjs-backend-cpu",
};

const version = "4.22.0";

/** tfjs-node registers itself as "tensorflow", whichever of the two packages it is. */
const engineName = (name: BackendName): string => (name.startsWith("tfjs-node") ? "tensorflow" : name);

const isNode = (): boolean => typeof process !== "undefined" && typeof process.versions?.node === "string";

/** The order of "auto": native, then the graphics processor, then wasm, then plain JavaScript. */
const autoOrder = (): readonly BackendName[] =>
  isNode() ? ["tfjs-node-gpu", "tfjs-node", "wasm", "cpu"] : ["webgpu", "webgl", "wasm", "cpu"];

/** A specifier that no bundler can see through: the package may be absent, and must then not break a build. */
const importByName = (specifier: string): Promise<unknown> =>
  import(/* @vite-ignore */ /* webpackIgnore: true */ specifier);

/** Node 23 removed the `util.is…` functions that tfjs-node 4.22 calls: put the missing ones back before it loads. */
function mendNodeUtil(): void {
  const util = process.getBuiltinModule?.("node:util") as unknown as Record<string, unknown> | undefined;
  if (!util) return;
  const mends: Record<string, (value: unknown) => boolean> = {
    isArray: Array.isArray,
    isBoolean: (value) => typeof value === "boolean",
    isFunction: (value) => typeof value === "function",
    isNull: (value) => value === null,
    isNullOrUndefined: (value) => value === null || value === undefined,
    isNumber: (value) => typeof value === "number",
    isObject: (value) => value !== null && typeof value === "object",
    isString: (value) => typeof value === "string",
    isUndefined: (value) => value === undefined,
  };
  for (const [name, mend] of Object.entries(mends)) util[name] ??= mend;
}

async function loadWasm(options: BackendOptions): Promise<void> {
  const { setWasmPaths } = await import("@tensorflow/tfjs-backend-wasm");
  const paths = options.wasmPaths;
  if (paths !== undefined) setWasmPaths(typeof paths === "string" ? paths : { ...paths });
}

async function importBackend(name: BackendName, options: BackendOptions): Promise<void> {
  switch (name) {
    case "cpu":
      await import("@tensorflow/tfjs-backend-cpu");
      break;
    case "wasm":
      await loadWasm(options);
      break;
    case "webgl":
      await import("@tensorflow/tfjs-backend-webgl");
      break;
    case "webgpu":
      await import("@tensorflow/tfjs-backend-webgpu");
      break;
    default:
      mendNodeUtil();
      await importByName(npmNames[name]);
  }
}

const firstLine = (error: unknown): string =>
  String((error as { message?: unknown } | null)?.message ?? error).split("\n", 1)[0] as string;

const isMissing = (error: unknown, npmName: string): boolean => {
  const { code, message } = (error ?? {}) as { code?: string; message?: string };
  const missing =
    code === "ERR_MODULE_NOT_FOUND" ||
    code === "MODULE_NOT_FOUND" ||
    /resolve|find (module|package)|optional-peer-dep/i.test(message ?? "");
  return missing && (message ?? "").includes(npmName);
};

async function start(name: BackendName, options: BackendOptions): Promise<void> {
  const npmName = npmNames[name];
  if (findBackendFactory(engineName(name)) === null) {
    try {
      await importBackend(name, options);
    } catch (error) {
      if (isMissing(error, npmName)) {
        const message = `backend ${name} is not installed: expected the package ${npmName}; run npm install ${npmName}@${version}`;
        throw new BackendError("backend-not-installed", message, { cause: error });
      }
      throw new BackendError("backend-failed", `backend ${name} does not load: ${firstLine(error)}`, { cause: error });
    }
  }
  let started = false;
  try {
    started = await setBackend(engineName(name));
  } catch (error) {
    throw new BackendError("backend-failed", `backend ${name} does not start: ${firstLine(error)}`, { cause: error });
  }
  if (!started) throw new BackendError("backend-failed", `backend ${name} does not start here`);
  // Its first op would print an advertisement for tfjs-node.
  if (name === "cpu") (engine().backend as { firstUse?: boolean }).firstUse = false;
  if (name === "wasm") (await import("./wasm/register.ts")).registerWasmKernels();
}

async function prepare(): Promise<void> {
  await import("./gradients/tfjs.ts");
  (await import("./gradients/extra.ts")).registerExtraGradients();
}

async function choose(asked: BackendName | "auto", options: BackendOptions): Promise<BackendReport> {
  await prepare();
  if (asked !== "auto") {
    await start(asked, options);
    return { name: asked, reason: "asked for by name", tried: [] };
  }
  const tried: BackendAttempt[] = [];
  for (const name of autoOrder()) {
    try {
      await start(name, options);
      return { name, reason: tried.length === 0 ? "the first choice" : "the first that works here", tried };
    } catch (error) {
      tried.push({ name, reason: firstLine(error) });
    }
  }
  const all = tried.map(({ name, reason }) => `${name}: ${reason}`).join("; ");
  throw new BackendError("backend-failed", `no backend starts here: ${all}`);
}

let queue: Promise<unknown> | undefined;

/**
 * Chooses what computes from here on, and makes it ready for training: registers tfjs's gradients (plain Node has
 * none) and the kernels that the wasm backend lacks. Call it once before the first op; again to switch. Calls queue up.
 *
 * @param name a backend, or "auto": in Node `tfjs-node-gpu`, then `tfjs-node` where installed, else `wasm`, else `cpu`;
 *   in browsers `webgpu`, then `webgl` where installed, else `wasm`, else `cpu`.
 * @throws BackendError with code "backend-unknown", "backend-not-installed" (with the command that installs it) or
 *   "backend-failed".
 */
export function useBackend(name: BackendName | "auto" = "auto", options: BackendOptions = {}): Promise<BackendReport> {
  if (name !== "auto" && !Object.hasOwn(npmNames, name)) {
    const known = ["auto", ...Object.keys(npmNames)].join(", ");
    return Promise.reject(
      new BackendError("backend-unknown", `backend: expected one of ${known}, found ${JSON.stringify(name)}`),
    );
  }
  const next = (queue ?? Promise.resolve()).then(() => choose(name, options));
  queue = next.catch(() => undefined);
  return next;
}

/** The name of the backend that runs now, or undefined before the first {@link useBackend}. */
export const currentBackend = (): string | undefined => engine().backendName ?? undefined;
