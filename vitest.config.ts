import { defineConfig } from "vitest/config";
import { bundleGradients, registerAllGradients } from "./packages/tensor/build/gradients.js";

// Tests run on source: packages export it under this condition, so nothing is built first.
const conditions = ["@vitrail/source"];

export default defineConfig(async () => ({
  resolve: {
    conditions,
    alias: {
      "@repo/testing": new URL("./tooling/testing/src/index.ts", import.meta.url).pathname,
      [registerAllGradients]: await bundleGradients(),
    },
  },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: [
      "packages/*/src/**/*.test.ts",
      "apps/*/src/**/*.test.ts",
      "apps/*/test/**/*.test.ts",
      "tooling/*/**/*.test.ts",
    ],
    exclude: ["**/node_modules/**", "**/dist/**"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: "forks",
    maxWorkers: 2,
  },
}));
