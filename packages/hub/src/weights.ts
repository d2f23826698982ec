import { type Checkpoint, type TimmCheckpoint, toTimmNames } from "@vitrail/checkpoint";
import type { WeightsConfig } from "./config.ts";

/** Weights whose parts are named one by one: where the two lie apart, or are in memory. */
export interface WeightsSource {
  /** The checkpoint: a path (Node) or URL, or its bytes. */
  readonly model: string | URL | Uint8Array;
  /** timm's `config.json`: a path (Node) or URL, its bytes, or the object in it. */
  readonly config?: string | URL | Uint8Array | Readonly<Record<string, unknown>>;
  /** SHA-256 of the checkpoint, 64 hexadecimal digits: other bytes from its URL are refused. */
  readonly sha256?: string;
  /** What to call these weights; the place of the checkpoint unless given. */
  readonly id?: string;
}

/** Pretrained weights as a model's own table names them, e.g. `resnet50.weights.a1_in1k`. */
export interface PublishedWeights {
  readonly hubId: string;
}

/** Where weights come from: a name on the hub, a path or a weights package (Node), an address, the parts, or an entry of a model's table. */
export type WeightsInput = string | URL | WeightsSource | PublishedWeights;

/** How far a download is. */
export interface DownloadProgress {
  /** Where the file comes from. */
  readonly url: string;
  /** Its name in the repository or folder. */
  readonly file: string;
  /** Bytes so far, those of an earlier try included. */
  readonly loaded: number;
  /** Undefined where the server does not say it. */
  readonly total: number | undefined;
}

/** How weights are opened. Local files need none of it, but an aborted signal stops them too. */
export interface OpenOptions {
  /** In place of the platform's own. In Node redirects are followed by this package, so it must leave them alone where asked. */
  readonly fetch?: (
    url: URL,
    init: { method?: string; headers?: Record<string, string>; redirect?: "manual" | "follow"; signal?: AbortSignal },
  ) => Promise<Response>;
  readonly signal?: AbortSignal;
  /** Called as bytes arrive. */
  readonly onProgress?: (progress: DownloadProgress) => void;
  /** The hub. Default: HF_ENDPOINT, else https://huggingface.co. */
  readonly endpoint?: string;
  /** Says who asks; false asks as nobody. Default in Node: HF_TOKEN, else the token file. It is sent to the hub's own host only. */
  readonly token?: string | false;
  /** Never asks the network: what is not in the cache is an error. Default in Node: HF_HUB_OFFLINE. */
  readonly offline?: boolean;
  /** Asks the hub whether a revision has moved, also where it is in the cache. */
  readonly refresh?: boolean;
  /** Node: the folder of the cache. Default: HF_HUB_CACHE, else HF_HOME/hub, else ~/.cache/huggingface/hub. */
  readonly cacheDir?: string;
  /** Node: milliseconds until a connection stands. Default: 10,000, or HF_HUB_ETAG_TIMEOUT. */
  readonly connectTimeout?: number;
  /** Node: milliseconds without a byte after which a connection counts as lost. Default: 20,000, or HF_HUB_DOWNLOAD_TIMEOUT. */
  readonly stallTimeout?: number;
  /** How often a failed request is repeated (429, 5xx, lost connections). Default: 4. */
  readonly retries?: number;
  /** Milliseconds before the first repetition; each further one waits twice as long, up to 8 s. Default: 500. */
  readonly retryDelay?: number;
  /**
   * Which part of a torch file to take, e.g. `"state_dict"`. Unless given, the first that is there of `state_dict_ema`,
   * `model_ema`, `state_dict` and `model`, as timm does, else all of the file.
   */
  readonly part?: string;
  /** Node: where a weights package is looked for first, a module's `import.meta.url`: only who depends on a package may see it. */
  readonly from?: string | URL;
  /** Names to offer where one is not on the hub. */
  readonly names?: Iterable<string>;
}

/**
 * A checkpoint that is open, whose tensors have timm's names whatever library wrote it, and what its folder says about it.
 * `tensors` fits the `StateDict` of `@vitrail/tensor`; each tensor's bytes are read when it is used.
 */
export interface Weights extends TimmCheckpoint {
  /** What to call them in a message: the source as it was given. */
  readonly id: string;
  /** `undefined` for a bare file, and for a folder without `config.json`. */
  readonly config: WeightsConfig | undefined;
  /** The paths or URLs that were opened; empty for bytes. */
  readonly files: readonly string[];
}

export function toWeights(
  id: string,
  config: WeightsConfig | undefined,
  checkpoint: Checkpoint,
  files: readonly string[],
): Weights {
  try {
    return { ...toTimmNames(checkpoint, { name: files[0] }), id, config, files };
  } catch (error) {
    checkpoint.close();
    throw error;
  }
}
