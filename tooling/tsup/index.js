import { defineConfig } from "tsup";

/** How declarations are made. Whether types are right, `typecheck` says, of all packages at once. */
export const declarations = { compilerOptions: { customConditions: [], composite: false, noCheck: true } };

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
