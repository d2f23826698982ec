import type { CheckpointTensor } from "./tensor.ts";

/** A checkpoint that is open: names to tensors, in the file's order. Nothing of the tensors is in memory yet. */
export interface Checkpoint {
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
  /** What the file says about itself; `undefined` where it says nothing. */
  readonly metadata: Readonly<Record<string, string>> | undefined;
  readonly format: "safetensors";
  /** Closes the storages beneath. Tensors can't be read after that. */
  close(): void;
}
