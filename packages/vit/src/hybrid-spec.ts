/** Hybrids as specs, and from the checkpoints of their parts. */
import {
  type Adaptation,
  joinStates,
  type LoadOptions,
  loadModel,
  type ModelSpec,
  type Preprocess,
  stateUnder,
} from "@vitrail/layers";
import type { StateDict } from "@vitrail/tensor";
import { adaptEncoder, adaptPatches, encoderLayers } from "./adapt.ts";
import { HybridViT, type HybridViTConfig, hybridGrid, isSpec } from "./hybrid.ts";

const BACKBONE = "patch_embed.backbone";

/** A hybrid as a model that `createModel`, `loadModel` and {@link loadHybrid} take. */
export function hybridSpec(
  name: string,
  config: HybridViTConfig,
  preprocess: Preprocess,
): ModelSpec<HybridViTConfig, HybridViT> {
  return {
    name,
    config,
    build: (params, c) => new HybridViT(params, c),
    head: "head",
    preprocess,
    weights: {},
    withClasses: (c, numClasses) => ({ ...c, numClasses }),
    adapt: adaptHybrid,
    layers: encoderLayers, // as in timm, all of the backbone is the stem
  };
}

function adaptHybrid(dict: StateDict, { config, from, changes }: Adaptation<HybridViTConfig>): StateDict {
  const { backbone, patchSize } = config;
  let adapted = "patchSize" in changes ? adaptPatches(dict, patchSize) : dict;
  if (isSpec(backbone)) {
    const before = isSpec(from.backbone) ? from.backbone.config : backbone.config;
    const own = stateUnder(dict, BACKBONE);
    const rest = new Map([...adapted].filter(([name]) => !name.startsWith(`${BACKBONE}.`)));
    // All of the backbone's configuration was said by whoever chose it.
    const to = { config: backbone.config, from: before, changes: backbone.config } as Adaptation<never>;
    adapted = joinStates({ "": rest, [BACKBONE]: backbone.adapt?.(own, to) ?? own });
  }
  return adaptEncoder(adapted, { config, from, changes }, hybridGrid(config), hybridGrid(from));
}

/** The checkpoints of a hybrid's parts. A part that is not given starts anew. */
export interface HybridParts {
  /** Of the backbone alone, or of the whole network that it was cut from. */
  readonly backbone?: StateDict | undefined;
  /** Of a Vision Transformer of the same width and depth; its own patches are passed over. */
  readonly encoder?: StateDict | undefined;
}

/**
 * Builds a hybrid from the checkpoints of its parts: a pretrained backbone, a pretrained encoder, or both. What joins them,
 * `patch_embed.proj`, is new. Saved, it is one checkpoint, which `loadModel` loads.
 *
 * @throws an Error with code "checkpoint-mismatch", with names as in the hybrid
 * @example
 * const spec = hybridSpec("vit_tiny_r18_s16_224", { ...config, patchSize: 1, backbone: resnetBackbone(resnet18, 3) }, preprocess);
 * const model = loadHybrid(spec, { backbone: resnet, encoder: vit }, { numClasses: 10 });
 */
export function loadHybrid(
  spec: ModelSpec<HybridViTConfig, HybridViT>,
  { backbone, encoder }: HybridParts,
  options: LoadOptions<HybridViTConfig> = {},
): HybridViT {
  const blocks = new Map([...(encoder ?? [])].filter(([name]) => !name.startsWith("patch_embed.")));
  const isNew = (name: string) => {
    if (name.startsWith(`${BACKBONE}.`)) return backbone === undefined;
    return encoder === undefined || name.startsWith("patch_embed.");
  };
  return loadModel(spec, joinStates({ [BACKBONE]: backbone ?? new Map(), "": blocks }), {
    ...options,
    config: { ...spec.config, ...options.config }, // the encoder's image size may be another
    fresh: (name) => isNew(name) || (options.fresh?.(name) ?? false),
  });
}
