/** Which runtime runs a graph, and why. */

import { useBackend } from "@vitrail/tensor";
import { absence, autoEngines, defaultThreads, gpuProvider, mayHaveNodeGpu } from "#host";
import { JitError } from "../errors.ts";
import type { Graph } from "../ir.ts";
import { encodeOnnx, type OnnxOptions } from "../onnx.ts";
import { join } from "../onnx-proto.ts";
import { useWinograd } from "../passes/winograd.ts";
import type { StepPhases } from "../step-phases.ts";
import { blockSize } from "./block-size.ts";
import { Client } from "./client.ts";
import type { HostTensors, OpenRequest, RuntimeChoice } from "./protocol.ts";
import type { GpuProvider, Runtime } from "./thread.ts";

/** `ort`: onnxruntime-node; `ort-web`: onnxruntime-web's wasm build; `tfjs`: eager, as the function is written. */
export type EngineName = "ort" | "ort-web" | "tfjs";
/** ONNX Runtime's execution providers that its npm packages may bring. */
export type ProviderName = "cpu" | "cuda" | "coreml" | "dml" | "webgpu";

export interface EngineOptions {
  /**
   * Default "auto": `ort` on a graphics processor, else tfjs-node-gpu where that is installed, else `ort`, else `ort-web`,
   * else `tfjs` on the backend that runs, whichever is installed and starts.
   */
  readonly engine?: EngineName | "auto" | undefined;
  /** Default "auto": a graphics processor where the runtime brings one that starts, else the CPU. By name: that one or an error. */
  readonly provider?: ProviderName | "auto" | undefined;
  /** Threads of one run. Default: as many as the machine runs at once, at most 8 for `ort-web`; 1 in a page that is not isolated. */
  readonly threads?: number | undefined;
  /** In browsers, where onnxruntime-web's `.wasm` file is: a folder's address that ends in a slash. Default: where the bundler put it. */
  readonly wasmPaths?: string | undefined;
}

