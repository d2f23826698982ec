import { library } from "@repo/tsup";
import { publicOps } from "./build/gradients.js";

export default library(["src/index.ts"], {
  // All of tfjs stays outside but these files, which can't be imported in plain Node (see src/gradients/tfjs.ts).
  noExternal: [/^@tensorflow\/tfjs-core\/dist\//],
  esbuildPlugins: [publicOps()],
});
