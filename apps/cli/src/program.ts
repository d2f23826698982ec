import { readFileSync } from "node:fs";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
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
    .option(
      "-m, --model <name>",
      "a model or a checkpoint (resnet50, resnet50.a1_in1k, org/repo@revision); see vitrail models",
    )
    .option(
      "-w, --weights <source>",
      "a folder, a file (with --model), an address, a weights package, or a name on the hub",
    )
    .option("--offline", "never ask the network")
    .option("-t, --top <n>", "how many classes a photo", wholeNumber, 5)
    .addOption(engineOption())
    .addOption(providerOption())
    .option("-b, --backend <name>", "engine tfjs on auto, tfjs-node-gpu, tfjs-node, wasm or cpu")
    .addOption(precisionOption())
    .option("--calibrate <folder>", "photos like yours, for --precision int8 of models with convolutions")
    .option("--max-pixels <n>", "refuse photos with more pixels than this", wholeNumber, 178_956_970)
    .option("--no-orientation", "do not turn photos as their EXIF data say")
    .option("--json", "print one JSON document")
    .action(async (paths: string[], options) => {
      const { classify } = await import("./commands/classify.ts");
      status = await classify(paths, options);
    });

  program
    .command("embed")
    .description("the features of photos, or of the images directly in a folder, as a file of vectors")
    .argument("<image|folder...>", "photos and folders; - reads one photo from stdin")
    .requiredOption("-o, --out <file>", "where to: vectors.safetensors, .parquet or .jsonl")
    .option("--force", "write over a file that is there, once the new one is whole")
    .option(
      "-w, --weights <source>",
      "a folder, a file (with --model), an address, a weights package, or a name on the hub",
    )
    .option("-m, --model <name>", "the model of a bare file, or a checkpoint as for classify")
    .option("--offline", "never ask the network")
    .addOption(engineOption())
    .addOption(providerOption())
    .option("-b, --backend <name>", "engine tfjs on auto, tfjs-node-gpu, tfjs-node, wasm or cpu")
    .option("--batch <n>", "photos of one forward pass (default: what suits the engine)", wholeNumber)
    .option("--max-pixels <n>", "refuse photos with more pixels than this", wholeNumber, 178_956_970)
    .option("--no-orientation", "do not turn photos as their EXIF data say")
    .option("--json", "print one JSON document")
    .action(async (paths: string[], options) => {
      const { embed } = await import("./commands/embed.ts");
      status = await embed(paths, options);
    });

  program
    .command("download")
    .description("fetch weights into the cache, verified; files that are there already are kept")
    .argument("<id>", "resnet50.a1_in1k, org/repo, org/repo@revision, or https://…/x.safetensors#sha256=…")
    .option("--json", "print one JSON document")
    .action(async (id: string, options) => {
      const { download } = await import("./commands/download.ts");
      status = await download(id, options);
    });

  const cache = program
    .command("cache")
    .description("the cache of weights, which Python's huggingface_hub shares")
    .helpCommand(false);
  cache
    .command("list")
    .description("what is in it")
    .option("--json", "print one JSON document")
    .action(async (options) => {
      const { list } = await import("./commands/cache.ts");
      status = list(options);
    });
  cache
    .command("verify")
    .description("hold every file against the hash that its name is")
    .option("--remove", "take what is damaged away, so that the next use fetches it anew")
    .option("--json", "print one JSON document")
    .action(async (options) => {
      const { verify } = await import("./commands/cache.ts");
      status = await verify(options);
    });
  cache
    .command("prune")
    .description("free what nothing needs: commits without a branch or tag, half downloads older than an hour")
    .option("--dry-run", "only say what would go")
    .option("--json", "print one JSON document")
    .action(async (options) => {
      const { prune } = await import("./commands/cache.ts");
      status = prune(options);
    });

  program
    .command("export")
    .description("write a model as an ONNX file of standard ops, NHWC in, logits out")
    .argument("<model>", "a model or a checkpoint of it; see vitrail models")
    .requiredOption("-o, --out <file>", "where to")
    .option("--force", "write over a file that is there, once the new one is whole")
    .option(
      "-w, --weights <source>",
      "a folder, a file, an address, a package, a name on the hub, or none for random ones",
    )
    .option("--offline", "never ask the network")
    .option("--opset <n>", "version of ONNX's ops, 13 to 22", wholeNumber, 20)
    .option("--dynamic-batch", "any number of images at once, as dimension N; otherwise one")
    .addOption(precisionOption())
    .option("--calibrate <folder>", "photos to find int8's ranges on and to judge the result by")
    .option(
      "--agreement <share>",
      "round layers with care until so many answers can be expected to stay the same (default 0.98, 0.97 before a ViT's layer is kept in fp32)",
      share,
    )
    .option("--prune <share>", "set so many of each layer's weights to zero, the smallest", share)
    .option("--json", "print one JSON document")
    .action(async (model: string, options) => {
      const { exportModel } = await import("./commands/export.ts");
      status = await exportModel(model, options);
    });

  program
    .command("benchmark")
    .description("how fast a model runs here, and how near to this machine's peak")
    .option(
      "-m, --model <name>",
      "the model; see vitrail models (default: that of --weights, else vit_tiny_patch16_224)",
    )
    .option("-w, --weights <source>", "as for export; speed does not depend on them (default: none)")
    .option("--offline", "never ask the network")
    .addOption(engineOption())
    .addOption(providerOption())
    .option("-b, --backend <name>", "engine tfjs on auto, tfjs-node-gpu, tfjs-node, wasm or cpu")
    .addOption(precisionOption())
    .option("--batch <n>", "images at once", wholeNumber, 1)
    .option("--threads <n>", "threads of one run (default: as many as the machine has)", wholeNumber)
    .option("--train", "whole training steps: forward, backward, AdamW")
    .option("--seconds <n>", "how long to measure", wholeNumber, 10)
    .option("--json", "print one JSON document")
    .action(async (options) => {
      const { benchmark } = await import("./commands/benchmark.ts");
      status = await benchmark(options);
    });

  program
    .command("train")
    .description("learn to tell classes of pictures apart; what is not said is picked for the model and the data")
    .option("-d, --data <dir>", "pictures with classes: folders, CSV, tar shards, Parquet, idx, CIFAR, npz")
    .option("--val <dir|share>", "what to judge by (default: the data's own split, else a fifth)")
    .option("--classes <names>", "only pictures of these classes, e.g. frog,horse, numbered in this order")
    .option("-m, --model <name>", "the model to train; see vitrail models")
    .option("-w, --weights <source>", "to begin from: a folder, a file, a name on the hub, or none")
    .option(
      "--backbone-weights <source>",
      "of a hybrid's backbone, as its own network was trained; the rest begins anew",
    )
    .option("--offline", "never ask the network")
    .option("--epochs <n>", "how often every picture is seen", wholeNumber)
    .addOption(
      new Option("--mode <name>", "what learns: everything, the classifier, the last blocks, low-rank updates").choices(
        ["full", "linear", "partial", "lora"],
      ),
    )
    .option("--image-size <n>", "side of the model's input in pixels", wholeNumber)
    .option("--batch-size <n>", "pictures of a step", wholeNumber)
    .option("--lr <rate>", "learning rate", positive)
    .option("--recipe <file>", "settings in YAML, by the names of timm's train.py")
    .option("--set <name=value>", "one more setting, as in a recipe; again for each", collect, [])
    .option("-o, --out <dir>", "the run's folder (default: runs/MODEL-DATA)")
    .option("--resume", "go on with the run in --out, to the same end as if it had not been stopped")
    .option(
      "--save-every <seconds>",
      "save a state within an epoch so often, besides after each (default: 300)",
      seconds,
    )
    .option("--limit <n>", "only the first n pictures of each split after the seeded shuffle", wholeNumber)
    .option("--seed <n>", "of everything random (default: 0)", wholeFromZero)
    .addOption(new Option("--on-bad <what>", "pictures that cannot be read").choices(["skip", "fail"]).default("skip"))
    .addOption(engineOption())
    .addOption(providerOption())
    .option("-b, --backend <name>", "engine tfjs on auto, tfjs-node-gpu, tfjs-node, wasm or cpu")
    .option("--json", "print a JSON document a line: plan, start, epoch, done")
    .action(async (options) => {
      const { train } = await import("./commands/train.ts");
      status = await train(options);
    });

  program
    .command("eval")
    .description("how many pictures a model gets right, of which classes, and how sure it is")
    .requiredOption("-d, --data <dir>", "pictures with classes: folders, CSV, tar shards, Parquet, idx, CIFAR, npz")
    .option("-w, --weights <source>", "a run's or another weights folder, a file (with --model), a name on the hub")
    .option("-m, --model <name>", "the model of a bare file, or a checkpoint as for classify")
    .option("--offline", "never ask the network")
    .option("--split <name>", "which pictures (default: val, else test, else all, else train)")
    .option("--classes <names>", "only pictures of these classes, e.g. frog,horse")
    .option("--limit <n>", "only the first n pictures after the seeded shuffle", wholeNumber)
    .option("--seed <n>", "of that shuffle", wholeFromZero, 0)
    .addOption(new Option("--on-bad <what>", "pictures that cannot be read").choices(["skip", "fail"]).default("skip"))
    .addOption(engineOption())
    .addOption(providerOption())
    .option("-b, --backend <name>", "engine tfjs on auto, tfjs-node-gpu, tfjs-node, wasm or cpu")
    .addOption(precisionOption())
    .option("--calibrate <folder>", "photos like the data's, for --precision int8 of models with convolutions")
    .option("--json", "print one JSON document")
    .action(async (options) => {
      const { evaluateModel } = await import("./commands/eval.ts");
      status = await evaluateModel(options);
    });

  program
    .command("inspect")
    .description("what is in a dataset: classes, sizes, broken files, copies, copies across splits or classes")
    .requiredOption("-d, --data <dir>", "pictures with classes: folders, CSV, tar shards, Parquet, idx, CIFAR, npz")
    .option("--json", "print one JSON document")
    .action(async (options) => {
      const { inspect } = await import("./commands/inspect.ts");
      status = await inspect(options);
    });

  program
    .command("models")
    .description("the models that can be built, their size, their known checkpoints, and those in the box")
    .option("-f, --filter <glob>", 'only names that match, e.g. "vit_*"')
    .option("--json", "print one JSON document")
    .action(async (options) => {
      const { models } = await import("./commands/models.ts");
      status = await models(options);
    });

  program
    .command("info")
    .description("what is in a checkpoint file, a weights folder, a weights package or a repository of the hub")
    .argument("<weights>", "a file, a folder, an address, a weights package, or a name on the hub")
    .option("--part <name>", "the part of a torch file, e.g. state_dict")
    .option("--offline", "never ask the network")
    .option("--json", "print one JSON document")
    .action(async (path: string, options) => {
      const { info } = await import("./commands/info.ts");
      status = await info(path, options);
    });

  program
    .command("convert")
    .description("a checkpoint of torch, numpy, transformers, ... as safetensors under timm's names")
    .argument("<weights>", "a file, a folder, an address, a weights package, or a name on the hub")
    .requiredOption("-m, --model <name>", "the model that they are of; see vitrail models")
    .requiredOption("-o, --out <file>", "the file to write")
    .option("--part <name>", "the part of a torch file, e.g. state_dict")
    .addOption(
      new Option("--dtype <type>", "the type of fractions in the file (default: as they are)").choices([
        "F32",
        "F16",
        "BF16",
      ]),
    )
    .option("--force", "write over a file that is there")
    .option("--offline", "never ask the network")
    .option("--json", "print one JSON document")
    .action(async (source: string, options) => {
      const { convert } = await import("./commands/convert.ts");
      status = await convert(source, options);
    });

  program
    .command("average")
    .description("the mean of checkpoints of one network: rounds of a training, or trainings from one beginning")
    .argument("<weights...>", "folders, files, addresses, weights packages, or names on the hub")
    .requiredOption("-o, --out <folder>", "where model.safetensors goes, and the first one's config.json")
    .option("--force", "write over what is there")
    .option("--offline", "never ask the network")
    .option("--json", "print one JSON document")
    .action(async (sources: string[], options) => {
      const { average } = await import("./commands/average.ts");
      status = await average(sources, options);
    });

  for (const command of [program, ...program.commands, ...cache.commands]) command.exitOverride();
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

