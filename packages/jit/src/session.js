/**
 * What a worker does that owns an ONNX Runtime session, in Node and in browsers alike. Plain JavaScript, because a worker
 * of Node 20 loads no TypeScript and these files run from the source tree as well as from the published package.
 * Messages: runtime/protocol.ts.
 */

/** @typedef {{ type: string, dims: number[], data: Float32Array | Int32Array | Uint8Array }} Wire */

/**
 * How ONNX Runtime runs anything. Its threads look for work for a while after a run before they sleep, each session's its own: between the
 * halves of a step those of the first would take the processors that the second needs, and between batches those of whoever prepares them.
 */
const sessionSettings = { extra: { session: { force_spinning_stop: "1" } } };

const forwardSettings = { ...sessionSettings, graphOptimizationLevel: "all" };

/** How it runs training steps. */
const stepSettings = {
  ...sessionSettings,
  // As the passes left them: joined nodes would share BatchNorm's buffers (passes/batch-norm-training.ts).
  graphOptimizationLevel: "disabled",
  // One block for a whole run would come on top of the pieces of the first run, which are never given back.
  enableMemPattern: false,
};

/**
 * @param {object} platform
 * @param {(request: any) => Promise<{ ort: any, options: object }>} platform.load the runtime, and a session's options
 * @param {(ort: any, request: any, options: any) => Promise<any>} platform.create a session
 */
function createHandlers({ load, create }) {
  /** @type {any} the runtime's module */
  let ort;
  /** @type {any} */
  let session;
  /** The second half of a training step, once the gradients are known to be finite (step-phases.ts). @type {any} */
  let update;
  /** Training state: its tensors now. @type {Record<string, any>} */
  let state = {};
  /** Memory for state that cannot be written where it lies: the next step's, by turns. @type {Record<string, any>} */
  let spare = {};
  /** State input -> output that holds its next value. @type {Record<string, string>} */
  let carries = {};
  /** Memory for a step's outputs that are not state. @type {Record<string, any>} */
  let places = {};
  let preallocates = false;

  /** @param {Wire} wire */
  const toTensor = ({ type, dims, data }) => new ort.Tensor(type, data, dims);

  /** @param {Record<string, Wire>} wires */
  const toTensors = (wires) => Object.fromEntries(Object.entries(wires).map(([name, wire]) => [name, toTensor(wire)]));

  /** @param {any} tensor @returns {Wire} */
  const toWire = ({ type, dims, data }) => ({ type, dims: [...dims].map(Number), data: data.slice() });

  /** @param {Record<string, any>} tensors */
  function reply(tensors) {
    const outputs = Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, toWire(tensor)]));
    return { value: outputs, transfer: Object.values(outputs).map(({ data }) => data.buffer) };
  }

  /** Where outputs go: state to its place or to the spare one, everything else to its own. @returns {Record<string, any>} */
  const memory = () => {
    const next = Object.entries(carries).map(([name, output]) => [output, spare[name] ?? state[name]]);
    return { ...places, ...Object.fromEntries(next) };
  };

  /** Sets aside what a step writes to: state that is not written in place twice, and whatever else its halves find. */
  function setAside({ inPlace }) {
    for (const name of Object.keys(carries)) {
      const { type, data, dims } = state[name];
      if (!inPlace.includes(name)) spare[name] = new ort.Tensor(type, new data.constructor(data.length), dims);
    }
    const carried = Object.values(carries);
    for (const { name, isTensor, shape } of [...session.outputMetadata, ...update.outputMetadata]) {
      if (!isTensor || carried.includes(name)) continue;
      const size = shape.reduce((n, d) => n * d, 1);
      places[name] = new ort.Tensor("float32", new Float32Array(size), shape);
    }
  }

  /** Runs one half of a step on what it takes of `tensors`; all its outputs by name. */
  async function half(of, tensors) {
    const feeds = Object.fromEntries(of.inputNames.map((name) => [name, tensors[name]]));
    if (!preallocates) return of.run(feeds);
    const given = memory();
    await runInto(of, feeds, Object.fromEntries(of.outputNames.map((name) => [name, given[name] ?? null])));
    return Object.fromEntries(of.outputNames.flatMap((name) => (given[name] ? [[name, given[name]]] : [])));
  }

  /**
   * Runs and leaves every output in its place. onnxruntime-node 1.30 would make a copy of each besides, all parameters and what the
   * optimiser remembers of them: a gigabyte a step of ViT-B. The first output is no tensor (onnx.ts: `sequence`); where the runtime, its
   * work done, comes to hand that over it says that it cannot, and hands over nothing.
   */
  async function runInto(of, feeds, fetches) {
    try {
      await of.run(feeds, fetches);
    } catch (error) {
      if (!String(error?.message).startsWith("Non tensor type")) throw error;
    }
  }

  return {
    /** Loads the runtime only: a session comes later. */
    async warm(request) {
      await load(request);
      return { value: undefined };
    },

    async open(request) {
      const loaded = await load(request);
      ort = loaded.ort;
      carries = request.carry ?? {};
      const settings = { ...(request.carry ? stepSettings : forwardSettings), ...loaded.options };
      session = await create(ort, request, settings);
      state = toTensors(request.initial ?? {});
      // onnxruntime-web leaves a given output unwritten, without an error.
      preallocates = request.engine === "ort";
      if (request.update) {
        const { weights: _, ...rest } = request;
        const half = { ...rest, model: request.update.model };
        update = await create(ort, half, settings);
        if (preallocates) setAside(request.update);
      }
      return { value: undefined };
    },

    async once(request) {
      const loaded = await load(request);
      ort = loaded.ort;
      const one = await create(ort, request, { ...stepSettings, ...loaded.options });
      const answer = reply(await one.run(toTensors(request.feeds)));
      await one.release();
      return answer;
    },

    async run({ feeds }) {
      return reply(await session.run(toTensors(feeds)));
    },

    /** One training step: state in, state out, and the rest of the outputs to the caller. */
    async step({ feeds, guard }) {
      const tensors = { ...toTensors(feeds), ...state };
      const found = await half(session, tensors);
      const finite = guard.every((name) => found[name].data.every(Number.isFinite));
      if (finite) {
        const results = { ...found, ...(await half(update, { ...tensors, ...found })) };
        for (const [name, output] of Object.entries(carries)) {
          if (spare[name]) spare[name] = state[name];
          state[name] = results[output];
        }
      }
      const hidden = new Set(Object.values(carries));
      const shown = Object.fromEntries(
        Object.entries(found).filter(([name]) => !hidden.has(name) && !name.startsWith("crossing.")),
      );
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
      await update?.release();
      session = undefined;
      update = undefined;
      state = {};
      spare = {};
      places = {};
      return { value: undefined };
    },
  };
}

/** What to do with each message. One request at a time, in order: two runs never share the state. */
export function serve(platform, post) {
  const handlers = createHandlers(platform);
  let queue = Promise.resolve();
  return ({ id, kind, ...request }) => {
    queue = queue.then(async () => {
      try {
        const { value, transfer } = await handlers[kind](request);
        post({ id, value }, transfer ?? []);
      } catch (error) {
        post({ id, error: { message: String(error?.message ?? error), code: error?.code } }, []);
      }
    });
  };
}
