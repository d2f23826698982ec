import type { CheckpointTensor } from "./tensor.ts";

/** A checkpoint that is open: names to tensors, in the file's order. Nothing of the tensors is in memory yet. */
export interface Checkpoint {
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
  /** What the file says about itself; `undefined` where it says nothing. */
  readonly metadata: Readonly<Record<string, string>> | undefined;
  /** `torch`: the zip archive of `torch.save`; `torch-legacy`: its file of before 1.6. */
  readonly format: "safetensors" | "torch" | "torch-legacy" | "npz" | "npy";
  /** The key of the part of a torch file that the tensors are from, such as `state_dict_ema`; undefined for all of it. */
  readonly part?: string | undefined;
  /** What was decided or left out, a sentence each: what to tell a user. */
  readonly notes: readonly string[];
  /** Entries that make no tensor, such as numpy's object arrays: names to reasons. */
  readonly refused: ReadonlyMap<string, string>;
  /** The globals that a torch file's pickle names, such as `torch._utils._rebuild_tensor_v2`. None was imported or called. */
  readonly globals: readonly string[];
  /** Closes the storages beneath. Tensors can't be read after that. */
  close(): void;
}
