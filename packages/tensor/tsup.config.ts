import { declarations, library } from "@repo/tsup";
import { publicOps } from "./build/gradients.js";

export default library(["src/index.ts"], {
  // All of tfjs stays outside but these files, which can't be imported in plain Node (see src/gradients/tfjs.ts).
  // @vitrail/random comes inside: 2 kB, and whoever installs a model gets no further package.
  noExternal: [/^@tensorflow\/tfjs-core\/dist\//, "@vitrail/random"],
  dts: {
    compilerOptions: { ...declarations.compilerOptions, paths: { "@vitrail/random": ["../random/src/index.ts"] } },
  },
  esbuildPlugins: [publicOps()],
});
