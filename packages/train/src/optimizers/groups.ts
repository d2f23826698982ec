/** Which parameters decay, and how fast each layer learns. */
import type { LayerOrder } from "@vitrail/layers";
import type { Group, GroupOf } from "./optimizer.ts";

/** timm's `no_weight_decay` of the Vision Transformer. */
const TOKENS = ["cls_token", "pos_embed", "reg_token", "dist_token"];

/** What stands for any run of characters, and for any one: `*` and `?`, as in Python's fnmatch. */
function matches(pattern: string, name: string): boolean {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replaceAll("*", ".*").replaceAll("?", ".")}$`).test(name);
}

/**
 * timm's `param_groups_weight_decay`: no weight decay for biases, norms' weights and other vectors, nor for the names in
 * `also` (its `no_weight_decay_list`; `*` stands for anything).
 */
export function noDecayForVectors(also: readonly string[] = TOKENS): GroupOf {
  return (name, shape) => {
    const spared = shape.length <= 1 || name.endsWith(".bias") || also.some((pattern) => matches(pattern, name));
    return spared ? { weightDecay: 0 } : {};
  };
}

/** Settings of {@link layerDecay}. */
export interface LayerDecayOptions {
  /** What each layer's learning rate is of the next one's: 0.65 to 0.75 for fine-tuning a large ViT. */
  readonly decay: number;
  /** No layer's share is less. Default 0. */
  readonly minScale?: number;
}

/**
 * Layer-wise learning-rate decay, timm's `param_groups_layer_decay` (from BEiT, https://arxiv.org/abs/2106.08254): layer `l`
 * learns at decay^(numLayers − 1 − l) of the rate, so that the classifier learns at all of it. The order of the layers is the
 * model's: `spec.layers(config)`.
 * @throws RangeError where a parameter's layer is outside of the model's
 */
export function layerDecay({ numLayers, layerOf }: LayerOrder, { decay, minScale = 0 }: LayerDecayOptions): GroupOf {
  if (!(decay > 0 && decay <= 1))
    throw new RangeError(`layerDecay: decay: expected more than 0, up to 1, found ${decay}`);
  return (name) => {
    const layer = layerOf(name);
    if (!Number.isInteger(layer) || layer < 0 || layer >= numLayers) {
      throw new RangeError(`layerDecay: ${name}: expected a layer of 0 to ${numLayers - 1}, found ${layer}`);
    }
    return { lrScale: Math.max(minScale, decay ** (numLayers - 1 - layer)) };
  };
}

/** Several rules as one: shares of the learning rate multiply, the last weight decay that is given holds. */
export function combineGroups(...rules: readonly GroupOf[]): GroupOf {
  return (name, shape) => {
    const groups = rules.map((rule) => rule(name, shape));
    const scales = groups.flatMap(({ lrScale }) => (lrScale === undefined ? [] : [lrScale]));
    const own: Group = Object.assign({}, ...groups);
    return scales.length === 0 ? own : { ...own, lrScale: scales.reduce((a, b) => a * b) };
  };
}
