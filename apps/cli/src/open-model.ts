import { openWeights } from "@vitrail/hub";
import { hostTensors } from "@vitrail/jit";
import { createModel, type ImageModel, loadModel, type ModelSpec, type Preprocess } from "@vitrail/layers";
import { BOX_MODEL, boxFolder } from "./box.ts";
import { fetching } from "./fetching.ts";
import { checkpointNames, isRepo, modelNamed, models, publishedNamed } from "./models-table.ts";
import { UserError } from "./user-error.ts";

/** Which model, as asked on the command line. */
export interface OpenModel {
  /** A model of the table, or a checkpoint of it. */
  readonly model?: string | undefined;
  /** What `openWeights` of `@vitrail/hub` takes; `none` for random ones; undefined for the model's own. */
  readonly weights?: string | undefined;
  readonly offline?: boolean | undefined;
}

/** A model without a classifier around it. Its parameters are on the host: no tfjs backend has seen them. */
export interface OpenedModel {
  readonly name: string;
  readonly model: ImageModel;
  readonly preprocess: Preprocess;
}

type Spec = ModelSpec<unknown, ImageModel>;

/** Opens a model with its weights. */
export async function openModel({ model, weights, offline }: OpenModel): Promise<OpenedModel> {
  if (weights === "none") {
    if (model === undefined) throw new UserError("--weights none needs a model: which one is it?");
    const spec = modelNamed(model) as Spec;
    return { name: spec.name, model: hostTensors(() => createModel(spec)), preprocess: spec.preprocess };
  }
  const fetched = fetching({ offline }, checkpointNames());
  try {
    const opened = await openWeights(sourceOf(model, weights), fetched);
    try {
      const named = model !== undefined && !isRepo(model) ? model : opened.config?.architecture;
      if (named === undefined) {
        throw new UserError(`${opened.id} has no config.json that names its architecture: say which model it is`);
      }
      const spec = modelNamed(named, model === undefined ? opened.id : "model") as Spec;
      const stated = opened.config?.numClasses;
      const sized = stated === undefined ? spec : { ...spec, config: spec.withClasses(spec.config, stated) };
      const built = hostTensors(() => loadModel(sized, opened.tensors));
      return { name: spec.name, model: built, preprocess: opened.config?.preprocess ?? spec.preprocess };
    } finally {
      opened.close();
    }
  } finally {
    fetched.done();
  }
}

/** What `openWeights` is to open. */
export function sourceOf(model: string | undefined, weights: string | undefined) {
  if (weights !== undefined) return weights;
  if (model === undefined)
    throw new UserError(`expected a model; there are ${Object.keys(models).length}: see "vitrail models"`);
  if (isRepo(model)) return model;
  return model === BOX_MODEL ? boxFolder() : publishedNamed(model, "model");
}
