import { library } from "@repo/tsup";

const dts = { compilerOptions: { customConditions: [], composite: false } };

// Two builds: package.json's "imports" give each platform its own host.
export default [
  library(["src/index.ts", "src/worker.js"], { dts: { entry: ["src/index.ts", "src/browser.ts"], ...dts } }),
  library(["src/browser.ts", "src/worker-browser.js"], {
    platform: "browser",
    clean: false,
    dts: false,
    external: [/^onnxruntime-web/],
  }),
];
