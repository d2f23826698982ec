/**
 * GFLOP/s of convolutions and matrix products on the wasm backend, forward and backward:
 * `npm run bench -- tensor-wasm-kernels`. A gradient's ratio is against the forward pass of the same shape in the same run. Needs the build.
 */
import { round, writeResults } from "@repo/bench";
import { conv2d, createRng, engine, matMul, add as plus, tensor, useBackend } from "../dist/index.js";

await useBackend("wasm");
const random = (shape, seed) => tensor(createRng(seed).normal(shape.reduce((a, b) => a * b, 1)), shape);

/** The best of three rounds, in seconds of processor time: other work on the machine then counts for little. */
function best(run) {
  run().dispose();
  let seconds = Infinity;
  for (let round = 0; round < 3; round++) {
    const start = process.cpuUsage();
    let spent = 0;
    let runs = 0;
    for (; spent < 0.2; runs++) {
      run().dispose();
      const { user, system } = process.cpuUsage(start);
      spent = (user + system) / 1e6;
    }
    seconds = Math.min(seconds, spent / runs);
  }
  return seconds;
}

const rows = [];
const add = (work, model, batch, flops, ours, theirs) => {
  const [a, b] = [flops / ours / 1e9, flops / theirs / 1e9];
  rows.push({
    work,
    model,
    peer: "forward",
    batch,
    precision: "fp32",
    ours: round(a),
    theirs: round(b),
    ratio: round(a / b),
  });
  console.log(`${work.padEnd(14)} ${model.padEnd(34)} ${a.toFixed(1).padStart(6)} GFLOP/s, forward ${b.toFixed(1)}`);
};

// [batch, side, in, out, kernel, stride]: ResNet-18's and ResNet-50's, then the CIFAR ResNet's
const convolutions = [
  [4, 224, 3, 64, 7, 2],
  [8, 56, 64, 64, 3, 1],
  [8, 56, 64, 128, 3, 2],
  [8, 28, 128, 128, 3, 1],
  [8, 14, 256, 256, 3, 1],
  [8, 7, 512, 512, 3, 1],
  [8, 56, 256, 64, 1, 1],
  [8, 14, 1024, 256, 1, 1],
  [8, 56, 64, 128, 1, 2],
  [32, 32, 3, 16, 3, 1],
  [32, 32, 16, 16, 3, 1],
  [32, 32, 16, 32, 3, 2],
  [32, 8, 64, 64, 3, 1],
];
for (const [n, side, ci, co, k, s] of convolutions) {
  const p = (k - 1) / 2;
  const pad = [
    [0, 0],
    [p, p],
    [p, p],
    [0, 0],
  ];
  const [x, w] = [random([n, side, side, ci], 1), random([k, k, ci, co], 2)];
  const dy = conv2d(x, w, s, pad, "NHWC", 1, "floor");
  const flops = 2 * dy.size * k * k * ci;
  // A step changes the weights, so the packed copy that the backend keeps of them is made anew, as it is in training.
  const forward = best(() => {
    const fresh = plus(w, 0);
    const y = conv2d(x, fresh, s, pad, "NHWC", 1, "floor");
    fresh.dispose();
    return y;
  });
  const attrs = { strides: [s, s], pad, dataFormat: "NHWC", dimRoundingMode: "floor" };
  const filter = best(() => engine().runKernel("Conv2DBackpropFilter", { x, dy }, { ...attrs, filterShape: w.shape }));
  const input = best(() =>
    engine().runKernel("Conv2DBackpropInput", { dy, filter: w }, { ...attrs, inputShape: x.shape }),
  );
  const name = `${side}x${side}x${ci} -> ${co}, ${k}x${k}/${s}`;
  add("conv filter", name, n, flops, filter, forward);
  add("conv input", name, n, flops, input, forward);
  for (const t of [x, w, dy]) t.dispose();
}

for (const [batch, m, k, n] of [
  [1, 1576, 192, 768],
  [1, 1576, 768, 192],
  [24, 197, 64, 197],
  [24, 197, 197, 64],
]) {
  const shape = (r, c) => (batch === 1 ? [r, c] : [batch, r, c]);
  const [a, b, at, bt] = [
    random(shape(m, k), 1),
    random(shape(k, n), 2),
    random(shape(k, m), 1),
    random(shape(n, k), 2),
  ];
  const flops = 2 * batch * m * k * n;
  const plain = best(() => matMul(a, b));
  const name = `[${m}, ${k}] x [${k}, ${n}]`;
  if (batch > 1) add("product", name, batch, flops, plain, plain);
  add(
    "product, aT",
    name,
    batch,
    flops,
    best(() => matMul(at, b, true, false)),
    plain,
  );
  add(
    "product, bT",
    name,
    batch,
    flops,
    best(() => matMul(a, bt, false, true)),
    plain,
  );
  for (const t of [a, b, at, bt]) t.dispose();
}

writeResults("tensor-wasm-kernels", rows, {
  versions: { "@tensorflow/tfjs-backend-wasm": "4.22.0" },
  note: "units are GFLOP/s of processor time",
});
