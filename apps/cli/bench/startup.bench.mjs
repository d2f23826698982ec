// `vitrail classify` on one local photo with local weights: what it takes besides the photo's own work.
//   npm run bench -- cli-startup       (VITRAIL_PYTHON names an interpreter with torch and timm, the peer; without one it is left out)
// A command on 1 photo and one on 11 take turns: a tenth of the difference is a photo's own work (decoding, preprocessing, the
// forward pass), and what is left of the first is start-up (process, modules, weights, backend). Medians.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { median, round, writeResults } from "@repo/bench";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const weights = join(root, "../shared/hub/timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k");
const photo = join(root, "../shared/photos/chelsea.png");
const box = join(root, "packages/weights-cifar10");
const ROUNDS = 9;
const MORE = 10;

if (!existsSync(weights)) {
  console.log(`cli-startup: skipped, no weights at ${weights}`);
  process.exit(0);
}
const folder = mkdtempSync(join(tmpdir(), "vitrail-startup-"));
const photos = Array.from({ length: MORE + 1 }, (_, i) => {
  const copy = join(folder, `${i}.png`);
  cpSync(photo, copy);
  return copy;
});

const PEER = `
import json, sys
import torch
real = torch.library.register_fake
torch.library.register_fake = lambda n, *a, **k: (lambda f: f) if isinstance(n, str) and n.startswith("torchvision::") else real(n, *a, **k)
import timm
from PIL import Image
from safetensors.torch import load_file
model = timm.create_model("vit_tiny_patch16_224.augreg_in21k_ft_in1k").eval()
model.load_state_dict(load_file(sys.argv[1] + "/model.safetensors"))
transform = timm.data.create_transform(**timm.data.resolve_data_config({}, model=model))
with torch.no_grad():
    for path in sys.argv[2:]:
        p = model(transform(Image.open(path).convert("RGB"))[None]).softmax(-1)[0].topk(5)
        print(json.dumps([p.values.tolist(), p.indices.tolist()]))
`;

const ours = (from) => (files) => [
  process.execPath,
  [join(root, "apps/cli/dist/vitrail.js"), "classify", ...files, "--weights", from, "--json"],
];
const commands = { vit_tiny_patch16_224: ours(weights), resnet20_cifar: ours(box) };
const python = process.env.VITRAIL_PYTHON;
if (python) commands.peer = (files) => [python, ["-W", "ignore", "-c", PEER, weights, ...files]];

function seconds([command, args]) {
  const begin = performance.now();
  const { status, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr}`);
  return (performance.now() - begin) / 1000;
}

const times = Object.fromEntries(Object.keys(commands).map((name) => [name, { one: [], many: [] }]));
for (let turn = 0; turn <= ROUNDS; turn++) {
  for (const [name, command] of Object.entries(commands)) {
    const [one, many] = [seconds(command(photos.slice(0, 1))), seconds(command(photos))];
    if (turn === 0) continue; // fills the page cache
    times[name].one.push(one);
    times[name].many.push(many);
  }
}
rmSync(folder, { recursive: true });

const startup = ({ one, many }) => median(one.map((t, i) => t - (many[i] - t) / MORE));
const peer = times.peer && startup(times.peer);
const rows = Object.entries(times)
  .filter(([name]) => name !== "peer")
  .map(([model, found]) => {
    const own = startup(found);
    console.log(`${model}: ${own.toFixed(2)} s besides the photo${peer ? `, timm ${peer.toFixed(2)} s` : ""}`);
    return {
      work: "vitrail classify PHOTO --weights FOLDER, less the photo's own work",
      model,
      peer: "timm vit_tiny_patch16_224, the same in a Python script",
      batch: 1,
      precision: "fp32",
      unit: "s",
      ours: round(own),
      theirs: peer ? round(peer) : null,
      ratio: peer ? round(peer / own) : null,
      wholeCommand: round(median(found.one)),
    };
  });
const { version } = JSON.parse(readFileSync(join(root, "apps/cli/package.json"), "utf8"));
writeResults("cli-startup", rows, { versions: { vitrail: version } });
