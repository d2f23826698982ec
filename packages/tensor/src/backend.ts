import { engine, findBackendFactory, setBackend } from "@tensorflow/tfjs-core";
import { BackendError } from "./errors.ts";
import { loadNative, type NativeName, nativeEngine } from "./native/load.ts";
import { isNode, wasmFolder } from "./node.ts";

/** The backends that {@link useBackend} can start. */
export type BackendName = "cpu" | "wasm" | "webgl" | "webgpu" | "tfjs-node" | "tfjs-node-gpu";

/** One backend that was looked at and not taken. */
export interface BackendAttempt {
  readonly name: BackendName;
  /** Why it could not be taken, in one line. */
  readonly reason: string;
}

/** What {@link useBackend} chose. */
export interface BackendReport {
  /** The backend that runs from now on. */
  readonly name: BackendName;
  /** Why this one, in a few words. */
  readonly reason: string;
  /** Those that came first and could not be taken, in order. */
  readonly tried: readonly BackendAttempt[];
}

/** Settings of {@link useBackend}. */
export interface BackendOptions {
  /**
   * Where the wasm backend's three `.wasm` files are: a URL or folder that ends in a slash, or a map from file name to
   * URL. Needed in browsers, where they are files to serve; Node finds them in the installed package.
   */
  readonly wasmPaths?: string | Readonly<Record<string, string>>;
  /**
   * The file to import in place of the package `@tensorflow/tfjs-node` or `-node-gpu`, as a `file:` URL, for one that is
   * kept outside `node_modules`.
   */
  readonly nativeModule?: string;
}

const packages: Readonly<Record<BackendName, string>> = {
  "tfjs-node-gpu": "@tensorflow/tfjs-node-gpu",
  "tfjs-node": "@tensorflow/tfjs-node",
  webgpu: "@tensorflow/tfjs-backend-webgpu",
  webgl: "@tensorflow/tfjs-backend-webgl",
  wasm: "@tensorflow/tfjs-backend-wasm",
  cpu: "@tensorflow/tfjs-backend-cpu",
};

/** The one version of tfjs that all of it must have. */
const VERSION = "4.22.0";

const isNative = (name: BackendName): name is NativeName => name === "tfjs-node" || name === "tfjs-node-gpu";

const engineName = (name: BackendName): string => (isNative(name) ? nativeEngine : name);

/** The order of "auto": native, then the graphics processor, then wasm, then plain JavaScript. */
const autoOrder = (): readonly BackendName[] =>
  isNode() ? ["tfjs-node-gpu", "tfjs-node", "wasm", "cpu"] : ["webgpu", "webgl", "wasm", "cpu"];

async function loadWasm({ wasmPaths }: BackendOptions): Promise<void> {
  const { setWasmPaths } = await import("@tensorflow/tfjs-backend-wasm");
  const paths = wasmPaths ?? wasmFolder();
  if (paths !== undefined) setWasmPaths(typeof paths === "string" ? paths : { ...paths });
}

const firstLine = (error: unknown): string =>
  (String((error as { message?: unknown } | null)?.message ?? error).split("\n", 1)[0] as string).trim();

/** An import that failed because the package is absent, not because something inside it is. */
function isMissing(error: unknown, packageName: string): boolean {
  const { code, message = "" } = (error ?? {}) as { code?: string; message?: string };
  const missing = code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND" || /resolve|find/i.test(message);
  return missing && new RegExp(`['"/: ]${packageName}(['": ?]|$)`).test(firstLine(error));
}

const failed = (name: BackendName, what: string, cause?: unknown): BackendError => {
  const detail = cause === undefined ? "" : `: ${firstLine(cause)}`;
  return new BackendError("backend-failed", `backend ${name} ${what}${detail}`, cause === undefined ? {} : { cause });
};

