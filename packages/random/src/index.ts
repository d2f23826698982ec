/**
 * Seeded random numbers, a pure function of seed, path and position.
 * @module
 */
export { createRng, type Rng } from "./rng.ts";
