/** The model of a training run: built, with its weights, for the classes of the data. */
import type { Weights } from "@vitrail/hub";
import {
  createModel,
  type ImageModel,
  loadModel,
  type ModelSpec,
  type Preprocess,
  withModelArgs,
} from "@vitrail/layers";
import { loadHybrid } from "@vitrail/vit";
import { boxNamed } from "../box.ts";
import { isRepo, modelNamed, publishedNamed } from "../models-table.ts";
import { openFrom, openNamed, userError } from "../open-model.ts";
import { UserError } from "../user-error.ts";
import type { Recipe } from "./recipe.ts";

type Spec = ModelSpec<unknown, ImageModel & { readonly config: unknown }>;

/** A model before its classes are known. */
export interface Trainee {
  /** With the configuration that the recipe and the weights ask for. */
  readonly spec: Spec;
  readonly family: "transformer" | "resnet" | "cifar";
  /** timm's `model_args`: where its sizes differ from the table's. */
  readonly modelArgs: Readonly<Record<string, unknown>>;
  /** Where the weights are from; undefined for random ones. */
  readonly weights: string | undefined;
  /** Where a hybrid's backbone is from, where only that has weights. */
  readonly backbone?: string;
  readonly preprocess: Preprocess;
  /**
   * Builds it for these classes: with the classifier of the weights where that is theirs, in this order; else with a new one. Drop rates
   * and seed are the resolved recipe's, which may have been picked since.
   */
  build(
    classes: readonly string[],
    recipe: Pick<Recipe, "seed" | "drop" | "drop_path">,
    onNote: (line: string) => void,
  ): ImageModel & { readonly config: unknown };
  close(): void;
}

/** Finds model and weights; nothing is built yet, but everything is checked that can be. */
export async function openTrainee(
  recipe: Recipe,
  { offline }: { readonly offline?: boolean | undefined },
  onNote: (line: string) => void,
): Promise<Trainee> {
  const { model, weights, backbone_weights: backbone = "none" } = recipe;
  if (backbone !== "none") return fromBackbone(backbone, recipe, offline, onNote);
  if (model === undefined && (weights === undefined || weights === "none")) {
    throw new UserError('expected a model to train: --model NAME; see "vitrail models"');
  }
  const plain = model !== undefined && !isRepo(model);
  if (plain && weights === undefined && !published(model)) {
    onNote(`--model ${model}: nobody has published weights of it, so it starts from random ones`);
    return fromSpec(modelNamed(model) as unknown as Spec, recipe);
  }
  if (plain && weights === "none") return fromSpec(modelNamed(model) as unknown as Spec, recipe);
  const named = await openNamed({ model, weights, offline }, "--model");
  const { opened } = named;
  const own = named.own as Spec;
  const stated = named.stated as Spec;
  try {
    const spec = changed(stated, recipe);
    const preprocess = preprocessOf(opened.config?.preprocess ?? spec.preprocess, spec, recipe);
    return {
      spec,
      family: familyOf(spec),
      modelArgs: { ...(stated === own ? {} : opened.config?.modelArgs), ...sizesOf(stated, recipe) },
      weights: opened.id,
      preprocess,
      build: (classes, resolved, note) => {
        const others = otherClasses(classes, opened.config?.labels);
        if (others) note(`${spec.name}: ${opened.id} knows ${others}; ${spec.head} is new and untrained`);
        return userError(() =>
          loadModel(stated, opened.tensors, {
            numClasses: classes.length,
            seed: resolved.seed,
            config: withDrops(spec, resolved).config as object,
            onFreshHead: note,
            fresh: (name) => others !== undefined && name.startsWith(`${spec.head}.`),
          }),
        );
      },
      close: () => opened.close(),
    };
  } catch (error) {
    opened.close();
    throw error;
  }
}

function published(model: string): boolean {
  if (model.includes(".") && boxNamed(model)) return true;
  try {
    publishedNamed(model);
    return true;
  } catch (error) {
    modelNamed(model); // a name that is none is an error, a model without weights is not
    if (model.includes(".")) throw error;
    return false;
  }
}

function fromSpec(own: Spec, recipe: Recipe): Trainee {
  const spec = changed(own, recipe);
  return {
    spec,
    family: familyOf(spec),
    modelArgs: sizesOf(own, recipe), // of the table's sizes: whoever opens the run begins with those
    weights: undefined,
    preprocess: preprocessOf(spec.preprocess, spec, recipe),
    build: ({ length }, resolved) =>
      userError(() => createModel(withDrops(spec, resolved), { numClasses: length, seed: resolved.seed ?? 0 })),
    close() {},
  };
}

