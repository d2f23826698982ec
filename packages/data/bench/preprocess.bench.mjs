// Decode + Pillow-exact resize + crop + normalise of real photos, against Pillow and timm's transform in Python.
//   npm run bench -- data-preprocess      (VITRAIL_PYTHON names an interpreter with Pillow and timm)
// Both sides take the same bytes from memory, turn about, several times; the medians count. Python runs with one thread.
import { spawn } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { median, RATES, writeResults } from "@repo/bench";
import sharp from "sharp";
import { createPreprocessor } from "../dist/index.js";

const root = new URL("../../../", import.meta.url);
const folder = process.argv[2] ?? fileURLToPath(new URL("../shared/data/imagenet-photos/", root));
const python = process.env.VITRAIL_PYTHON;
const ROUNDS = 7;
const preprocess = {
  inputSize: [3, 224, 224],
  interpolation: "bicubic",
  cropPct: 0.9,
  cropMode: "center",
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};

const names = await readdir(folder).catch(() => undefined);
if (!names) {
  console.log(`preprocess: skipped, no photos at ${folder}`);
  process.exit(0);
}
const paths = names.sort().map((name) => `${folder}/${name}`);
const files = await Promise.all(paths.map((path) => readFile(path)));

const PEER = `
import io, json, sys, time
import torch
real = torch.library.register_fake
torch.library.register_fake = lambda n, *a, **k: (lambda f: f) if isinstance(n, str) and n.startswith("torchvision::") else real(n, *a, **k)
torch.set_num_threads(1)
import PIL, timm
from PIL import Image
from timm.data import create_transform
t = create_transform(input_size=(3, 224, 224), is_training=False, interpolation="bicubic", crop_pct=0.9,
                     mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
files = [open(f, "rb").read() for f in json.loads(sys.stdin.readline())]
out = torch.empty(len(files), 3, 224, 224)
print(json.dumps({"python": sys.version.split()[0], "Pillow": PIL.__version__, "timm": timm.__version__, "torch": torch.__version__}), flush=True)
for line in sys.stdin:
    begin = time.perf_counter()
    for i, b in enumerate(files):
        out[i] = t(Image.open(io.BytesIO(b)).convert("RGB"))
    print(time.perf_counter() - begin, flush=True)
`;

/** A running Python that does one round whenever it is asked; undefined where there is none. */
async function startPeer() {
  if (!python) return undefined;
  const child = spawn(python, ["-W", "ignore", "-c", PEER], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, OMP_NUM_THREADS: "1" },
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  child.stdin.write(`${JSON.stringify(paths)}\n`);
  const versions = JSON.parse((await lines.next()).value);
  return {
    versions,
    async round() {
      child.stdin.write("go\n");
      return Number((await lines.next()).value);
    },
    end: () => child.stdin.end(),
  };
}

/** 0: on the calling thread, one picture after the other. */
const pools = { 1: createPreprocessor({ preprocess, threads: 0 }), 2: createPreprocessor({ preprocess, threads: 2 }) };
sharp.concurrency(1); // a picture that libvips decodes gets no second thread either
async function round(threads) {
  const begin = performance.now();
  await pools[threads].batch(files);
  return (performance.now() - begin) / 1000;
}

const peer = await startPeer();
const ours = { 1: [], 2: [] };
const theirs = [];
await round(1);
await round(2);
await peer?.round(); // all warm
for (let r = 0; r < ROUNDS; r++) {
  ours[1].push(await round(1));
  if (peer) theirs.push(await peer.round());
  ours[2].push(await round(2));
}
for (const pool of Object.values(pools)) await pool.dispose();
peer?.end();

const rate = (seconds) => Math.round((files.length / seconds) * 10) / 10;
const rows = [1, 2].map((threads) => {
  // A ratio of each round's neighbours, then the median: what else the machine does hits both.
  const ratio = peer ? median(ours[threads].map((t, i) => theirs[i] / t)) : null;
  return {
    work: `decode + resize + crop + normalise, ${files.length} photos, ${threads} thread${threads > 1 ? "s" : ""}`,
    model: "vit 224 px, bicubic, crop 0.9",
    peer: peer ? "Pillow + timm, 1 thread" : null,
    batch: threads === 1 ? 1 : files.length,
    precision: "uint8 -> fp32",
    ours: rate(median(ours[threads])),
    theirs: peer ? rate(median(theirs)) : null,
    ratio: ratio === null ? null : Math.round(ratio * 100) / 100,
  };
});
for (const r of rows)
  console.log(`${r.work}: ${r.ours} img/s${r.peer ? `, ${r.peer} ${r.theirs} img/s: ${r.ratio}x` : ""}`);
const { sharp: sharpVersion, vips } = sharp.versions;
writeResults("data-preprocess", rows, { versions: { sharp: sharpVersion, vips, ...peer?.versions }, note: RATES });