function engineOption(): Option {
  const about =
    "onnxruntime-node (ort), onnxruntime-web (ort-web) or tfjs; auto takes the first that works (default: auto)";
  return new Option("-e, --engine <name>", about).choices(["auto", "ort", "ort-web", "tfjs"]);
}

function providerOption(): Option {
  const about =
    "what ort and ort-web compute on; auto takes a graphics processor that starts, else cpu (default: auto)";
  return new Option("--provider <name>", about).choices(["auto", "cpu", "cuda", "coreml", "dml", "webgpu"]);
}

function precisionOption(): Option {
  return new Option("-p, --precision <name>", "how weights are stored and computed")
    .choices(["fp32", "fp16", "int8"])
    .default("fp32");
}

function share(text: string): number {
  const value = /^(0|1|0?\.[0-9]+|1\.0+)$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= 0 && value <= 1)) throw new InvalidArgumentError("It must be a share from 0 to 1.");
  return value;
}

function positive(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value > 0 && value < Number.POSITIVE_INFINITY))
    throw new InvalidArgumentError("It must be a number above 0.");
  return value;
}

function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0 && value < Number.POSITIVE_INFINITY))
    throw new InvalidArgumentError("It must be a number of 0 or more.");
  return value;
}

const collect = (text: string, before: readonly string[]): string[] => [...before, text];

function wholeFromZero(text: string): number {
  return text === "0" ? 0 : wholeNumber(text);
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
