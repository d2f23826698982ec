import { describe, expect, test } from "vitest";
import { gelu, grads, layerNorm, ones, sum, tensor, tidy, useBackend } from "./index.ts";

describe.each(["cpu", "wasm"] as const)("on %s", (backend) => {
  test("a backend starts and takes a gradient", async () => {
    const report = await useBackend(backend);
    expect(report.name).toBe(backend);
    const g = tidy(() => {
      const [dx] = grads((x) => sum(gelu(layerNorm(x, ones([3]), ones([3])))))([tensor([[1, 2, 4]])]);
      return dx?.dataSync();
    });
    expect(g?.length).toBe(3);
  });
});
