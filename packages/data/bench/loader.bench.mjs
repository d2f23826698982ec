// The loader against torchvision's DataLoader: decode, RandomResizedCrop 224, flip, RandAugment (timm's rand-m9-mstd0.5 on both
// sides), normalise, batches of 32; the same photos from disk, the same number of workers, a whole epoch each, turn about.
//   npm run bench -- data-loader      (VITRAIL_PYTHON names an interpreter with torch, torchvision and timm)
import { spawn } from "node:child_process";
import { readdir } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { RATES, rowOf, threads, turns, writeResults } from "@repo/bench";
import sharp from "sharp";
import { createLoader } from "../dist/index.js";

const root = new URL("../../../", import.meta.url);
const folder = process.argv[2] ?? fileURLToPath(new URL("../shared/data/imagenet-photos/", root));
const python = process.env.VITRAIL_PYTHON;
const BATCH = 32;
const mean = [0.485, 0.456, 0.406];
const std = [0.229, 0.224, 0.225];

const names = await readdir(folder).catch(() => undefined);
if (!names || !python) {
  console.log(`loader: skipped, ${names ? "VITRAIL_PYTHON names no interpreter" : `no photos at ${folder}`}`);
  process.exit(0);
}
const paths = names.sort().map((name) => `${folder}/${name}`);

const PEER = `
import json, sys, time
import torch
real = torch.library.register_fake
torch.library.register_fake = lambda n, *a, **k: (lambda f: f) if isinstance(n, str) and n.startswith("torchvision::") else real(n, *a, **k)
import PIL, timm, torchvision
from PIL import Image
from timm.data import create_transform
job = json.loads(sys.stdin.readline())
t = create_transform(input_size=(3, 224, 224), is_training=True, auto_augment=job["aa"], interpolation="random", mean=job["mean"], std=job["std"])
class Photos(torch.utils.data.Dataset):
    def __len__(self): return len(job["paths"])
    def __getitem__(self, i): return t(Image.open(job["paths"][i]).convert("RGB")), 0
if __name__ == "__main__":
    loader = torch.utils.data.DataLoader(Photos(), batch_size=job["batch"], shuffle=True, num_workers=job["threads"], persistent_workers=True)
    print(json.dumps({"python": sys.version.split()[0], "Pillow": PIL.__version__, "timm": timm.__version__,
                      "torch": torch.__version__, "torchvision": torchvision.__version__}), flush=True)
    for line in sys.stdin:
        begin = time.perf_counter()
        seen = sum(len(x) for x, _ in loader)
        assert seen == len(job["paths"])
        print(time.perf_counter() - begin, flush=True)
`;

/** A running Python that goes through its loader once whenever it is asked. */
async function startPeer(aa) {
  const child = spawn(python, ["-W", "ignore", "-c", PEER], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  child.stdin.write(`${JSON.stringify({ paths, mean, std, aa, batch: BATCH, threads })}\n`);
  const versions = JSON.parse((await lines.next()).value);
  return {
    versions,
    async epoch() {
      child.stdin.write("go\n");
      return 1000 * Number((await lines.next()).value);
    },
    end: () => child.stdin.end(),
  };
}

const split = {
  name: "photos",
  length: paths.length,
  label: () => 0,
  nameOf: (i) => names[i],
  source: (i) => ({ kind: "file", path: paths[i] }),
};

const rows = [];
let versions = {};
for (const aa of ["rand-m9-mstd0.5", null]) {
  const peer = await startPeer(aa);
  versions = peer.versions;
  const transform = { kind: "train", inputSize: [3, 224, 224], mean, std, colorJitter: aa ? 0 : 0.4 };
  const loader = createLoader({
    split,
    transform: aa ? { ...transform, autoAugment: aa } : transform,
    batchSize: BATCH,
    threads,
  });
  let epoch = 0;
  const ours = async () => {
    let seen = 0;
    for await (const { size } of loader.epoch(epoch++)) seen += size;
    if (seen !== paths.length) throw new Error(`expected ${paths.length} images, found ${seen}`);
  };
  const pairs = await turns(ours, () => peer.epoch());
  const about = {
    work: `training batches, ${paths.length} photos, ${threads} workers`,
    model: `RandomResizedCrop 224, flip, ${aa ?? "colour jitter"}`,
    peer: "torchvision DataLoader",
    precision: "uint8 -> fp32",
  };
  // One turn is one epoch: its images are what rowOf counts as a batch.
  const row = rowOf({ ...about, batch: paths.length }, pairs);
  rows.push({ ...row, batch: BATCH });
  await loader.dispose();
  peer.end();
}
const { sharp: sharpVersion, vips } = sharp.versions;
writeResults("data-loader", rows, { versions: { sharp: sharpVersion, vips, ...versions }, threads, note: RATES });
