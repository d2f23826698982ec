import { library } from "@repo/tsup";

export default library(["src/index.ts", "src/worker.js"], {
  dts: { entry: ["src/index.ts"], compilerOptions: { customConditions: [], composite: false } },
});
