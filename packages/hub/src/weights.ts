import type { Checkpoint, CheckpointTensor } from "@vitrail/checkpoint";
import type { WeightsConfig } from "./config.ts";

/** Weights whose parts are named one by one: where the two lie apart, or are in memory. */
export interface WeightsSource {
  /** The checkpoint: a path (Node) or URL, or its bytes. */
  readonly model: string | URL | Uint8Array;
  /** timm's `config.json`: a path (Node) or URL, its bytes, or the object in it. */
  readonly config?: string | URL | Uint8Array | Readonly<Record<string, unknown>>;
  /** What to call these weights; the place of the checkpoint unless given. */
  readonly id?: string;
}

/** How weights are opened. Files need none of it, but an aborted signal stops them too. */
export interface OpenOptions {
  /** In place of the global `fetch`. */
  readonly fetch?: (url: URL, init: { signal?: AbortSignal }) => Promise<Response>;
  readonly signal?: AbortSignal;
  /** Called as bytes of the checkpoint arrive; `total` is undefined where the server does not say it. */
  readonly onProgress?: (progress: { url: string; loaded: number; total: number | undefined }) => void;
}

/** A checkpoint that is open, and what its folder says about it. */
export interface Weights {
  /** What to call them in a message: the source as it was given. */
  readonly id: string;
  /** `undefined` for a bare file, and for a folder without `config.json`. */
  readonly config: WeightsConfig | undefined;
  /** Names to tensors; each tensor's bytes are read when it is used. Fits the `StateDict` of `@vitrail/tensor`. */
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
  /** What the checkpoint says about itself. */
  readonly metadata: Readonly<Record<string, string>> | undefined;
  readonly format: Checkpoint["format"];
  /** The paths or URLs that were opened; empty for bytes. */
  readonly files: readonly string[];
  /** Closes the files. Tensors can't be read after that. */
  close(): void;
}

export function toWeights(
  id: string,
  config: WeightsConfig | undefined,
  checkpoint: Checkpoint,
  files: readonly string[],
): Weights {
  const { tensors, metadata, format } = checkpoint;
  return { id, config, tensors, metadata, format, files, close: () => checkpoint.close() };
}
