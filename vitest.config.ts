import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { bundleGradients, registerAllGradients } from "./packages/tensor/build/gradients.js";

// Tests run on source: packages export it under this condition, so nothing is built first.
const conditions = ["@vitrail/source"];

/** Vitest takes large files first where it knows no times. These are short and take long: last, they would keep one core waiting. */
const LONG = /\/(int8|photos|full-size)\.test\.ts$/;

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const long = ({ moduleId }: TestSpecification) => LONG.test(moduleId);
    return [...sorted.filter(long), ...sorted.filter((file) => !long(file))];
  }
}

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
    sequence: { sequencer: LongFirst },
    maxWorkers: 2,
  },
}));
