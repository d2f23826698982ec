// From JPEG files to labels, batches of 8: our classifier, in fp32 and in mixed int8, against the image-classification pipeline of
// Transformers.js in fp32, with the same weights and preprocessing; and ours in int8 against ours in fp32.
//   npm run bench -- classify-labels
// Needs ../shared; for the peer TRANSFORMERS names a folder with @huggingface/transformers 4 installed
// (npm install --ignore-scripts @huggingface/transformers@4), and VITRAIL_PYTHON an interpreter with torch and timm, whose ONNX export it runs.
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { RATES, rowOf, sessionOptions, threads, turns, versionsOf, writeResults } from "@repo/bench";
import { encodeSafetensors } from "@vitrail/checkpoint";
import { createClassifier } from "@vitrail/classify";
import { createModel } from "@vitrail/layers";
import { useBackend } from "@vitrail/tensor";
import { vitModels } from "@vitrail/vit";

const shared = (path) => fileURLToPath(new URL(`../../../../shared/${path}`, import.meta.url));
const photos = shared("data/imagenet-photos");
const tiny = shared("hub/timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k");
if (!existsSync(photos) || !existsSync(tiny)) {
  console.log("labels: skipped, there is no ../shared with weights and photos");
  process.exit(0);
}
const COUNT = Number(process.env.PHOTOS ?? 40);
const BATCH = 8;
/** Calls before the first that counts: after some dozens of photos a classifier opens more sessions. */
const WARM_UP = 4;
const paths = readdirSync(photos)
  .sort()
  .slice(0, COUNT)
  .map((name) => join(photos, name));
const held = readdirSync(photos)
  .sort()
  .slice(-64)
  .map((name) => join(photos, name));
const work = mkdtempSync(join(tmpdir(), "vitrail-labels-"));
const rows = [];
const versions = {};

/** ViT-B with random weights, as a folder: its speed does not depend on them, and real ones are not here. */
async function randomFolder(name) {
  await useBackend("cpu");
  const folder = join(work, name);
  mkdirSync(folder);
  const model = createModel(vitModels[name]);
  writeFileSync(join(folder, "model.safetensors"), encodeSafetensors([...model.params.stateDict()]));
  model.dispose();
  const { mean, std, inputSize, cropPct, interpolation } = vitModels[name].preprocess;
  const cfg = { mean, std, input_size: inputSize, crop_pct: cropPct, interpolation };
  writeFileSync(
    join(folder, "config.json"),
    JSON.stringify({ architecture: name, num_classes: 1000, pretrained_cfg: cfg }),
  );
  return folder;
}

const { TRANSFORMERS, VITRAIL_PYTHON: PYTHON } = process.env;
const PEER = "@huggingface/transformers"; // no dependency of ours
/** The peer's pipeline over torch's export of the same checkpoint, with the same resize, crop and normalisation. */
async function pipelineOf(name, folder) {
  if (!TRANSFORMERS || !PYTHON) {
    console.log("Transformers.js: skipped, TRANSFORMERS or VITRAIL_PYTHON is not given");
    return undefined;
  }
  const local = join(work, "peer", name);
  mkdirSync(join(local, "onnx"), { recursive: true });
  const script = fileURLToPath(new URL("export_vit.py", import.meta.url));
  const args = ["-W", "ignore", script, name, join(folder, "model.safetensors"), join(local, "onnx", "model.onnx")];
  await promisify(execFile)(PYTHON, args);
  const labels = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [i, `class ${i}`]));
  writeFileSync(join(local, "config.json"), JSON.stringify({ model_type: "vit", id2label: labels }));
  const { mean, std } = vitModels[name].preprocess;
  const preprocessor = {
    image_processor_type: "ViTImageProcessor",
    do_resize: true,
    size: { shortest_edge: 248 },
    resample: 3,
    do_center_crop: true,
    crop_size: { height: 224, width: 224 },
    do_rescale: true,
    rescale_factor: 1 / 255,
    do_normalize: true,
    image_mean: mean,
    image_std: std,
  };
  writeFileSync(join(local, "preprocessor_config.json"), JSON.stringify(preprocessor));
  const require = createRequire(join(TRANSFORMERS, "package.json"));
  const { pipeline, env } = await import(pathToFileURL(require.resolve(PEER)).href);
  versions[PEER] = env.version;
  Object.assign(env, { allowRemoteModels: false, localModelPath: join(work, "peer") });
  return pipeline("image-classification", name, {
    dtype: "fp32",
    device: "cpu",
    session_options: sessionOptions,
  });
}

const ourRun = (classifier) => async () =>
  void (await classifier.classify(paths, { top: 5, batchSize: BATCH, orientation: false }));
const about = (model, peer, precision) => ({ work: "from JPEG files to labels", model, peer, batch: COUNT, precision });

for (const [name, folder] of [
  ["vit_tiny_patch16_224", tiny],
  ["vit_base_patch16_224", await randomFolder("vit_base_patch16_224")],
]) {
  const open = (more) => createClassifier({ models: vitModels, weights: folder, engine: "ort", ...more });
  const ours = await open({});
  const theirs = await pipelineOf(name, folder);
  const peer = async () => {
    for (let i = 0; i < paths.length; i += BATCH) await theirs(paths.slice(i, i + BATCH), { top_k: 5 });
  };
  if (theirs) {
    const first = await theirs(paths.slice(0, BATCH), { top_k: 1 });
    const mine = await ours.classify(paths.slice(0, BATCH), { top: 1, orientation: false });
    const equal = mine.filter(([best], i) => `class ${best.index}` === (first[i][0] ?? first[i]).label).length;
    const pairs = await turns(ourRun(ours), peer, { least: 5, warmUp: WARM_UP });
    rows.push({
      ...rowOf(about(name, "Transformers.js pipeline", "fp32"), pairs),
      equalLabels: `${equal} of ${BATCH}`,
    });
  }
  if (name.includes("tiny")) {
    const int8 = await open({ precision: "int8", calibration: held, onNote: console.log });
    for (const [other, run] of [
      ...(theirs ? [["Transformers.js pipeline, fp32", peer]] : []),
      ["our fp32", ourRun(ours)],
    ]) {
      const pairs = await turns(ourRun(int8), run, { least: 5, warmUp: WARM_UP });
      rows.push(rowOf(about(name, other, "int8"), pairs));
    }
    await int8.dispose();
  }
  await ours.dispose();
}
const packages = versionsOf(["onnxruntime-node"], import.meta.url);
writeResults("classify-labels", rows, {
  versions: { ...packages, ...versions },
  threads,
  note: RATES,
  batchSize: BATCH,
});
rmSync(work, { recursive: true });
process.exit(0);
