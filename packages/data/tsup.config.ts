import { library } from "@repo/tsup";

export default library([
  "src/index.ts",
  "src/browser.ts",
  "src/worker.ts",
  "src/loader/worker.ts",
  "src/datasets/examine-worker.ts",
]);
