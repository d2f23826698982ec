import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { combineGroups, type GroupOf, layerDecay, noDecayForVectors } from "../index.ts";

/** Of tooling/goldens/train.py: each parameter's [lr_scale, weight_decay] as timm's groups have it. */
interface Golden {
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly layers: Readonly<Record<string, number>>;
  readonly decay: Found;
  readonly patterns: Found;
  readonly layer_decay: Found;
  readonly min_scale: Found;
}
type Found = Readonly<Record<string, readonly [number, number]>>;

const golden = JSON.parse(readFileSync(new URL("../__goldens__/groups.json", import.meta.url), "utf8"));

describe.each(["vit", "resnet"])("groups of a %s's parameters equal timm's", (key) => {
  const { shapes, layers, decay, patterns, layer_decay, min_scale } = golden[key] as Golden;
  const spared = noDecayForVectors();
  const own = { numLayers: Math.max(...Object.values(layers)) + 1, layerOf: (name: string) => layers[name] as number };
  const found = (rule: GroupOf): Found =>
    Object.fromEntries(
      Object.entries(shapes).map(([name, shape]) => {
        const { lrScale = 1, weightDecay = 0.05 } = rule(name, shape);
        return [name, [lrScale, weightDecay]];
      }),
    );

  test("weight decay spares vectors, and names by pattern", () => {
    expect(found(spared)).toEqual(decay);
    expect(found(noDecayForVectors(["*.proj.*", "layer1.?.conv1.*"]))).toEqual(patterns);
  });

  test("each layer learns at a share of the next one's rate", () => {
    expect(found(combineGroups(spared, layerDecay(own, { decay: 0.65 })))).toEqual(layer_decay);
    expect(found(combineGroups(layerDecay(own, { decay: 0.5, minScale: 0.3 }), spared))).toEqual(min_scale);
  });
});

test("of several rules the shares multiply, and the last decay holds", () => {
  const rule = combineGroups(
    () => ({ lrScale: 0.5, weightDecay: 1 }),
    () => ({}),
    () => ({ lrScale: 0.1, weightDecay: 2 }),
  );
  expect(rule("w", [1])).toEqual({ lrScale: 0.05, weightDecay: 2 });
  expect(combineGroups()("w", [1])).toEqual({});
});

test("a layer that the model does not have is named", () => {
  const rule = layerDecay({ numLayers: 3, layerOf: () => 3 }, { decay: 0.5 });
  expect(() => rule("head.weight", [2, 2])).toThrow("head.weight: expected a layer of 0 to 2, found 3");
  expect(() => layerDecay({ numLayers: 3, layerOf: () => 0 }, { decay: 0 })).toThrow("up to 1, found 0");
});
