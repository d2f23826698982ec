/** The two builds of ONNX Runtime: `ort` is onnxruntime-node, `ort-web` onnxruntime-web. */
export type Runtime = "ort" | "ort-web";

/** What a worker says: an answer to the request of that number. */
export interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: { readonly message: string };
}

/** A worker, whatever the platform calls it. */
export interface Thread {
  post(message: object, transfer: ArrayBuffer[]): void;
  /** `onEnd` is told why, once the thread is gone. */
  listen(onMessage: (answer: Answer) => void, onEnd: (why: string) => void): void;
  /** Whether the thread keeps the process alive. */
  hold(busy: boolean): void;
  terminate(): Promise<void>;
}

/** A provider on a graphics processor that "auto" tries, and why it cannot be tried. */
export interface GpuProvider {
  readonly name: "cuda" | "dml";
  readonly absence: string | undefined;
}
