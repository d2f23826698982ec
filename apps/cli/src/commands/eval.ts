import type { Precision } from "@vitrail/jit";
import type { EngineChoice } from "../engine-choice.ts";
import { say } from "../io.ts";
import { plain } from "../user-error.ts";

/** The options of `vitrail eval`. */
export interface EvalCommand extends EngineChoice {
  readonly data: string;
  readonly model?: string;
  readonly weights?: string;
  readonly offline?: boolean;
  readonly split?: string;
  /** Names with commas between. */
  readonly classes?: string;
  readonly limit?: number;
  readonly seed: number;
  readonly onBad: "skip" | "fail";
  readonly precision?: Precision;
  /** A folder of photos to calibrate int8 on. */
  readonly calibrate?: string;
  readonly json?: boolean;
}

/** `vitrail eval`: 0 once every picture that can be read is answered, whatever the answers are worth. */
export async function evaluateModel(options: EvalCommand): Promise<number> {
  const { runEvaluation } = await import("../train/evaluation.ts");
  return runEvaluation(options, (line) => say(plain(line)));
}
