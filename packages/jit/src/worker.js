/**
 * The thread that owns an ONNX Runtime session: `run` there blocks its thread. Plain JavaScript, because a worker of
 * Node 20 loads no TypeScript and this file runs from the source tree as well as from the published package.
 * Messages: runtime/protocol.ts.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parentPort } from "node:worker_threads";

/** @typedef {{ type: string, dims: number[], data: Float32Array | Int32Array | Uint8Array }} Wire */

/** @type {any} the runtime's module */
let ort;
/** @type {any} */
let session;
/** Training state: its tensors now, and where the next step writes. @type {Record<string, any>} */
let state = {};
/** @type {Record<string, any> | undefined} */
let spare;
/** State input -> output that holds its next value. @type {Record<string, string>} */
let carries = {};
let preallocates = false;

/** @param {Wire} wire */
const toTensor = ({ type, dims, data }) => new ort.Tensor(type, data, dims);

/** @param {any} tensor @returns {Wire} */
const toWire = (tensor) => ({ type: tensor.type, dims: [...tensor.dims].map(Number), data: tensor.data.slice() });

/** @param {Record<string, any>} tensors */
function reply(tensors) {
  const outputs = Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, toWire(tensor)]));
  return { value: outputs, transfer: Object.values(outputs).map(({ data }) => data.buffer) };
}

/** The native runtime takes weights of a second file only from the disk. */
async function fromFiles(model, weights, weightsName, options) {
  const folder = await mkdtemp(join(tmpdir(), "vitrail-"));
  try {
    await writeFile(join(folder, "model.onnx"), model);
    await writeFile(join(folder, weightsName), weights);
    return await ort.InferenceSession.create(join(folder, "model.onnx"), options);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const handlers = {
  async open({ engine, model, weights, weightsName, threads, providers, initial, carry }) {
    const module = engine === "ort" ? await import("onnxruntime-node") : await import("onnxruntime-web");
    ort = module.default?.InferenceSession ? module.default : module;
    const options = { graphOptimizationLevel: "all" };
    if (engine === "ort") {
      // A provider that the build lacks is passed over in silence: ask first.
      const has = ort.listSupportedBackends().map(({ name }) => name);
      const lacking = providers.find((name) => !has.includes(name));
      if (lacking) throw new Error(`this build has no ${lacking}, only ${has.join(", ")}`);
      options.executionProviders = providers;
      if (threads > 0) Object.assign(options, { intraOpNumThreads: threads, interOpNumThreads: 1 });
      session = weights
        ? await fromFiles(model, weights, weightsName, options)
        : await ort.InferenceSession.create(model, options);
    } else {
      if (threads > 0) ort.env.wasm.numThreads = threads;
      options.executionProviders = ["wasm"];
      if (weights) options.externalData = [{ path: weightsName, data: weights }];
      session = await ort.InferenceSession.create(model, options);
    }
    carries = carry ?? {};
    state = Object.fromEntries(Object.entries(initial ?? {}).map(([name, wire]) => [name, toTensor(wire)]));
    // onnxruntime-web leaves a given output unwritten, without an error.
    preallocates = engine === "ort";
    return { value: undefined };
  },

  async run({ feeds }) {
    const inputs = Object.fromEntries(Object.entries(feeds).map(([name, wire]) => [name, toTensor(wire)]));
    return reply(await session.run(inputs));
  },

  /** One training step: state in, state out, and the rest of the outputs to the caller. */
  async step({ feeds, guard }) {
    const inputs = Object.fromEntries(Object.entries(feeds).map(([name, wire]) => [name, toTensor(wire)]));
    const visible = session.outputNames.filter((name) => !Object.values(carries).includes(name));
    const names = Object.entries(carries);
    let results;
    if (preallocates) {
      // Two sets of buffers take turns: one tensor as input and output at once would be overwritten while it is read.
      spare ??= Object.fromEntries(
        names.map(([name]) => [name, new ort.Tensor(state[name].type, state[name].data.slice(), state[name].dims)]),
      );
      const fetches = Object.fromEntries(names.map(([name, output]) => [output, spare[name]]));
      for (const name of visible) fetches[name] = null;
      results = await session.run({ ...inputs, ...state }, fetches);
    } else {
      results = await session.run({ ...inputs, ...state });
    }
    const shown = Object.fromEntries(visible.map((name) => [name, results[name]]));
    const finite = guard.every((name) => shown[name].data.every(Number.isFinite));
    if (finite) {
      const before = Object.fromEntries(names.map(([name]) => [name, state[name]]));
      const next = preallocates ? spare : Object.fromEntries(names.map(([name, output]) => [name, results[output]]));
      spare = preallocates ? before : undefined;
      state = { ...state, ...next };
    }
    const { value, transfer } = reply(shown);
    return { value: { outputs: value, finite }, transfer };
  },

  async pull({ names }) {
    return reply(Object.fromEntries((names ?? Object.keys(state)).map((name) => [name, state[name]])));
  },

  async push({ values }) {
    for (const [name, { data }] of Object.entries(values)) state[name].data.set(data);
    return { value: undefined };
  },

  async close() {
    await session?.release();
    session = undefined;
    state = {};
    spare = undefined;
    return { value: undefined };
  },
};

// One request at a time, in order: two runs never share the state.
let queue = Promise.resolve();
parentPort.on("message", ({ id, kind, ...request }) => {
  queue = queue.then(async () => {
    try {
      const { value, transfer } = await handlers[kind](request);
      parentPort.postMessage({ id, value }, transfer ?? []);
    } catch (error) {
      parentPort.postMessage({ id, error: { message: String(error?.message ?? error), code: error?.code } });
    }
  });
});
