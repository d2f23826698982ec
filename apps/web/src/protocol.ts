/** What the page and its worker say to each other. */
export interface Prediction {
  readonly label: string;
  readonly index: number;
  /** 0 to 1. */
  readonly probability: number;
}

export interface Ask {
  readonly id: number;
  readonly name: string;
  readonly bytes: ArrayBuffer;
}

export type Tell =
  | { readonly kind: "ready"; readonly backend: string; readonly reason: string; readonly labels: readonly string[] }
  | { readonly kind: "failed"; readonly message: string }
  | {
      readonly kind: "answer";
      readonly id: number;
      readonly known: boolean;
      readonly predictions: readonly Prediction[];
    }
  | { readonly kind: "error"; readonly id: number; readonly message: string };
