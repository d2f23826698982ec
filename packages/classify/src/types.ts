import type { Image } from "@vitrail/data";
import type { ImageModel, Preprocess } from "@vitrail/layers";
import type { BackendReport } from "@vitrail/tensor";
import type { EngineInfo } from "./engine.ts";

/** What a browser's canvas gives: RGBA, 8 bits, row by row. Alpha is dropped, not multiplied in. */
export interface ImageDataLike {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray;
}

/** What can be read asynchronously as bytes: a `Blob`, a `File`, a `Response`. */
export interface BlobLike {
  arrayBuffer(): Promise<ArrayBuffer>;
}

/**
 * A photo: a path or address, a URL (`file:` too), the bytes of a JPEG, PNG, WebP, AVIF, GIF or TIFF file, a Blob, or decoded
 * pixels (`Image` is RGB, `ImageData` is RGBA). In browsers a string is an address, relative to the page.
 */
export type Photo = string | URL | Uint8Array | ArrayBuffer | BlobLike | Image | ImageDataLike;

/** One class and how probable the model holds it: a softmax over all classes, between 0 and 1. */
export interface Prediction {
  readonly label: string;
  readonly index: number;
  readonly probability: number;
}

/** How photos are decoded and batched. */
export interface PhotoOptions {
  /** A photo with more pixels than this is refused before it is decoded. Default 178,956,970, as in Pillow. */
  readonly maxPixels?: number;
  /** Turn the photo as its EXIF data say. Default true; Python's libraries do not. */
  readonly orientation?: boolean;
  /** Apply an embedded ICC profile. Default false: the stored values count, as in Pillow. */
  readonly icc?: boolean;
  /** Photos in one forward pass. The default suits the backend and the model's input size. */
  readonly batchSize?: number;
}

/** Settings of one `classify` call. */
export interface ClassifyOptions extends PhotoOptions {
  /** How many classes, best first. More than the model has gives all of them. Default 5. */
  readonly top?: number;
}

/** What the model says about one photo. */
export interface Answer {
  readonly predictions: readonly Prediction[];
  /**
   * Whether the photo looks like anything that the model was trained on, from the open-set threshold that travels with the weights
   * (`vitrail.open_set` in config.json); undefined where they carry none.
   */
  readonly known: boolean | undefined;
}

/** What became of one photo of {@link Classifier.each}: an answer, or the error that this photo gave. */
export type Outcome =
  | (Answer & { readonly photo: Photo; readonly error?: undefined })
  | { readonly photo: Photo; readonly error: Error; readonly predictions?: undefined; readonly known?: undefined };

/**
 * A model with its weights, preprocessing and labels. Calls may overlap; none of them leaves a tensor behind, also after an error.
 * Only {@link Classifier.dispose} frees the weights.
 */
export interface Classifier {
  /** The model's name, e.g. `vit_tiny_patch16_224`. */
  readonly name: string;
  /** To compute with it yourself, call `useBackend` of `@vitrail/tensor` first: ONNX Runtime needs no tfjs backend, and none is started. */
  readonly model: ImageModel;
  /** The class names, by index. */
  readonly labels: readonly string[];
  /** Of engine tfjs: the backend, and why it was chosen. */
  readonly report: BackendReport | undefined;
  /** What runs the forward pass, and why. */
  readonly engine: EngineInfo;
  /** One photo: its best classes. Several photos: the same for each, in their order; one that fails rejects the call and is named. */
  classify(photo: Photo, options?: ClassifyOptions): Promise<readonly Prediction[]>;
  classify(photos: readonly Photo[], options?: ClassifyOptions): Promise<readonly (readonly Prediction[])[]>;
  /** Like `classify` for one photo, and says whether the photo looks like any of the classes at all. */
  examine(photo: Photo, options?: ClassifyOptions): Promise<Answer>;
  /** Any number of photos, one outcome each, in their order: a photo that fails gives its error and the rest go on. */
  each(photos: Iterable<Photo>, options?: ClassifyOptions): AsyncGenerator<Outcome, void, undefined>;
  /** Frees the weights at once, then ends the threads that prepare photos. Calls that still run, and later ones, fail. */
  dispose(): Promise<void>;
}

/** What became of one photo of {@link Embedder.each}: its features, or the error that this photo gave. */
export type EmbedOutcome =
  | { readonly photo: Photo; readonly embedding: Float32Array; readonly error?: undefined }
  | { readonly photo: Photo; readonly error: Error; readonly embedding?: undefined };

/**
 * A model without its classifier, with its weights and preprocessing: photos to pooled features, what timm's model gives with
 * `num_classes=0`. Calls may overlap; none of them leaves a tensor behind, also after an error. Only {@link Embedder.dispose} frees
 * the weights.
 */
export interface Embedder {
  /** The model's name, e.g. `vit_tiny_patch16_224`. */
  readonly name: string;
  /** As {@link Classifier.model}; its answer is the features. */
  readonly model: ImageModel;
  /** Numbers of a photo's features. */
  readonly width: number;
  readonly preprocess: Preprocess;
  /** Of engine tfjs: the backend, and why it was chosen. */
  readonly report: BackendReport | undefined;
  /** What runs the forward pass, and why. */
  readonly engine: EngineInfo;
  /** One photo: its features. Several photos: the same for each, in their order; one that fails rejects the call and is named. */
  embed(photo: Photo, options?: PhotoOptions): Promise<Float32Array>;
  embed(photos: readonly Photo[], options?: PhotoOptions): Promise<Float32Array[]>;
  /** Any number of photos, one outcome each, in their order: a photo that fails gives its error and the rest go on. */
  each(photos: Iterable<Photo>, options?: PhotoOptions): AsyncGenerator<EmbedOutcome, void, undefined>;
  /** Frees the weights at once, then ends the threads that prepare photos. Calls that still run, and later ones, fail. */
  dispose(): Promise<void>;
}
