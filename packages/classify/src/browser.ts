/**
 * Photos to labels in a browser: the same as in Node without its file system and without sharp. A string is an address.
 * @module
 */
import { decode, evalTransform } from "@vitrail/data";
import type { Preprocess } from "@vitrail/layers";
import { type ClassifierOptions, createClassifierOn, createEmbedderOn } from "./create.ts";
import { open } from "./photo.ts";
import type { Preprocessor } from "./rows.ts";
import type { Classifier, Embedder } from "./types.ts";

export type { ClassifierOptions } from "./create.ts";
export * from "./shared.ts";

/** Makes a classifier; see the entry for Node. Run it in a worker, so that the page stays alive during a forward pass. */
export function createClassifier(options: ClassifierOptions): Promise<Classifier> {
  return createClassifierOn(preprocessor, options);
}

/** Makes an embedder; see the entry for Node. */
export function createEmbedder(options: ClassifierOptions): Promise<Embedder> {
  return createEmbedderOn(preprocessor, options);
}

function preprocessor(preprocess: Preprocess): Preprocessor {
  const transform = evalTransform(preprocess);
  return {
    ahead: 1,
    async prepare(photo, options) {
      const opened = await open(photo);
      return transform("bytes" in opened ? await decode(opened.bytes, { ...options, name: opened.name }) : opened);
    },
    async dispose() {},
  };
}
