// Which mixed precision of ViT-Ti keeps at least 97 % of its answers, and what it gains: real weights, real photos.
//   npm run bench -- classify-int8                needs ../shared (weights and photos); about a quarter of an hour on two quiet cores
// 64 photos calibrate and find the sensitive layers, 136 others judge, ten crops each. Layers are rounded row by row, then kept in fp32 and
// all others rounded so, one after another in the order of their sensitivity, and each mixture is judged: bench/results/classify-int8.json and the curve in
// classify-int8.svg. CROPS (10), ROWS and KEEP (how many layers: 0,4,8,…) make it shorter.
import { existsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { RATES, round, rowOf, sessionOptions, threads, turns, versionsOf, writeResults } from "@repo/bench";
import { openWeights } from "@vitrail/hub";
import { compile, exportOnnx, hostTensors, quantize } from "@vitrail/jit";
import { loadModel } from "@vitrail/layers";
import { vit_tiny_patch16_224 as spec } from "@vitrail/vit";
import ort from "onnxruntime-node";
import { photosIn, SIDE, tenCrops } from "./crops.mjs";
import { curve } from "./curve.mjs";

const shared = (path) => fileURLToPath(new URL(`../../../../shared/${path}`, import.meta.url));
const [folder, photos] = [shared("hub/timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k"), shared("data/imagenet-photos")];
if (!existsSync(folder) || !existsSync(photos)) {
  console.log("classify-int8: skipped, there is no ../shared with weights and photos");
  process.exit(0);
}
const CROPS = Number(process.env.CROPS ?? 10);
const GOAL = 0.97;
const CALIBRATE = 64;
const BATCH = 8;
const PER = SIDE * SIDE * 3;
const input = [null, SIDE, SIDE, 3];

const weights = await openWeights(folder);
const { preprocess } = weights.config;
const model = hostTensors(() => loadModel(spec, weights.tensors));
weights.close();

// Every third photo calibrates, so that both parts hold all kinds.
const paths = photosIn(photos);
const chosen = new Set(paths.filter((_, i) => i % 3 === 0).slice(0, CALIBRATE));
const cropsOf = async (list) => {
  const found = [];
  for (const path of list) found.push((await tenCrops(path, preprocess)).slice(0, CROPS * PER));
  return found;
};
const calibration = await cropsOf([...chosen]);
const judges = await cropsOf(paths.filter((path) => !chosen.has(path)));
console.log(`${calibration.length} photos calibrate, ${judges.length} judge, ${CROPS} crops each`);

const top = (logits) => {
  const classes = model.numClasses;
  return Array.from({ length: logits.length / classes }, (_, i) => {
    const row = logits.subarray(i * classes, (i + 1) * classes);
    return row.indexOf(row.reduce((a, b) => Math.max(a, b)));
  });
};
/** The classes of each photo's crops. */
async function answers(target) {
  const compiled = await compile(target, { input, engine: "ort", threads });
  const found = [];
  for (const crops of judges) found.push(top(await compiled.run(crops)));
  await compiled.dispose();
  return found;
}

/** Share of equal answers, with a 95 % interval that draws photos, not crops: those of one photo go together (bootstrap). */
function agreement(reference, found) {
  const shares = reference.map((photo, i) => photo.filter((c, k) => c === found[i][k]).length / photo.length);
  const mean = (list) => list.reduce((a, b) => a + b, 0) / list.length;
  let seed = 1;
  const random = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 2 ** 32;
  };
  const draws = Array.from({ length: 2000 }, () =>
    mean(shares.map(() => shares[Math.floor(random() * shares.length)])),
  );
  draws.sort((a, b) => a - b);
  return { share: mean(shares), interval: [draws[50], draws[1949]] };
}

const file = (name) => join(tmpdir(), `vitrail-int8-${process.pid}-${name}.onnx`);
const session = async (target, name, more = {}) => {
  await exportOnnx(target, file(name), { input, ...more });
  return ort.InferenceSession.create(file(name), sessionOptions);
};
const fp32 = await session(model, "fp32", { runtime: "onnxruntime" });
const first = new Float32Array(BATCH * PER);
for (let i = 0; i < BATCH; i++) first.set(judges[i].subarray(0, PER), i * PER);
const batch = { input: new ort.Tensor("float32", first, [BATCH, SIDE, SIDE, 3]) };

const reference = await answers(model);
const rows = [];
const points = [];
async function judge(small, label) {
  const { share, interval } = agreement(reference, await answers(small));
  const int8 = await session(small, "int8");
  const pairs = await turns(
    async () => void (await int8.run(batch)),
    async () => void (await fp32.run(batch)),
  );
  await int8.release();
  const row = rowOf(
    { work: `forward, ${label}`, model: spec.name, peer: "our fp32", batch: BATCH, precision: "int8" },
    pairs,
  );
  const { kept, byRow, int8Layers } = small.report;
  rows.push({ ...row, agreement: round(share), agreementInterval: interval.map(round), int8Layers, byRow, kept });
  points.push({ speed: row.ratio, agreement: share, interval, label });
  console.log(`  agreement ${(100 * share).toFixed(2)} % [${interval.map((v) => (100 * v).toFixed(2))}]`);
}

const options = { input, engine: "ort", threads, onNote: (note) => console.log(note) };
await judge(await quantize(model, { ...options, products: "dynamic" }), "plain dynamic");
await judge(await quantize(model, options), "all by rows");
// One measurement finds the order; each mixture then only needs its ranges.
const found = await quantize(model, { ...options, calibration });
const { sensitivity, kept, byRow } = found.report;
console.log(`quantize rounds ${byRow.length} by rows, keeps ${kept.length}: ${kept.join("; ")}`);
await judge(found, "found");
const counts = (name, standard) => process.env[name]?.split(",").map(Number) ?? standard;
for (const count of sensitivity.length > 0 ? counts("ROWS", [0, 4, 8, 16, 24, 32, 49]) : [0]) {
  const rows = { byRow: sensitivity.slice(0, count) };
  await judge(await quantize(model, { ...options, calibration, agreement: 0, ...rows }), `${count} by rows`);
}
for (const count of sensitivity.length > 0 ? counts("KEEP", [2, 6]) : []) {
  const keep = sensitivity.slice(0, count);
  const byRow = sensitivity.slice(count).filter((name) => !name.startsWith("Conv"));
  await judge(await quantize(model, { ...options, calibration, agreement: 0, keep, byRow }), `${count} in fp32`);
}

const good = points.filter(({ agreement: share }) => share >= GOAL).sort((a, b) => b.speed - a.speed)[0];
console.log(good ? `the fastest with ${GOAL}: ${good.label}, ${good.speed} times fp32` : `none keeps ${GOAL}`);
const photosNote = { calibrate: calibration.length, judge: judges.length, crops: CROPS };
const versions = versionsOf(["onnxruntime-node"], import.meta.url);
writeResults("classify-int8", rows, {
  versions,
  threads,
  note: RATES,
  photos: photosNote,
  goal: GOAL,
  fastest: good?.label ?? null,
});
writeFileSync(
  new URL("../../../bench/results/classify-int8.svg", import.meta.url),
  curve(points, {
    title: "ViT-Ti in mixed int8: agreement with fp32 on held-out photos",
    xAxis: "speed, fp32 = 1 (batch 8)",
    yAxis: "top-1 agreement",
    goal: GOAL,
  }),
);
await fp32.release();
process.exit(0);