/** A hybrid over a network that is trained already. */
async function fromBackbone(
  source: string,
  recipe: Recipe,
  offline: boolean | undefined,
  onNote: (line: string) => void,
) {
  const { model, weights = "none" } = recipe;
  if (model === undefined || isRepo(model)) throw new UserError("backbone_weights: of which hybrid? --model NAME");
  const own = modelNamed(model) as unknown as Spec;
  if (!("backbone" in (own.config as object))) throw new UserError(`backbone_weights: ${own.name} has no backbone`);
  if (weights !== "none")
    throw new UserError(`backbone_weights: ${weights} holds the backbone as well; leave one of them out`);
  const opened = await openFrom(source, offline);
  try {
    const trainee = fromSpec(own, { ...recipe, model_kwargs: { ...sizesIn(opened, own), ...recipe.model_kwargs } });
    const { spec } = trainee;
    onNote(`${spec.name}: the backbone is from ${opened.id}, the rest starts from random weights`);
    return {
      ...trainee,
      backbone: opened.id,
      // What the backbone learned from was normalised so.
      preprocess: preprocessOf(opened.config?.preprocess ?? spec.preprocess, spec, recipe),
      build: ({ length }: readonly string[], resolved: Pick<Recipe, "seed" | "drop" | "drop_path">) =>
        userError(() =>
          loadHybrid(
            withDrops(spec, resolved) as never,
            { backbone: opened.tensors },
            { numClasses: length, seed: resolved.seed },
          ),
        ),
      close: () => opened.close(),
    };
  } catch (error) {
    opened.close();
    throw error;
  }
}

/** What a backbone's config.json says of its sizes, as the hybrid's. */
function sizesIn({ config }: Weights, hybrid: Spec): Record<string, unknown> {
  const { backbone } = hybrid.config as { readonly backbone: { readonly name?: string } };
  const fits = config?.modelArgs && `${config.architecture.split(".")[0]}_backbone` === backbone.name;
  return fits ? { backbone: config.modelArgs } : {};
}

/** The weights' classes in words, where they are as many as the data's and not the same ones in the same order. */
function otherClasses(classes: readonly string[], labels: readonly string[] | undefined): string | undefined {
  if (labels === undefined || labels.length !== classes.length) return undefined;
  const at = labels.findIndex((label, i) => label.normalize("NFC") !== classes[i]?.normalize("NFC"));
  if (at < 0) return undefined;
  return `other classes (${at} is ${JSON.stringify(labels[at])}, in the data ${JSON.stringify(classes[at])})`;
}

/** What the recipe says of the model's sizes. */
function sizesOf({ config }: Spec, { img_size, model_kwargs = {} }: Recipe): Record<string, unknown> {
  const sized =
    img_size !== undefined && "imgSize" in (config as object) && img_size !== (config as { imgSize: unknown }).imgSize;
  return { ...model_kwargs, ...(sized ? { img_size } : {}) };
}

/** The spec in the sizes that the recipe says. */
function changed(spec: Spec, recipe: Recipe): Spec {
  const sized = userError(() => withModelArgs(spec, sizesOf(spec, recipe)));
  const { inChans = 3 } = sized.config as { readonly inChans?: number };
  if (inChans === 3) return sized;
  throw new UserError(`in_chans: pictures come with 3 channels, red, green and blue, expected 3, found ${inChans}`);
}

function withDrops(spec: Spec, { drop, drop_path }: Pick<Recipe, "drop" | "drop_path">): Spec {
  return withModelArgs(spec, {
    ...(drop === undefined ? {} : { drop_rate: drop }),
    ...(drop_path === undefined ? {} : { drop_path_rate: drop_path }),
  });
}

function preprocessOf(own: Preprocess, { config }: Spec, recipe: Recipe): Preprocess {
  const { img_size, interpolation, crop_pct, crop_mode, mean, std } = recipe;
  const stated = (config as { imgSize?: number | readonly [number, number] }).imgSize;
  const size = img_size ?? stated;
  const [height, width] = typeof size === "object" ? size : [size, size];
  return {
    ...own,
    ...(height === undefined || width === undefined ? {} : { inputSize: [3, height, width] as const }),
    ...(interpolation ? { interpolation } : {}),
    ...(crop_pct === undefined ? {} : { cropPct: crop_pct }),
    ...(crop_mode ? { cropMode: crop_mode } : {}),
    ...(mean ? { mean: three("mean", mean) } : {}),
    ...(std ? { std: above(three("std", std)) } : {}),
  };
}

function three(name: string, values: readonly number[]): readonly [number, number, number] {
  if (values.length === 3) return values as unknown as readonly [number, number, number];
  throw new UserError(`${name}: expected three numbers (red, green, blue), found ${values.length}`);
}

function above<T extends readonly number[]>(std: T): T {
  if (std.every((value) => value > 0)) return std;
  throw new UserError(`std: expected numbers above 0, found ${std.join(", ")}`);
}

function familyOf({ config }: Spec): Trainee["family"] {
  const keys = config as object;
  return "embedDim" in keys ? "transformer" : "blocks" in keys ? "cifar" : "resnet";
}
