import { library } from "@repo/tsup";

export default library(["src/index.ts", "src/browser.ts"]);
