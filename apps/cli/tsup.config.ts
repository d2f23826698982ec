import { library } from "@repo/tsup";

// The demo is for a checkout, where the sample photos are: it is built, not published.
export default library(["src/vitrail.ts", "src/demo.ts"], { dts: false });
