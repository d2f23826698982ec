/** Fusions as specs, and from the checkpoints of their parts. */
import type { StateDict } from "@vitrail/tensor";
import { joinStates, stateUnder } from "./adapt.ts";
import { Fusion, type FusionConfig } from "./fusion.ts";
import { type LoadOptions, loadModel } from "./model.ts";
import type { Adaptation, LayerOptions, LayerOrder, ModelSpec, PartSpec, Preprocess } from "./spec.ts";

/** A part's configuration within a fusion: without its classifier. */
const configOf = (part: PartSpec): never => part.withClasses(part.config as never, 0) as never;

/**
 * A fusion as a model that `createModel`, `loadModel` and {@link loadFusion} take.
 *
 * @param preprocess of the images; default: the first part's. All parts see the same image, so their sizes must be its.
 */
export function fusionSpec(
  name: string,
  config: FusionConfig,
  preprocess: Preprocess | undefined = Object.values(config.parts)[0]?.preprocess,
): ModelSpec<FusionConfig, Fusion> {
  if (!preprocess) throw new RangeError("parts: expected two models or more, found 0");
  return {
    name,
    config: { images: preprocess, ...config },
    build: (params, c) => new Fusion(params, c),
    head: "head",
    preprocess,
    weights: {},
    withClasses: (c, numClasses) => ({ ...c, numClasses }),
    adapt: adaptFusion,
    layers: fusionLayers,
  };
}

/** Each part's checkpoint as that part adapts it; its classifier moves to `head.<part>`, or goes where there is one for all. */
function adaptFusion(dict: StateDict, { config: { parts, fusion }, from }: Adaptation<FusionConfig>): StateDict {
  const paths = Object.keys(parts);
  const rest = new Map([...dict].filter(([name]) => !paths.some((path) => name.startsWith(`${path}.`))));
  const fitted: Record<string, StateDict> = { "": rest };
  for (const [path, part] of Object.entries(parts)) {
    const whole = stateUnder(dict, path);
    const heads = stateUnder(whole, part.head);
    const body = new Map([...whole].filter(([name]) => !name.startsWith(`${part.head}.`)));
    const config = configOf(part);
    // All of a part's configuration was said by whoever put the parts together.
    fitted[path] = part.adapt?.(body, { config, from: configOf(from.parts[path] ?? part), changes: config }) ?? body;
    if (fusion === "logits") fitted[`head.${path}`] = heads;
  }
  return joinStates(fitted);
}

/** Every part ends right before the classifier; what joins them goes with it. */
function fusionLayers({ parts }: FusionConfig, options?: LayerOptions): LayerOrder {
  const orders = new Map(
    Object.entries(parts).map(([path, part]) => [path, part.layers?.(configOf(part), options)] as const),
  );
  const most = Math.max(1, ...[...orders.values()].map((order) => order?.numLayers ?? 1));
  return {
    numLayers: most + 1,
    layerOf(name) {
      const path = name.slice(0, name.indexOf("."));
      if (!Object.hasOwn(parts, path)) return most;
      const order = orders.get(path);
      return order ? order.layerOf(name.slice(path.length + 1)) + most - order.numLayers : most - 1;
    },
  };
}

/**
 * Builds a fusion from the checkpoints of its parts, by their paths; a part that is not given starts anew, and so does what
 * joins them. With `fusion: "logits"` the parts bring their classifiers. Saved, it is one checkpoint, which `loadModel` loads.
 *
 * @throws an Error with code "checkpoint-mismatch", with names as in the fusion
 * @example
 * const spec = fusionSpec("ti+r18", { parts: { vit: vit_tiny_patch16_224, resnet: resnet18 }, fusion: "gated", numClasses: 10 });
 * const model = loadFusion(spec, { vit: vitCheckpoint, resnet: resnetCheckpoint });
 */
export function loadFusion(
  spec: ModelSpec<FusionConfig, Fusion>,
  dicts: Readonly<Record<string, StateDict>>,
  options: LoadOptions<FusionConfig> = {},
): Fusion {
  const { parts, fusion } = { ...spec.config, ...options.config };
  const isNew = (name: string) => {
    const [first = "", second = ""] = name.split(".");
    if (Object.hasOwn(parts, first)) return !Object.hasOwn(dicts, first);
    if (first === "head") return fusion !== "logits" || !Object.hasOwn(dicts, second);
    return first === "gate" || first === "project";
  };
  return loadModel(spec, joinStates(dicts), {
    ...options,
    fresh: (name) => isNew(name) || (options.fresh?.(name) ?? false),
  });
}
