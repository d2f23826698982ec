import { type Tensor, type Tensor2D, type Tensor4D, tidy } from "@vitrail/tensor";
import { type Context, inference } from "./context.ts";
import { collectIntermediates, type ImageModel } from "./model.ts";
import type { Head, Module } from "./module.ts";
import type { ParamStore } from "./params.ts";
import type { Dropout } from "./regularize.ts";

/** What image models do alike: theirs are the layers, `forwardFeatures` and `pool`. `C` is the model's configuration. */
export abstract class ImageNetwork<C> implements ImageModel {
  readonly params: ParamStore;
  readonly config: C;
  abstract readonly numClasses: number;
  abstract readonly numFeatures: number;
  /** Of the pooled features, in training. */
  abstract readonly dropout: Dropout;
  /** From the pooled features to the logits; changes nothing where there is no classifier. */
  abstract readonly classifier: Module;

  constructor(params: ParamStore, config: C) {
    this.params = params;
    this.config = config;
  }

  abstract forwardFeatures(images: Tensor4D, ctx?: Context): Tensor;
  abstract pool(features: Tensor, ctx?: Context): Tensor2D;
  abstract resetHead(head: Head, options?: { readonly seed?: number }): ImageModel;

  /** What `forwardFeatures` gives -> [B, numClasses] logits; with `preLogits` [B, numFeatures], what the classifier sees */
  forwardHead(
    features: Tensor,
    ctx: Context = inference,
    { preLogits = false }: { readonly preLogits?: boolean } = {},
  ): Tensor2D {
    return tidy(() => {
      const y = this.dropout.forward(this.pool(features, ctx), ctx);
      return (preLogits ? y : this.classifier.forward(y, ctx)) as Tensor2D;
    });
  }

  /** [B, H, W, C] images, already normalised -> [B, numClasses] logits */
  forward(images: Tensor4D, ctx: Context = inference): Tensor2D {
    return tidy(() => this.forwardHead(this.forwardFeatures(images, ctx), ctx));
  }

  intermediates(images: Tensor4D, names: readonly string[]): Record<string, Tensor> {
    return collectIntermediates((ctx) => this.forward(images, ctx), names);
  }

  dispose(): void {
    this.params.dispose();
  }
}
