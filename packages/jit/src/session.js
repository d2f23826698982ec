/**
 * What a worker does that owns an ONNX Runtime session, in Node and in browsers alike. Plain JavaScript, because a worker
 * of Node 20 loads no TypeScript and these files run from the source tree as well as from the published package.
 * Messages: runtime/protocol.ts.
 */

/** @typedef {{ type: string, dims: number[], data: Float32Array | Int32Array | Uint8Array }} Wire */

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
  /** Training state: its tensors now, and where the next step writes. @type {Record<string, any>} */
  let state = {};
  /** @type {Record<string, any> | undefined} */
  let spare;
  /** State input -> output that holds its next value. @type {Record<string, string>} */
  let carries = {};
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
      // A training step runs as its passes left it: joined nodes would share BatchNorm's buffers (passes/batch-norm-training.ts).
      const graphOptimizationLevel = request.carry ? "disabled" : "all";
      // Second moments of small gradients are below 1e-38, where an addition takes a hundred times as long.
      const extra = request.carry ? { session: { set_denormal_as_zero: "1" } } : {};
      session = await create(ort, request, { graphOptimizationLevel, extra, ...loaded.options });
      state = toTensors(request.initial ?? {});
      // onnxruntime-web leaves a given output unwritten, without an error.
      preallocates = request.engine === "ort";
      return { value: undefined };
    },

    async run({ feeds }) {
      return reply(await session.run(toTensors(feeds)));
    },

    /** One training step: state in, state out, and the rest of the outputs to the caller. */
    async step({ feeds, guard }) {
      const inputs = toTensors(feeds);
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
