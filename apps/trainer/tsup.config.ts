import { library } from "@repo/tsup";

// What it shares with the command (the models' table, how pictures are divided) goes in from the command's source.
export default library(["src/main.ts"], { dts: false });
