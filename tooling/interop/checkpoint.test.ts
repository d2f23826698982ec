import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fillImage, shared } from "@repo/testing";
import { encodeSafetensors } from "@vitrail/checkpoint";
import { openWeights, type Weights } from "@vitrail/hub";
import { loadModel } from "@vitrail/layers";
import { tensor4d, useBackend } from "@vitrail/tensor";
import { vit_tiny_patch16_224 } from "@vitrail/vit";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { checkpointPy, findPython, record } from "./python.ts";

const folder = shared("hub/timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k");
const python = findPython("torch, numpy, safetensors, transformers, importlib.util as u; u.find_spec('timm').loader");

let work = "";
let stored: Weights;
let expected: Float32Array;
const passed: string[] = [];
afterEach(({ task }) => {
  if (task.result?.state !== "fail") passed.push(task.name);
});

const FILES = [
  ["zip.pth", "torch", "timm"],
  ["legacy.pth", "torch-legacy", "timm"],
  ["protocol-5.pth", "torch", "timm"],
  ["wrapped.pth.tar", "torch", "timm"],
  ["strided.pth", "torch", "timm"],
  ["arrays.npz", "npz", "timm"],
  ["compressed.npz", "npz", "timm"],
  ["google.npz", "npz", "google-vit"],
  ["torchvision.pth", "torch", "torchvision-vit"],
  ["transformers", "safetensors", "transformers-vit"],
] as const;

describe.skipIf(!python || !folder)(
  "ViT-Ti as torch, numpy, torchvision and transformers save it (skipped without Python's torch, timm, transformers, or without ../shared/hub)",
  () => {
    const py = (...args: string[]) => checkpointPy(python as string, ...args);

    beforeAll(async () => {
      work = mkdtempSync(join(tmpdir(), "vitrail-interop-"));
      await useBackend("wasm");
      stored = await openWeights(folder as string);
      expected = await logitsOf(stored);
      await py("write", join(folder as string, "model.safetensors"), work);
    }, 300_000);
    afterAll(async () => {
      record("checkpoint", await py("version"), passed);
      stored.close();
      rmSync(work, { recursive: true });
    }, 120_000);

    test.for(FILES)("%s has the same tensors to the bit, and the same logits", async ([name, format, naming]) => {
      const weights = await openWeights(join(work, name));
      expect(weights).toMatchObject({
        format,
        naming,
        unmapped: [],
        looksLike: expect.stringContaining("vit_tiny_patch16_224"),
      });
      expect([...weights.tensors.keys()].sort()).toEqual([...stored.tensors.keys()].sort());
      for (const [key, tensor] of stored.tensors) {
        const found = weights.tensors.get(key) ?? expect.fail(key);
        expect([found.dtype, ...found.shape], key).toEqual([tensor.dtype, ...tensor.shape]);
        expect(Buffer.compare(found.bytes(), tensor.bytes()), key).toBe(0);
      }
      expect(await logitsOf(weights)).toEqual(expected);
      weights.close();
    });

    test("the folder of transformers says its model, labels and preprocessing", async () => {
      const { config, close } = await openWeights(join(work, "transformers"));
      expect(config).toMatchObject({ architecture: "vit_tiny_patch16_224", numClasses: 1000 });
      expect(config?.labels?.[999]).toBe("class number 999");
      expect(config?.preprocess).toMatchObject({
        cropMode: "squash",
        interpolation: "bilinear",
        mean: [0.5, 0.5, 0.5],
      });
      close();
    });

    test("what is written from Google's names loads in Python, strictly and to the bit, and answers the same", async () => {
      const google = await openWeights(join(work, "google.npz"));
      const file = join(work, "written.safetensors");
      writeFileSync(file, encodeSafetensors(google.tensors, { metadata: { format: "pt" } }));
      google.close();
      const hashes = Object.fromEntries(
        [...stored.tensors].map(([name, tensor]) => {
          const hash = createHash("sha256").update(tensor.bytes()).digest("hex");
          return [name, `torch.float32 [${tensor.shape.join(", ")}] ${hash}`];
        }),
      );
      expect(await py("hashes", file)).toEqual(hashes);
      const theirs = (await py("logits", file)) as number[];
      const spread = Math.max(...theirs) - Math.min(...theirs);
      const off = Math.max(...theirs.map((value, i) => Math.abs(value - (expected[i] as number))));
      expect(off / spread).toBeLessThan(1e-5);
    }, 120_000);
  },
);

/** The logits of one image of known numbers: `image("interop", ...)` of tooling/goldens/common.py. */
async function logitsOf(weights: Weights): Promise<Float32Array> {
  const model = loadModel(vit_tiny_patch16_224, weights.tensors);
  const x = tensor4d(fillImage("interop", [1, 224, 224, 3]), [1, 224, 224, 3]);
  const logits = model.forward(x);
  const values = (await logits.data()) as Float32Array;
  logits.dispose();
  x.dispose();
  model.dispose();
  return values;
}
