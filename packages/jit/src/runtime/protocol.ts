/** What goes between the caller's thread and the worker that owns a session. */

/** A tensor on its way: `data`'s buffer is transferred. */
export interface HostTensor {
  readonly type: "float32" | "int32" | "bool" | "int64";
  readonly dims: readonly number[];
  readonly data: Float32Array | Int32Array | Uint8Array | BigInt64Array;
}

export type HostTensors = Readonly<Record<string, HostTensor>>;

/** Which runtime, and how it is to run. */
export interface RuntimeChoice {
  readonly engine: "ort" | "ort-web";
  /** 0: the runtime's own choice. */
  readonly threads: number;
  readonly providers: readonly string[];
  /** In browsers, where the runtime's files are. */
  readonly wasmPaths?: string;
}

export interface OpenRequest extends RuntimeChoice {
  readonly kind: "open";
  readonly model: Uint8Array;
  readonly weights?: Uint8Array;
  readonly weightsName?: string;
  /** Training state by input name. */
  readonly initial?: HostTensors;
  /** State input -> the output that is its next value. */
  readonly carry?: Readonly<Record<string, string>>;
  /** The second half of a step (step-phases.ts). */
  readonly update?: {
    readonly model: Uint8Array;
    /** State whose next value is written where it lies. */
    readonly inPlace: readonly string[];
  };
}

export type Request =
  | OpenRequest
  /** Loads the runtime, and nothing else. */
  | (RuntimeChoice & { readonly kind: "warm" })
  /** Runs a model of its own, once, without a session that stays. */
  | (RuntimeChoice & { readonly kind: "once"; readonly model: Uint8Array; readonly feeds: HostTensors })
  | { readonly kind: "run"; readonly feeds: HostTensors }
  /** `guard`: outputs of the first half that must be finite, else the state stays as it was. */
  | { readonly kind: "step"; readonly feeds: HostTensors; readonly guard: readonly string[] }
  | { readonly kind: "pull"; readonly names?: readonly string[] }
  | { readonly kind: "push"; readonly values: HostTensors }
  | { readonly kind: "close" };

export interface StepReply {
  readonly outputs: HostTensors;
  readonly finite: boolean;
}
