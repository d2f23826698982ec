import { declarations, library } from "@repo/tsup";

// Two builds: package.json's "imports" give each platform its own host.
export default [
  library(["src/index.ts", "src/worker.js"], { dts: { entry: ["src/index.ts", "src/browser.ts"], ...declarations } }),
  library(["src/browser.ts", "src/worker-browser.js"], {
    platform: "browser",
    clean: false,
    dts: false,
    external: [/^onnxruntime-web/],
  }),
];
