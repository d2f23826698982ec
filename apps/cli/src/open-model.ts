import { openWeights, type Weights, type WeightsInput } from "@vitrail/hub";
import { hostTensors } from "@vitrail/jit";
import {
  createModel,
  type ImageModel,
  loadModel,
  type ModelSpec,
  type Preprocess,
  withStatedArgs,
} from "@vitrail/layers";
import { boxNamed } from "./box.ts";
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
  /** Where the weights are from; undefined for random ones. */
  readonly weights: string | undefined;
  /** The classes in the order of the logits, where the weights say them. */
  readonly labels: readonly string[] | undefined;
}

type Spec = ModelSpec<unknown, ImageModel>;

/** Opens a model with its weights. */
export async function openModel({ model, weights, offline }: OpenModel): Promise<OpenedModel> {
  if (weights === "none") {
    if (model === undefined) throw new UserError("--weights none needs a model: which one is it?");
    const spec = modelNamed(model) as Spec;
    const built = hostTensors(() => createModel(spec));
    return { name: spec.name, model: built, preprocess: spec.preprocess, weights: undefined, labels: undefined };
  }
  const { opened, stated: spec } = await openNamed({ model, weights, offline }, "model");
  try {
    const stated = opened.config?.numClasses;
    const sized = stated === undefined ? spec : { ...spec, config: spec.withClasses(spec.config, stated) };
    const built = hostTensors(() => loadModel(sized, opened.tensors));
    return {
      name: spec.name,
      model: built,
      preprocess: opened.config?.preprocess ?? spec.preprocess,
      weights: opened.id,
      labels: opened.config?.labels,
    };
  } finally {
    opened.close();
  }
}

/** Open weights and the model that they are of. */
export interface Named {
  readonly opened: Weights;
  /** The table's. */
  readonly own: Spec;
  /** With the sizes that the weights' config.json states. */
  readonly stated: Spec;
}

/**
 * Opens what the command line names, and finds the model: the one that it says, else what config.json does.
 *
 * @param where what to call the name of the model in messages
 */
export async function openNamed({ model, weights, offline }: OpenModel, where: string): Promise<Named> {
  const opened = await openFrom(sourceOf(model, weights), offline);
  try {
    const named = model !== undefined && !isRepo(model) ? model : undefined;
    const architecture = named ?? opened.config?.architecture;
    if (architecture === undefined) {
      throw new UserError(
        `${opened.id} has no config.json that names its architecture: say which model it is (--model NAME)`,
      );
    }
    const own = modelNamed(architecture, named === undefined ? opened.id : where) as Spec;
    return { opened, own, stated: userError(() => withStatedArgs(own, opened.config)) };
  } catch (error) {
    opened.close();
    throw error;
  }
}

/** Opens weights, with a bar while they are fetched. */
export async function openFrom(source: WeightsInput, offline: boolean | undefined): Promise<Weights> {
  const fetched = fetching({ offline }, checkpointNames());
  return openWeights(source, fetched).finally(fetched.done);
}

/** What a model says of a configuration that cannot be is the user's to read. */
export function userError<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof RangeError) throw new UserError(error.message);
    throw error;
  }
}

/** What `openWeights` is to open. */
function sourceOf(model: string | undefined, weights: string | undefined) {
  if (weights !== undefined) return weights;
  if (model === undefined)
    throw new UserError(`expected a model; there are ${Object.keys(models).length}: see "vitrail models"`);
  if (isRepo(model)) return model;
  return boxNamed(model)?.id ?? publishedNamed(model, "model");
}
