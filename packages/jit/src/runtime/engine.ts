/** Which runtime runs a graph, and why. */
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { JitError } from "../errors.ts";
import type { Graph } from "../ir.ts";
import { encodeOnnx } from "../onnx.ts";
import { join } from "../onnx-proto.ts";
import { Client } from "./client.ts";
import type { HostTensors, OpenRequest } from "./protocol.ts";

/** `ort`: onnxruntime-node; `ort-web`: onnxruntime-web's wasm build; `tfjs`: eager, as the function is written. */
export type EngineName = "ort" | "ort-web" | "tfjs";
/** ONNX Runtime's execution providers that its npm packages may bring. */
export type ProviderName = "cpu" | "cuda" | "coreml" | "dml" | "webgpu";

export interface EngineOptions {
  /** Default "auto": `ort`, else `ort-web`, else `tfjs`, whichever is installed and starts. */
  readonly engine?: EngineName | "auto" | undefined;
  /** Default "auto": a graphics processor where the runtime brings one that starts, else the CPU. */
  readonly provider?: ProviderName | "auto" | undefined;
  /** Threads of one run. Default: as many as the machine runs at once, at most 8 for `ort-web`. */
  readonly threads?: number | undefined;
}

export interface EngineAttempt {
  readonly name: string;
  readonly reason: string;
}

export interface EngineReport {
  readonly engine: EngineName;
  readonly provider: ProviderName | undefined;
  readonly reason: string;
  /** What came first and could not be taken. */
  readonly tried: readonly EngineAttempt[];
}

const packages = { ort: "onnxruntime-node", "ort-web": "onnxruntime-web" } as const;

/** Plain `npm i onnxruntime-node` runs a download that many networks block, and then leaves nothing installed. */
const installCommands = {
  ort: "ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node@1.30.0",
  "ort-web": "npm install onnxruntime-web@1.30.0",
} as const;

function isInstalled(name: "ort" | "ort-web"): boolean {
  try {
    createRequire(import.meta.url).resolve(packages[name]);
    return true;
  } catch {
    return false;
  }
}

const firstLine = (error: unknown): string => String((error as Error)?.message ?? error).split("\n", 1)[0] as string;

/** A session of a graph on the engine that was chosen for it; no client where that is eager tfjs. */
export interface Opened {
  readonly client: Client | undefined;
  readonly report: EngineReport;
}

interface TrainingState {
  readonly initial: HostTensors;
  readonly carry: Readonly<Record<string, string>>;
}

/** Providers to try in order. */
function providerOrder(engine: "ort" | "ort-web", asked: ProviderName | "auto"): readonly ProviderName[] {
  if (asked !== "auto") return [asked];
  if (engine === "ort-web") return ["cpu"];
  if (process.platform === "linux" && hasCuda()) return ["cuda", "cpu"];
  return ["cpu"];
}

/** onnxruntime-node's CUDA files come by a download of their own; without them asking costs a noisy failure. */
function hasCuda(): boolean {
  try {
    const require = createRequire(import.meta.url);
    const folder = require.resolve("onnxruntime-node/package.json").replace(/package\.json$/, "");
    require.resolve(`${folder}bin/napi-v6/linux/${process.arch}/libonnxruntime_providers_cuda.so`);
    return true;
  } catch {
    return false;
  }
}

async function start(
  engine: "ort" | "ort-web",
  provider: ProviderName,
  graph: Graph,
  threads: number,
  state: TrainingState | undefined,
): Promise<Client> {
  const client = new Client();
  try {
    const file = encodeOnnx(graph, { weightsName: "weights" });
    const model = join(file.model);
    const request: OpenRequest = {
      kind: "open",
      engine,
      model,
      threads,
      providers: provider === "cpu" ? ["cpu"] : [provider, "cpu"],
      ...(file.weights ? { weights: join(file.weights), weightsName: "weights" } : {}),
      ...state,
    };
    const moved = [model.buffer, ...(request.weights ? [request.weights.buffer] : [])];
    await client.request(request, moved);
    return client;
  } catch (error) {
    await client.close();
    throw error;
  }
}

/** Opens a session for `graph`, falling back as {@link EngineOptions} says. */
export async function openSession(
  graph: Graph,
  { engine = "auto", provider = "auto", threads }: EngineOptions,
  state?: TrainingState,
): Promise<Opened> {
  const tried: EngineAttempt[] = [];
  const order: readonly EngineName[] = engine === "auto" ? ["ort", "ort-web", "tfjs"] : [engine];
  for (const name of order) {
    const why =
      engine !== "auto" ? "asked for by name" : tried.length === 0 ? "the first choice" : "the first that works";
    if (name === "tfjs") {
      return { client: undefined, report: { engine: name, provider: undefined, reason: why, tried } };
    }
    if (!isInstalled(name)) {
      const reason = `${packages[name]} is not installed: run ${installCommands[name]}`;
      if (engine !== "auto") throw new JitError("engine-not-installed", `engine ${name}: ${reason}`);
      tried.push({ name, reason });
      continue;
    }
    const most = availableParallelism();
    const count = threads ?? (name === "ort-web" ? Math.min(most, 8) : most);
    for (const target of providerOrder(name, provider)) {
      try {
        const client = await start(name, target, graph, count, state);
        return { client, report: { engine: name, provider: target, reason: why, tried } };
      } catch (error) {
        const reason = firstLine(error);
        const last = target === providerOrder(name, provider).at(-1);
        if (last && engine !== "auto") {
          const code = target === "cpu" ? "engine-failed" : "provider-missing";
          throw new JitError(code, `engine ${name} with provider ${target} does not start: ${reason}`, {
            cause: error,
          });
        }
        tried.push({ name: `${name} (${target})`, reason });
      }
    }
  }
  const all = tried.map(({ name, reason }) => `${name}: ${reason}`).join("; ");
  throw new JitError("engine-failed", `no engine starts here: ${all}`);
}
