import { defineConfig } from "tsup";

/** How declarations are made. */
export const declarations = { compilerOptions: { customConditions: [], composite: false } };

/** The one build preset: ESM, source maps, declarations; a package's tsup.config.ts is two lines. */
export const library = (entry = ["src/index.ts"], overrides = {}) =>
  defineConfig({
    entry,
    format: ["esm"],
    target: "es2022",
    dts: declarations,
    sourcemap: true,
    clean: true,
    treeshake: true,
    splitting: true,
    ...overrides,
  });
