import { library } from "@repo/tsup";

export default library(["src/vitrail.ts"], { dts: false });
