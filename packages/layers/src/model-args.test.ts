import { describe, expect, test } from "vitest";
import { withModelArgs, withStatedArgs } from "./model-args.ts";
import type { PartSpec } from "./spec.ts";

const spec = {
  name: "vit_x",
  config: { imgSize: 224, embedDim: 8, numClasses: 3, backbone: () => {} },
} as unknown as PartSpec;

describe("withModelArgs", () => {
  test("takes timm's names, those that every model has too", () => {
    const changed = withModelArgs(spec, { img_size: [96, 160], drop_path_rate: 0.1, global_pool: "avg" });
    expect(changed.config).toMatchObject({ imgSize: [96, 160], dropPathRate: 0.1, globalPool: "avg", embedDim: 8 });
    expect(spec.config).toMatchObject({ imgSize: 224 });
  });

  test("takes what timm's transformers can be told besides", () => {
    const changed = withModelArgs(spec, { global_pool: "avg", fc_norm: false, attn_drop_rate: 0.1 });
    expect(changed.config).toMatchObject({ globalPool: "avg", fcNorm: false, attnDropRate: 0.1 });
  });

  test("takes a backbone's own", () => {
    const backbone = { name: "resnet20", config: { width: 16, numClasses: 0 }, build: () => {} };
    const hybrid = { ...spec, config: { imgSize: 32, backbone } } as unknown as PartSpec;
    const changed = withModelArgs(hybrid, { img_size: 64, backbone: { width: 32 } }).config;
    expect(changed).toEqual({ imgSize: 64, backbone: { ...backbone, config: { width: 32, numClasses: 0 } } });
    expect(() => withModelArgs(hybrid, { backbone: { widht: 32 } })).toThrow(/^resnet20: model_args: widht: expected/);
    expect(() => withModelArgs(hybrid, { backbone: 32 })).toThrow(/or backbone with settings of its own$/);
  });

  test("refuses names that the model does not know, and values that are no plain data", () => {
    expect(() => withModelArgs(spec, { patch: 4 })).toThrow(
      /vit_x: model_args: patch: expected one of img_size, embed_dim/,
    );
    expect(() => withModelArgs(spec, { img_size: { a: 1 } })).toThrow("img_size");
    expect(() => withModelArgs(spec, { backbone: "resnet18" })).toThrow("backbone");
    const hybrid = { ...spec, config: { imgSize: 32, backbone: { name: "resnet18", build: () => {} } } };
    for (const args of [{ backbone: "resnet34" }, { in_chans: 1 }]) {
      expect(() => withModelArgs(hybrid as never, args)).toThrow(
        "expected one of img_size, drop_rate, drop_path_rate, with",
      );
    }
    expect(() => withModelArgs({ ...spec, config: { blocks: 3 } }, { global_pool: "avg" })).toThrow("global_pool");
  });
});

test("withStatedArgs takes a config.json's sizes for its own architecture only", () => {
  const modelArgs = { img_size: 96 };
  expect(withStatedArgs(spec, { architecture: "vit_x.tag", modelArgs }).config).toMatchObject({ imgSize: 96 });
  for (const config of [undefined, { architecture: "vit_x" }, { architecture: "resnet18", modelArgs }]) {
    expect(withStatedArgs(spec, config)).toBe(spec);
  }
});
