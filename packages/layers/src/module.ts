import type { Tensor } from "@vitrail/tensor";
import { type Context, inference } from "./context.ts";
import type { ParamStore, Params } from "./params.ts";

/** Anything that maps a tensor to a tensor: every layer here, a head, a whole model. Structural: nothing to extend. */
export interface Module {
  // A method, so that a layer for tensors of one rank is a Module too.
  forward(x: Tensor, ctx?: Context): Tensor;
  /** What it learns. A model that takes the module in trains and saves these with its own. */
  readonly params?: ParamStore;
}

/**
 * What `resetHead` takes: a number of classes for a new linear layer (0: none, the pooled features are the answer), a
 * function that builds a module from the parameters of the new model's head, or a module that exists already.
 */
export type Head = number | Module | ((params: Params, numFeatures: number) => Module);

/** Does nothing. */
export class Identity {
  forward<T extends Tensor>(x: T): T {
    return x;
  }
}

/** Modules one after another. */
export class Sequential {
  readonly modules: readonly Module[];

  constructor(...modules: readonly Module[]) {
    this.modules = modules;
  }

  forward(x: Tensor, ctx: Context = inference): Tensor {
    return this.modules.reduce((y, module) => module.forward(y, ctx), x);
  }
}
