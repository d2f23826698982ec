import type { EngineChoice } from "../engine-choice.ts";
import { say } from "../io.ts";
import { plain } from "../user-error.ts";

/** The options of `vitrail train`. */
export interface TrainCommand extends EngineChoice {
  readonly data?: string;
  readonly val?: string;
  readonly model?: string;
  readonly weights?: string;
  readonly backboneWeights?: string;
  readonly offline?: boolean;
  readonly recipe?: string;
  readonly set?: readonly string[];
  readonly epochs?: number;
  readonly mode?: "full" | "linear" | "partial" | "lora";
  readonly imageSize?: number;
  readonly batchSize?: number;
  readonly lr?: number;
  readonly out?: string;
  readonly resume?: boolean;
  readonly saveEvery?: number;
  /** Names with commas between. */
  readonly classes?: string;
  readonly limit?: number;
  readonly seed?: number;
  readonly onBad: "skip" | "fail";
  readonly json?: boolean;
}

/** `vitrail train`: 0 once all is trained, 130 where it was stopped and saved. */
export async function train(options: TrainCommand): Promise<number> {
  const { runTraining } = await import("../train/run.ts");
  return runTraining(options, (line) => say(plain(line)));
}