async function start(name: BackendName, options: BackendOptions): Promise<void> {
  const absent = findBackendFactory(engineName(name)) === null;
  // Installed or not; but a program may have brought one that runs here, and registered it.
  if (absent && isNode() && (name === "webgl" || name === "webgpu")) {
    throw failed(name, "needs a browser: in Node take wasm, cpu or tfjs-node");
  }
  // Specifiers in full, so that bundlers find them; in a try block, so that one that is not there is only a warning.
  try {
    if (isNative(name)) await loadNative(name, options.nativeModule);
    else if (name === "wasm") await loadWasm(options);
    else if (absent && name === "cpu") await import("@tensorflow/tfjs-backend-cpu");
    else if (absent && name === "webgl") await import("@tensorflow/tfjs-backend-webgl");
    else if (absent && name === "webgpu") await import("@tensorflow/tfjs-backend-webgpu");
  } catch (cause) {
    const packageName = packages[name];
    if (!isMissing(cause, packageName)) throw failed(name, "does not load", cause);
    const message = `backend ${name} is not installed: run npm install ${packageName}@${VERSION}`;
    throw new BackendError("backend-not-installed", message, { cause });
  }
  if (findBackendFactory(engineName(name)) === null) throw failed(name, "is not in this browser");
  let started = false;
  try {
    started = await setBackend(engineName(name));
  } catch (cause) {
    throw failed(name, "does not start", cause);
  }
  if (!started) throw failed(name, "does not start here");
  // Its first op would print an advertisement.
  if (name === "cpu" || isNative(name)) (engine().backend as { firstUse?: boolean }).firstUse = false;
}

/** After a backend is loaded, since tfjs-node brings a copy of tfjs's gradients that takes the place of ours. */
async function prepare(name: BackendName): Promise<void> {
  await import("./gradients/tfjs.ts");
  (await import("./gradients/extra.ts")).registerExtraGradients();
  if (name === "wasm") (await import("./wasm/register.ts")).registerWasmKernels();
  if (!isNative(name)) return;
  (await import("./native/register.ts")).registerNativeKernels();
  if (!(await import("./native/check.ts")).gradientsAreRight()) {
    throw failed(name, "gets gradients wrong with oneDNN: set TF_ENABLE_ONEDNN_OPTS=0 before it is loaded");
  }
}

/** "tfjs-node-gpu and tfjs-node are not installed; webgl does not start here" */
function summary(tried: readonly (BackendAttempt & { readonly code?: string })[]): string {
  const absent = tried.filter(({ code }) => code === "backend-not-installed").map(({ name }) => name);
  const others = tried.filter(({ code }) => code !== "backend-not-installed").map(({ reason }) => reason);
  const missing = `${absent.join(" and ")} ${absent.length > 1 ? "are" : "is"} not installed`;
  return [...(absent.length > 0 ? [missing] : []), ...others].join("; ");
}

async function choose(asked: BackendName | "auto", options: BackendOptions): Promise<BackendReport> {
  const tried: (BackendAttempt & { readonly code?: string })[] = [];
  const before = currentBackend();
  for (const name of asked === "auto" ? autoOrder() : [asked]) {
    try {
      await start(name, options);
      await prepare(name);
    } catch (error) {
      if (before !== undefined && currentBackend() !== before) await setBackend(before); // it started, and failed then
      if (asked !== "auto") throw error;
      tried.push({ name, reason: firstLine(error), code: (error as BackendError).code });
      continue;
    }
    const best = tried.length === 0 ? "the fastest there is" : `the fastest that works here: ${summary(tried)}`;
    const reason = asked === "auto" ? best : "asked for by name";
    return { name, reason, tried: tried.map(({ name, reason }) => ({ name, reason })) };
  }
  throw new BackendError("backend-failed", `no backend starts here: ${summary(tried)}`);
}

let queue: Promise<unknown> | undefined;

/**
 * Chooses what computes from here on and makes it ready for training: registers tfjs's gradients (plain Node has none),
 * those that tfjs lacks, and the kernels that its wasm backend lacks. Call it before the first op, and again to switch;
 * calls that overlap run one after another. Tensors made before a switch move by themselves when they are used.
 *
 * @param name a backend, or "auto": in Node `tfjs-node-gpu`, then `tfjs-node` where installed, else `wasm`, else `cpu`;
 *   in browsers `webgpu`, then `webgl` where installed, else `wasm`, else `cpu`.
 * @throws BackendError with code "backend-unknown", "backend-not-installed" (with the command that installs it) or
 *   "backend-failed". The backend that ran before stays.
 */
export function useBackend(name: BackendName | "auto" = "auto", options: BackendOptions = {}): Promise<BackendReport> {
  if (name !== "auto" && !Object.hasOwn(packages, name)) {
    const known = ["auto", ...Object.keys(packages)].join(", ");
    const message = `backend: expected one of ${known}, found ${JSON.stringify(name)}`;
    return Promise.reject(new BackendError("backend-unknown", message));
  }
  const next = (queue ?? Promise.resolve()).then(() => choose(name, options));
  queue = next.catch(() => undefined);
  return next;
}

/** The engine's name of the backend that runs now ("tensorflow" for both native ones), undefined before the first. */
export const currentBackend = (): string | undefined => engine().backendName ?? undefined;
