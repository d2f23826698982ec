import { readFileSync } from "node:fs";
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { colorsFor, endQuietlyOnClosedPipe, print, say } from "./io.ts";
import { isSpoken, linesOf } from "./user-error.ts";

/** Runs the command line and gives its exit status: 0, or 1 where anything failed. Commands load what they need themselves. */
export async function main(args: readonly string[]): Promise<number> {
  endQuietlyOnClosedPipe();
  let status = 0;
  const program = new Command("vitrail")
    .description("Says what is on a photo.")
    .version(version(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand(false)
    .showSuggestionAfterError(true)
    .configureOutput({ outputError: (text, write) => write(`${colorsFor(process.stderr).red(text.trimEnd())}\n`) });

  program
    .command("classify")
    .description("the most probable classes of photos, or of the images directly in a folder")
    .argument("<image|folder...>", "photos and folders, answered in this order; - reads one photo from stdin")
    .option("-m, --model <name>", "the model (default: what the weights' config.json names); see vitrail models")
    .option(
      "-w, --weights <path>",
      "a folder with config.json and a checkpoint, or a bare .safetensors file with --model",
    )
    .option("-t, --top <n>", "how many classes a photo", wholeNumber, 5)
    .option("-b, --backend <name>", "auto, tfjs-node-gpu, tfjs-node, wasm or cpu", "auto")
    .option("--max-pixels <n>", "refuse photos with more pixels than this", wholeNumber, 178_956_970)
    .option("--no-orientation", "do not turn photos as their EXIF data say")
    .option("--json", "print one JSON document")
    .action(async (paths: string[], options) => {
      const { classify } = await import("./commands/classify.ts");
      status = await classify(paths, options);
    });

  program
    .command("models")
    .description("the models that can be built, their size, and their known checkpoints")
    .option("-f, --filter <glob>", 'only names that match, e.g. "vit_*"')
    .option("--json", "print one JSON document")
    .action(async (options) => {
      const { models } = await import("./commands/models.ts");
      status = models(options);
    });

  program
    .command("info")
    .description("what is in a checkpoint file or weights folder")
    .argument("<weights>", "a .safetensors file or a folder")
    .option("--json", "print one JSON document")
    .action(async (path: string, options) => {
      const { info } = await import("./commands/info.ts");
      status = await info(path, options);
    });

  for (const command of [program, ...program.commands]) command.exitOverride();
  if (args.length === 0) {
    print(program.helpInformation().trimEnd());
    return 1;
  }
  try {
    await program.parseAsync([...args], { from: "user" });
    return status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode; // it has said why
    report(error);
    return 1;
  }
}

/** One line for what a user can mend; a stack only for what is our mistake. */
function report(error: unknown): void {
  const { red } = colorsFor(process.stderr);
  if (isSpoken(error) && !process.env.VITRAIL_DEBUG) say(red(`error: ${linesOf(error)}`));
  else say(red(error instanceof Error ? (error.stack ?? error.message) : String(error)));
}

function wholeNumber(text: string): number {
  const value = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError("It must be a whole number above 0.");
  return value;
}

function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return (manifest as { version: string }).version;
}
