/**
 * A saved state as two safetensors files, and back: the weights as any reader of checkpoints wants them (torch's names, shapes and
 * layout), and beside them what the optimiser remembers. Both carry the run's progress, which says whether they belong together.
 */
import { type Checkpoint, type CheckpointTensor, encodeSafetensors, type TensorSource } from "@vitrail/checkpoint";
import { invertPermutation, type ParamStore, permuteShape, permuteValues } from "@vitrail/layers";
import { TrainError } from "../fit/errors.ts";
import type { Saved } from "../fit/options.ts";
import { type Progress, startOfRun } from "../fit/progress.ts";
import type { Values } from "../fit/weights.ts";

type Value = Values[string];

/** Where a parameter's axes go: undefined where they stay. */
type PermuteOf = (name: string) => readonly number[] | undefined;

const permuteOf = (params: ParamStore): PermuteOf => {
  const named = params.named();
  return (name) => named.get(name)?.permute;
};

const toSource = ({ shape, data }: Value, permute: readonly number[] | undefined): TensorSource => {
  if (!permute) return { shape, float32: () => data };
  const back = invertPermutation(permute);
  return { shape: permuteShape(shape, back), float32: () => permuteValues(data, shape, back) };
};

/** A checkpoint's tensor in tfjs's layout. */
export function toValue(tensor: CheckpointTensor, permute: readonly number[] | undefined): Value {
  const data = tensor.float32();
  // A view into a whole file would keep the file in memory.
  const own = permute ? permuteValues(data, tensor.shape, permute) : data.slice();
  return { shape: permuteShape(tensor.shape, permute), data: own };
}

/** Weights by name, as a checkpoint's tensors. */
export function weightsFile(
  weights: Values,
  params: ParamStore,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array {
  const permute = permuteOf(params);
  const tensors = Object.entries(weights).map(([name, value]): [string, TensorSource] => [
    name,
    toSource(value, permute(name)),
  ]);
  return encodeSafetensors(tensors, { metadata: { format: "pt", ...metadata } });
}

/** `[weights, optimiser]` of a state. */
export function encodeSaved({ progress, state }: Saved, params: ParamStore): readonly [Uint8Array, Uint8Array] {
  const permute = permuteOf(params);
  const metadata = { "vitrail.steps": String(state.steps), "vitrail.progress": JSON.stringify(progress) };
  const weights: Record<string, Value> = {};
  const slots: [string, TensorSource][] = [];
  for (const [key, value] of Object.entries(state.values)) {
    const [kind, name] = splitKey(key);
    if (kind === "param") weights[name] = value;
    else slots.push([key, toSource(value, permute(name))]);
  }
  return [weightsFile(weights, params, metadata), encodeSafetensors(slots, { metadata })];
}

/** `SLOT:NAME` -> its parts. */
function splitKey(key: string): [string, string] {
  const at = key.indexOf(":");
  return [key.slice(0, at), key.slice(at + 1)];
}

/** The progress that a file carries; undefined where it is none of ours. */
export const progressOf = ({ metadata }: Checkpoint): string | undefined => metadata?.["vitrail.progress"];

/**
 * A state from its two files.
 * @throws TrainError "bad-checkpoint" where they are not a run's
 */
export function decodeSaved(weights: Checkpoint, optimizer: Checkpoint, params: ParamStore, folder: string): Saved {
  const [text, steps] = [progressOf(weights), Number(weights.metadata?.["vitrail.steps"])];
  if (text === undefined || !Number.isSafeInteger(steps)) {
    throw new TrainError("bad-checkpoint", `${folder}: last.safetensors says nothing of the run it is from`);
  }
  const named = params.named();
  const values: Record<string, Value> = {};
  const read = (prefix: string, from: Checkpoint) => {
    for (const [key, tensor] of from.tensors) {
      const name = prefix === "" ? splitKey(key)[1] : key;
      values[`${prefix}${key}`] = toValue(tensor, named.get(name)?.permute);
    }
  };
  read("param:", weights);
  read("", optimizer);
  return { progress: parseProgress(text, folder), state: { steps, values } };
}

function parseProgress(text: string, folder: string): Progress {
  try {
    const found = JSON.parse(text) as Progress;
    const whole = [found.epoch, found.batch, found.updates].every((n) => Number.isSafeInteger(n) && n >= 0);
    if (whole && Array.isArray(found.history) && Object.keys(startOfRun).every((key) => key in found)) return found;
  } catch {
    // no JSON: as below
  }
  throw new TrainError("bad-checkpoint", `${folder}: last.safetensors carries no progress that can be read`);
}
