/** Checkpoints of one image size, patch size, number of channels or pooling for a transformer of another, as timm adapts them. */
import {
  type Adaptation,
  adaptInputConv,
  derivedTensor,
  headDiffers,
  type LayerOrder,
  mapState,
} from "@vitrail/layers";
import type { NamedTensor, StateDict } from "@vitrail/tensor";
import { type EncoderConfig, hasFcNorm } from "./encoder.ts";
import { resamplePatchEmbed, resamplePosEmbed, type Size } from "./resample.ts";
import { gridOf, type ViTConfig } from "./vit.ts";

const PATCHES = "patch_embed.proj.weight";

/** For `ModelSpec.adapt` of a Vision Transformer. */
export function adaptViT(dict: StateDict, to: Adaptation<ViTConfig>): StateDict {
  const { config, from, changes } = to;
  const resized = "patchSize" in changes ? adaptPatches(dict, config.patchSize) : dict;
  const seen = mapState(resized, (name, tensor) =>
    name === PATCHES && "inChans" in changes ? adaptInputConv(tensor, config.inChans ?? 3) : undefined,
  );
  return adaptEncoder(seen, to, gridOf(config), gridOf(from));
}

/** Patch kernels of another size, resampled. */
export function adaptPatches(dict: StateDict, patchSize: number): StateDict {
  return mapState(dict, (name, tensor) => {
    const fits = tensor.shape.length !== 4 || (tensor.shape[2] === patchSize && tensor.shape[3] === patchSize);
    return name === PATCHES && !fits ? resamplePatchEmbed(tensor, [patchSize, patchSize]) : undefined;
  });
}

/**
 * Position embeddings of another grid, resampled, and the last norm where `config` has it.
 *
 * @param grid of the model; undefined where it cannot be known before the model is built
 * @param from of the spec
 */
export function adaptEncoder(
  dict: StateDict,
  { config, changes }: Adaptation<EncoderConfig>,
  grid: Size | undefined,
  from: Size | undefined,
): StateDict {
  const resizes = "imgSize" in changes || "patchSize" in changes;
  const resized = mapState(dict, (name, tensor) =>
    grid && resizes && name === "pos_embed" && tensor.shape.length === 3
      ? adaptPositions(tensor, grid, from)
      : undefined,
  );
  return "globalPool" in changes || "fcNorm" in changes ? adaptNorm(resized, config) : resized;
}

function adaptPositions(posEmbed: NamedTensor, grid: Size, from: Size | undefined): NamedTensor | undefined {
  const patches = (posEmbed.shape[1] as number) - 1;
  // As many as are wanted are taken as they are, as in timm: so a model of this size reads what it saved.
  if (patches === grid[0] * grid[1]) return undefined;
  if (from && from[0] * from[1] === patches) return resamplePosEmbed(posEmbed, from, grid);
  const side = Math.round(Math.sqrt(patches));
  // Of a grid that is neither known nor square nobody can say the shape: left for the load to refuse.
  return side > 0 && side * side === patches ? resamplePosEmbed(posEmbed, [side, side], grid) : undefined;
}

/**
 * Between pooling by token and by average the last norm changes its place and its name, and what one learned does not suit
 * the other: as in timm it begins anew, where the classifier does too. Where that stays, the load refuses; `fcNorm: false`
 * pools what the old norm gave.
 */
function adaptNorm(dict: StateDict, config: EncoderConfig): StateDict {
  const [wanted, other] = hasFcNorm(config) ? ["fc_norm", "norm"] : ["norm", "fc_norm"];
  const old = dict.get(`${other}.weight`);
  if (!old || dict.has(`${wanted}.weight`) || !headDiffers(dict, "head", config.numClasses)) return dict;
  const vector = (value: number) =>
    derivedTensor(old.shape, () => new Float32Array(old.shape[0] as number).fill(value));
  const result = new Map([...dict].filter(([name]) => name !== `${other}.weight` && name !== `${other}.bias`));
  return result.set(`${wanted}.weight`, vector(1)).set(`${wanted}.bias`, vector(0));
}

/** For `ModelSpec.layers`: timm's `group_matcher` of its Vision Transformer. */
export function encoderLayers(config: EncoderConfig): LayerOrder {
  const { depth, numClasses } = config;
  const last = numClasses > 0 || hasFcNorm(config) ? depth + 1 : depth;
  return {
    numLayers: last + 1,
    layerOf(name) {
      if (/^(cls_token|pos_embed|patch_embed)/.test(name)) return 0;
      const block = /^blocks\.(\d+)\./.exec(name)?.[1];
      if (block !== undefined) return Number(block) + 1;
      return name.startsWith("norm.") ? depth : depth + 1; // the last norm goes with the last block
    },
  };
}
