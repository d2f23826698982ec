/**
 * tfjs's own gradients. In plain Node `@tensorflow/tfjs-core` resolves to a build that registers none, and this file
 * cannot be imported there as it is (no file extensions inside), so our build bundles it: see tsup.config.ts.
 * Its registry lives on `globalThis`, so the copy registers into the engine that everybody uses.
 */
import "@tensorflow/tfjs-core/dist/register_all_gradients.js";

/** Keeps bundlers from dropping the module: what it does is done by importing it. */
export const registered = true;