/** Options of sessions that run at once and share the threads. */
export interface StreamOptions extends EngineOptions {
  /**
   * Sessions that run at once, each with its share of the threads; no more than there are threads. Default 1: a run has all of them. More
   * than one is for many small runs, side by side: threads that share no work do not wait for each other. Each holds its own weights.
   */
  readonly streams?: number | undefined;
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

/** An engine for a line of text: "ort (cuda)"; without a provider, "tfjs". */
export const engineTitle = ({
  engine,
  provider,
}: {
  readonly engine: string;
  readonly provider?: string | null | undefined;
}): string => (provider ? `${engine} (${provider})` : engine);

const firstLine = (error: unknown): string => String((error as Error)?.message ?? error).split("\n", 1)[0] as string;

/** A session of a graph on the engine that was chosen for it; no client where that is eager tfjs. */
export interface Opened {
  readonly client: Client | undefined;
  readonly report: EngineReport;
}

interface TrainingState {
  /** Made anew for each session that is tried: it moves there. */
  readonly initial: () => Promise<HostTensors>;
  readonly carry: Readonly<Record<string, string>>;
  readonly phases: StepPhases;
}

interface Candidate {
  readonly engine: Runtime | "tfjs";
  /** Of engine tfjs: "tfjs-node-gpu" where the backend is to be changed to that. */
  readonly provider: ProviderName | "tfjs-node-gpu" | undefined;
  /** Why it need not be tried. */
  readonly absence?: JitError | undefined;
}

/** A runtime on a provider. Asking it for one whose files are not there would cost a line of its own on stderr. */
function candidate(engine: Runtime, provider: ProviderName, gpu: GpuProvider | undefined): Candidate {
  const uninstalled = absence(engine);
  if (uninstalled !== undefined)
    return { engine, provider, absence: new JitError("engine-not-installed", uninstalled) };
  const lacking = engine === "ort" && gpu?.name === provider ? gpu.absence : undefined;
  return { engine, provider, absence: lacking === undefined ? undefined : new JitError("provider-missing", lacking) };
}

/** What to try, in order. */
function candidates({ engine = "auto", provider = "auto" }: EngineOptions): readonly Candidate[] {
  if (engine === "tfjs") {
    if (provider === "auto") return [{ engine, provider: undefined }];
    throw new JitError(
      "bad-input",
      `provider ${provider} is one of engines ort and ort-web, found engine tfjs: leave one of the two out`,
    );
  }
  const runtimes = engine === "auto" ? autoEngines() : [engine];
  const gpu = gpuProvider();
  if (provider !== "auto") {
    // By name: the first runtime that could have it says whether it does.
    const [runtime = "ort-web"] = runtimes.filter((one) => absence(one) === undefined);
    return [candidate(runtime, provider, gpu)];
  }
  const list: Candidate[] = runtimes.map((one) => candidate(one, "cpu", gpu));
  if (engine === "auto" && mayHaveNodeGpu()) list.unshift({ engine: "tfjs", provider: "tfjs-node-gpu" });
  if (gpu && runtimes[0] === "ort" && absence("ort") === undefined) {
    list.unshift(candidate("ort", gpu.name, gpu));
  }
  return engine === "auto" ? [...list, { engine: "tfjs", provider: undefined }] : list;
}

/** How many sessions share how many threads. */
function shares(engine: Runtime, { threads = defaultThreads(engine), streams = 1 }: StreamOptions) {
  const sessions = Math.max(1, Math.min(streams, threads)); // 0 threads: as many as the runtime likes
  return { sessions, threads: Math.floor(threads / sessions) };
}

const choiceOf = (engine: Runtime, provider: ProviderName, options: StreamOptions): RuntimeChoice => ({
  engine,
  threads: shares(engine, options).threads,
  providers: provider === "cpu" ? ["cpu"] : [provider, "cpu"],
  ...(options.wasmPaths === undefined ? {} : { wasmPaths: options.wasmPaths }),
});

/** A thread that has loaded a runtime and waits for a session. It keeps no process alive. */
let spare: { readonly key: string; readonly client: Client } | undefined;

/**
 * Loads, in a thread of its own, the runtime that `options` will most likely choose, while the caller reads weights or
 * traces. The next session on it takes that thread; where another engine is taken, it is ended.
 */
export function warmUp(options: EngineOptions = {}): void {
  if (spare) return;
  const likely = candidates(options).find(({ engine, absence: missing }) => engine !== "tfjs" && missing === undefined);
  if (!likely) return;
  const choice = choiceOf(likely.engine as Runtime, likely.provider as ProviderName, options);
  const client = new Client();
  spare = { key: JSON.stringify(choice), client };
  // A runtime that does not load says so again when its session is opened.
  client.request({ kind: "warm", ...choice }).catch(() => undefined);
}

/** The waiting thread where it fits, else a new one. */
function takeClient(choice: RuntimeChoice): Client {
  if (spare?.key !== JSON.stringify(choice)) return new Client();
  const { client } = spare;
  spare = undefined;
  return client;
}

async function endSpare(): Promise<void> {
  const waiting = spare;
  spare = undefined;
  await waiting?.client.close();
}

async function trainingRequest(
  { initial, carry, phases }: TrainingState,
  encoding: OnnxOptions,
): Promise<Pick<OpenRequest, "initial" | "carry" | "update">> {
  const { update, inPlace } = phases;
  // An update has no constants but numbers.
  const { model } = encodeOnnx(update, { ...encoding, inlineLimit: Number.POSITIVE_INFINITY });
  return { initial: await initial(), carry, update: { model: join(model), inPlace } };
}

async function start(
  engine: Runtime,
  provider: ProviderName,
  subject: Graph | TrainingState,
  options: StreamOptions,
): Promise<Client> {
  const choice = choiceOf(engine, provider, options);
  const client = takeClient(choice);
  try {
    if ("phases" in subject) await openStep(client, choice, subject);
    else await openGraph(client, choice, subject);
    return client;
  } catch (error) {
    await client.close();
    throw error;
  }
}

/** Convolutions with constant filters as the CPU that runs them likes them. Those that stay as they are, ONNX Runtime blocks by itself. */
async function openGraph(client: Client, choice: RuntimeChoice, graph: Graph): Promise<void> {
  const [provider] = choice.providers;
  if (provider !== "cpu") return open(client, choice, graph);
  if (choice.engine === "ort-web") return open(client, choice, useWinograd(graph));
  const { blockConvolutions, hasWinograd } = await import("../in-blocks.ts");
  if (!hasWinograd(graph)) return open(client, choice, graph);
  return inBlocks(client, choice, (block) =>
    open(client, choice, hasWinograd(graph, block) ? blockConvolutions(graph, block) : graph),
  );
}

/** Filters of steps are inputs, which ONNX Runtime does not block. */
async function openStep(client: Client, choice: RuntimeChoice, state: TrainingState): Promise<void> {
  const { choose } = await import("../in-blocks.ts");
  return inBlocks(client, choice, (block) => {
    const phases = choose(state.phases, block);
    return open(client, choice, phases.gradient, { ...state, phases });
  });
}

/** Opens with blocks where the processor has them, else with blocks of one. */
async function inBlocks(
  client: Client,
  choice: RuntimeChoice,
  openWith: (block: number) => Promise<void>,
): Promise<void> {
  const [provider] = choice.providers;
  const block = choice.engine === "ort" && provider === "cpu" ? await blockSize(client, choice) : 1;
  if (block === 1) return openWith(1);
  // What is wrong with a session with blocks, one without will say or not have.
  return openWith(block).catch(() => openWith(1));
}

async function open(client: Client, choice: RuntimeChoice, graph: Graph, state?: TrainingState): Promise<void> {
  const encoding: OnnxOptions = state && choice.engine === "ort" ? { sequence: "kept" } : {};
  const file = encodeOnnx(graph, { ...encoding, weightsName: "weights" });
  const model = join(file.model);
  const request: OpenRequest = {
    kind: "open",
    ...choice,
    model,
    ...(file.weights ? { weights: join(file.weights), weightsName: "weights" } : {}),
    ...(state ? await trainingRequest(state, encoding) : {}),
  };
  const own = Object.values(request.initial ?? {}).map(({ data }) => data);
  const moved = [model, request.weights, request.update?.model, ...own].flatMap((values) => values?.buffer ?? []);
  await client.request(request, moved);
}

/** Opens a session for a graph, or for the halves of a step, falling back as {@link EngineOptions} says. */
export async function openSession(subject: Graph | TrainingState, options: StreamOptions): Promise<Opened> {
  const tried: EngineAttempt[] = [];
  const list = candidates(options);
  const byName = [options.engine, options.provider].some((name) => name !== undefined && name !== "auto");
  for (const { engine, provider, absence: missing } of list) {
    const name =
      provider === "tfjs-node-gpu" ? provider : provider && provider !== "cpu" ? `${engine} (${provider})` : engine;
    const reason = byName ? "asked for by name" : tried.length === 0 ? "the first choice" : "the first that works";
    try {
      if (missing !== undefined) throw missing;
      if (engine === "tfjs") {
        if (provider === "tfjs-node-gpu") await useBackend(provider);
        await endSpare();
        const why = provider === "tfjs-node-gpu" ? `${provider} is installed` : reason;
        return { client: undefined, report: { engine, provider: undefined, reason: why, tried } };
      }
      const client = await start(engine, provider as ProviderName, subject, options);
      return { client, report: { engine, provider: provider as ProviderName, reason, tried } };
    } catch (error) {
      tried.push({ name, reason: firstLine(error) });
      if (list.at(-1)?.provider === provider && list.at(-1)?.engine === engine) throw refusal(error, options, tried);
    }
  }
  throw new JitError("engine-failed", "no engine can be tried here");
}

/** Opens the sessions that run a graph at once, all on one engine; none where that is eager tfjs. */
export async function openStreams(
  graph: Graph,
  options: StreamOptions,
): Promise<{ readonly clients: readonly Client[]; readonly report: EngineReport }> {
  const { streams = 1 } = options;
  if (!Number.isSafeInteger(streams) || streams < 1) {
    throw new JitError("bad-input", `streams: expected a whole number from 1 on, found ${streams}`);
  }
  const { client, report } = await openSession(graph, options);
  if (!client) return { clients: [], report };
  const { engine, provider } = report;
  const more = Array.from({ length: shares(engine as Runtime, options).sessions - 1 }, () =>
    openSession(graph, { ...options, engine, provider }),
  );
  const opened = await Promise.allSettled(more);
  const clients = [client, ...opened.flatMap((one) => (one.status === "fulfilled" ? (one.value.client ?? []) : []))];
  const failed = opened.find(({ status }) => status === "rejected") as PromiseRejectedResult | undefined;
  if (!failed) return { clients, report };
  await Promise.all(clients.map((one) => one.close()));
  throw failed.reason;
}

/** The error where nothing starts. */
function refusal(
  error: unknown,
  { engine = "auto", provider = "auto" }: EngineOptions,
  tried: readonly EngineAttempt[],
) {
  const all = tried.map(({ name, reason }) => `${name}: ${reason}`).join("; ");
  if ((error as JitError).code === "engine-not-installed") {
    return new JitError("engine-not-installed", `engine ${engine}: ${firstLine(error)}`);
  }
  const code = provider !== "auto" && provider !== "cpu" ? "provider-missing" : "engine-failed";
  const asked = provider === "auto" ? "" : ` with provider ${provider}`;
  return new JitError(code, `engine ${engine}${asked} does not start: ${all}`, { cause: error });
}
