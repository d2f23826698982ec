import { readFileSync } from "node:fs";
import { shared } from "@repo/testing";
import { expect, test } from "vitest";
import { encodeSafetensors, readCheckpoint } from "./index.ts";

const file = shared("hub/timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k/model.safetensors");
test.skipIf(!file)("a real checkpoint comes back byte for byte", () => {
  const bytes = readFileSync(file as string);
  const c = readCheckpoint(bytes);
  expect(c.tensors.get("head.bias")?.float32().length).toBe(1000);
  expect(Buffer.compare(encodeSafetensors(c.tensors, c), bytes)).toBe(0);
});
