/** What the page and its workers say to each other. */
import type { BoxModel } from "./box-models.ts";

export interface Prediction {
  readonly label: string;
  readonly index: number;
  /** 0 to 1. */
  readonly probability: number;
}

/** Which model: one in the box, files of the user's own, or what the page's address asks for. */
export type Choice =
  | {
      readonly kind: "box";
      /** With the files' addresses in full. */
      readonly model: BoxModel;
    }
  | {
      readonly kind: "files";
      /** What to call them: a folder's name, where one was dropped. */
      readonly name: string;
      /** By the names that a weights folder has. */
      readonly files: ReadonlyMap<string, File>;
    }
  | { readonly kind: "address"; readonly weights: string };

/** The first message to a worker: which model it is for. */
export interface Open {
  readonly kind: "open";
  readonly choice: Choice;
}

export interface Ask {
  readonly kind: "ask";
  readonly id: number;
  readonly name: string;
  readonly bytes: ArrayBuffer;
}

export interface Ready {
  readonly kind: "ready";
  /** The model's name, e.g. `resnet20_cifar`. */
  readonly name: string;
  readonly backend: string;
  readonly reason: string;
  readonly labels: readonly string[];
  /** Learned values. */
  readonly params: number;
  /** Of the checkpoint, as it came; 0 where a cache had it. */
  readonly bytes: number;
}

export type Tell =
  | Ready
  /** Of a model that is fetched: how much of a file is there, 0 to 1. */
  | { readonly kind: "progress"; readonly part: number }
  | { readonly kind: "failed"; readonly message: string }
  | {
      readonly kind: "answer";
      readonly id: number;
      readonly known: boolean;
      readonly predictions: readonly Prediction[];
    }
  | { readonly kind: "error"; readonly id: number; readonly message: string };
