// Whole training steps (AdamW, fp32, 224 pixels): compileStep against torch's eager mode, tfjs's wasm backend and tfjs-node.
//   npm run bench -- jit-training, or node packages/jit/bench/training.bench.mjs [MODEL...]      VITRAIL_PYTHON names an interpreter with torch and timm
// Every side is a process of its own, and they take turns in alternating order: three warm-up steps each, then pairs. Rates
// and ratios are medians; intervals of 95 % come from the order statistics of the pairs. A matrix product of 2048³ in the same
// ONNX Runtime, between the pairs, gives the machine's peak of that moment.
import { setTimeout } from "node:timers/promises";
import { forVectors, median, RATES, round, rowOf, threads, turns, versionsOf, writeResults } from "@repo/bench";
import { createModel, summarize } from "@vitrail/layers";
import { resnetModels } from "@vitrail/resnet";
import { useBackend } from "@vitrail/tensor";
import { vitModels } from "@vitrail/vit";
import { peakProduct } from "./peak.mjs";
import { stepPeer, torchPeer } from "./peers/process.mjs";
import { tfjsNodePeer } from "./peers/tfjs-node.mjs";

const time = Number(process.env.BENCH_SECONDS ?? 40);
const python = process.env.VITRAIL_PYTHON;
const cases = [
  ["vit_tiny_patch16_224", 16, ["torch"]],
  ["resnet18", 8, ["torch", "torch channels-last", "tfjs wasm", "tfjs-node"]],
  ["vit_tiny_patch16_224", 8, ["tfjs wasm", "tfjs-node"]],
  ["resnet50", 8, ["torch", "torch channels-last", "tfjs-node"]],
  ["vit_base_patch16_224", 8, ["torch"]],
].filter(([name]) => process.argv.length < 3 || process.argv.includes(name));

async function peerOf(name, model, batch) {
  if (name === "tfjs wasm") return stepPeer({ model, batch, threads, engine: "tfjs" });
  if (name === "tfjs-node") return tfjsNodePeer({ model, batch, threads });
  if (!python) return { reason: "VITRAIL_PYTHON names no interpreter" };
  return torchPeer({ python, model, batch, threads, layout: name === "torch" ? "nchw" : "channels_last" });
}

/** GFLOP/s of that product now. */
async function peakOf(product) {
  await setTimeout(50); // the step's process is still busy for a while once it has answered
  const rates = [];
  for (let i = 0; i < 8; i++) {
    const begin = performance.now();
    await product.run();
    rates.push((product.gflop * 1000) / (performance.now() - begin));
  }
  return median(rates.slice(3)); // threads awake, operands and room for results in memory
}

await useBackend("wasm");
const product = await peakProduct();
const rows = [];
for (const [name, batch, peers] of cases) {
  const model = createModel({ ...resnetModels, ...vitModels }[name]);
  // Forward, the gradient of the input and that of the weight: three products each.
  const gflop = 3 * 2 * batch * summarize(model, [224, 224, 3]).gmacs;
  model.dispose();
  for (const peer of peers) {
    const theirs = await peerOf(peer, name, batch);
    if (theirs.reason !== undefined) {
      console.log(`${name} against ${peer}: skipped, ${theirs.reason}`);
      continue;
    }
    const ours = await stepPeer({ model: name, batch, threads, engine: "ort" });
    const peaks = [];
    let [mine, other] = [0, 0]; // peak memory in bytes
    const pairs = await turns(
      async () => {
        const { milliseconds, rss } = await ours.step();
        mine = rss;
        return milliseconds;
      },
      async () => {
        const { milliseconds, rss } = await theirs.step();
        other = rss;
        return milliseconds;
      },
      { time, rest: 50, after: async () => peaks.push(await peakOf(product)) },
    );
    await Promise.all([ours.close(), theirs.close()]);
    const gflops = (gflop * 1000) / median(pairs.map(([milliseconds]) => milliseconds));
    const row = {
      ...rowOf({ work: "training step, AdamW", model: name, peer, batch, precision: "fp32" }, pairs),
      gflops: round(gflops),
      peakFraction: round(gflops / median(peaks)),
      compileMs: round(ours.compiled),
      memoryMB: [mine, other].map((bytes) => Math.round(bytes / 2 ** 20)),
    };
    rows.push(row);
    const { peakFraction, memoryMB, compileMs } = row;
    console.log(
      `  ${row.gflops} GFLOP/s, ${peakFraction} of the peak; memory ${memoryMB.join(" / ")} MB; compiled in ${compileMs} ms`,
    );
  }
}
const packages = versionsOf(["onnxruntime-node"], import.meta.url);
writeResults(forVectors("jit-training"), rows, {
  versions: { ...packages, tfjs: "4.22.0", torch: "2.13.0" },
  threads,
  note: RATES,
});
process.exit(0);
