import { duplicateKey } from "@vitrail/checkpoint";
import { HubError } from "./errors.ts";
import { isTransformersConfig, transformersModel, transformersPreprocess } from "./transformers-config.ts";

/** How an image becomes a model's input. `@vitrail/layers` and `@vitrail/data` have a structurally equal type. */
export interface Preprocess {
  /** Channels, height and width in pixels. */
  readonly inputSize: readonly [3, number, number];
  readonly interpolation: "nearest" | "bilinear" | "bicubic" | "box" | "hamming" | "lanczos";
  /** The part of the resized image's side that the crop keeps, over 0, at most 1. */
  readonly cropPct: number;
  readonly cropMode: "center" | "squash" | "border";
  /** Per channel (RGB), on values from 0 to 1. */
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

/** What a `config.json` beside a checkpoint says, in timm's form. */
export interface WeightsConfig {
  /** The model's name, e.g. `vit_tiny_patch16_224`. */
  readonly architecture: string;
  readonly numClasses: number;
  /** One name per class, in index order: timm's `label_names`. */
  readonly labels?: readonly string[];
  /** Names to words for people, where names are identifiers: timm's `label_descriptions`. */
  readonly labelDescriptions?: Readonly<Record<string, string>>;
  /** Absent where the file says nothing about preprocessing: the model's own default applies. */
  readonly preprocess?: Preprocess;
  /** The block `vitrail.open_set`: how to tell that a photo is none of the classes. */
  readonly openSet?: Readonly<Record<string, unknown>>;
  /** Where the model's configuration differs from its architecture's own: timm's `model_args`, by timm's names. */
  readonly modelArgs?: Readonly<Record<string, unknown>>;
  readonly license?: string;
  /** Everything that the file says, as it says it, unknown keys too. */
  readonly raw: Readonly<Record<string, unknown>>;
}

const INTERPOLATIONS = ["nearest", "bilinear", "bicubic", "box", "hamming", "lanczos"] as const;
const CROP_MODES = ["center", "squash", "border"] as const;
const PREPROCESS_KEYS = ["input_size", "interpolation", "crop_pct", "crop_mode", "mean", "std"];

type Json = Readonly<Record<string, unknown>>;

/**
 * Reads timm's `config.json`: the form with a `pretrained_cfg` block, and the flat one before it. Where both levels
 * state a thing, the outer one counts, and what preprocessing leaves out is timm's default, as in timm
 * (`timm/models/_hub.py`, `timm/data/config.py`). Types and ranges are checked. Transformers' form of a ViT or ResNet is told in
 * timm's terms.
 *
 * @param json the file's text or bytes, or the object in it
 * @param options `name`: what to call the file in messages
 * @param options `preprocessor`: the `preprocessor_config.json` beside a config of transformers
 * @throws HubError ("bad-config"; "foreign-config" for a config of transformers whose model timm has no name for)
 */
export function parseConfig(
  json: unknown,
  options: { readonly name?: string; readonly preprocessor?: unknown } = {},
): WeightsConfig {
  const file = options.name ?? "config.json";
  const raw = toObject(json, file);
  const nested = raw.pretrained_cfg ?? undefined;
  if (isTransformersConfig(raw)) return fromTransformers(raw, file, options.preprocessor);
  const read = new ConfigReader(file);
  const inner = nested === undefined ? raw : read.object("pretrained_cfg", nested);
  const either = (key: string): unknown => raw[key] ?? inner[key] ?? undefined;

  const architecture = raw.architecture;
  if (typeof architecture !== "string" || architecture === "") {
    return read.fail("architecture", architecture, "a model's name");
  }
  const numClasses = read.integer("num_classes", either("num_classes"), 0, 10_000_000);
  const labels = read.labels(either("label_names") ?? either("labels"), numClasses);
  const descriptions = either("label_descriptions");
  const license = either("license");
  if (license !== undefined && typeof license !== "string") read.fail("license", license, "a string");
  const own = raw.vitrail === undefined ? undefined : read.object("vitrail", raw.vitrail);
  return {
    architecture,
    numClasses,
    ...(labels && { labels }),
    ...(descriptions !== undefined && { labelDescriptions: read.strings("label_descriptions", descriptions) }),
    ...(PREPROCESS_KEYS.some((key) => (inner[key] ?? undefined) !== undefined) && {
      preprocess: preprocess(inner, read),
    }),
    ...(raw.model_args !== undefined &&
      raw.model_args !== null && { modelArgs: read.object("model_args", raw.model_args) }),
    ...(own?.open_set !== undefined && { openSet: read.object("vitrail.open_set", own.open_set) }),
    ...(license !== undefined && { license: license as string }),
    raw,
  };
}

/** The file of transformers that says what its config.json does not. */
export const PREPROCESSOR = "preprocessor_config.json";

/** Whether a config.json has a {@link PREPROCESSOR} beside it: of another form than transformers', or broken, it has none. */
export function hasPreprocessor(json: Uint8Array): boolean {
  try {
    return isTransformersConfig(toObject(json, "config.json"));
  } catch {
    return false;
  }
}

function fromTransformers(raw: Json, file: string, preprocessor: unknown): WeightsConfig {
  const model = transformersModel(raw);
  if (typeof model === "string") {
    throw new HubError(
      "foreign-config",
      `${file} is in the form of transformers, and ${model}; give the checkpoint file itself and name the model`,
    );
  }
  const found = preprocessor === undefined ? undefined : transformersPreprocess(toObject(preprocessor, PREPROCESSOR));
  return { ...model, ...(found && { preprocess: found }), raw };
}

function preprocess(cfg: Json, read: ConfigReader): Preprocess {
  const size = read.numbers("input_size", cfg.input_size ?? [3, 224, 224], "[3, height, width] in pixels");
  if (size[0] !== 3 || !size.every((n) => Number.isInteger(n) && n >= 1 && n <= 16_384)) {
    read.fail("input_size", cfg.input_size, "[3, height, width] with sides from 1 to 16384 pixels");
  }
  const cropPct = cfg.crop_pct ?? 0.875;
  if (typeof cropPct !== "number" || !(cropPct > 0 && cropPct <= 1)) {
    read.fail("crop_pct", cropPct, "a number over 0, at most 1");
  }
  const mean = read.numbers("mean", cfg.mean ?? [0.485, 0.456, 0.406], "three numbers");
  const std = read.numbers("std", cfg.std ?? [0.229, 0.224, 0.225], "three numbers over 0");
  if (!std.every((s) => s > 0)) read.fail("std", std, "three numbers over 0");
  return {
    inputSize: size as [3, number, number],
    interpolation: read.oneOf("interpolation", cfg.interpolation ?? "bicubic", INTERPOLATIONS),
    cropPct: cropPct as number,
    cropMode: read.oneOf("crop_mode", cfg.crop_mode ?? "center", CROP_MODES),
    mean: mean as [number, number, number],
    std: std as [number, number, number],
  };
}

function toObject(json: unknown, file: string): Json {
  let value = json;
  if (typeof json === "string" || ArrayBuffer.isView(json)) {
    const text = typeof json === "string" ? json : new TextDecoder().decode(json as Uint8Array);
    const plain = text.replace(/^\uFEFF/, "");
    try {
      value = JSON.parse(plain);
    } catch {
      throw new HubError(
        "bad-config",
        `${file} is no JSON, it begins ${shown(text.trim().slice(0, 40))}; get it again`,
      );
    }
    const twice = duplicateKey(plain);
    if (twice !== undefined) {
      throw new HubError("bad-config", `${file} has the key ${shown(twice)} twice: which of them counts?`);
    }
  }
  if (!isObject(value)) throw new HubError("bad-config", `${file} is ${shown(value)}, expected a JSON object`);
  return value;
}

class ConfigReader {
  private readonly file: string;

  constructor(file: string) {
    this.file = file;
  }

  fail(key: string, found: unknown, expected: string): never {
    const what = found === undefined || found === null ? "is missing" : `is ${shown(found)}`;
    throw new HubError("bad-config", `${this.file}: "${key}" ${what}, expected ${expected}`);
  }

  object(key: string, value: unknown): Json {
    return isObject(value) ? value : this.fail(key, value, "an object");
  }

  integer(key: string, value: unknown, least: number, most: number): number {
    if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return value as number;
    return this.fail(key, value, `a whole number from ${least} to ${most}`);
  }

  /** Three finite numbers. */
  numbers(key: string, value: unknown, expected: string): readonly number[] {
    if (Array.isArray(value) && value.length === 3 && value.every((v) => Number.isFinite(v))) return value as number[];
    return this.fail(key, value, expected);
  }

  oneOf<T extends string>(key: string, value: unknown, choices: readonly T[]): T {
    const found = choices.find((c) => c === value);
    return found ?? this.fail(key, value, `one of ${choices.join(", ")}`);
  }

  strings(key: string, value: unknown): Readonly<Record<string, string>> {
    const object = this.object(key, value);
    for (const [k, v] of Object.entries(object)) if (typeof v !== "string") this.fail(`${key}.${k}`, v, "a string");
    return object as Readonly<Record<string, string>>;
  }

  /** A list of names; or an object of index to name, which timm writes where indices have gaps. */
  labels(value: unknown, numClasses: number): readonly string[] | undefined {
    if (value === undefined || (Array.isArray(value) && value.length === 0)) return undefined;
    if (Array.isArray(value)) {
      const wrong = value.findIndex((v) => typeof v !== "string");
      if (wrong >= 0) this.fail(`label_names[${wrong}]`, value[wrong], "a string");
      if (value.length !== numClasses) {
        this.fail("label_names", `${value.length} names`, `as many as num_classes, ${numClasses}`);
      }
      return value as string[];
    }
    const names = this.strings("label_names", value);
    const labels = Array.from({ length: numClasses }, (_, i) => `class ${i}`);
    for (const [key, name] of Object.entries(names)) {
      if (!/^(0|[1-9]\d*)$/.test(key) || Number(key) >= numClasses) {
        this.fail("label_names", `an object with the key ${shown(key)}`, `indices from 0 to ${numClasses - 1} as keys`);
      }
      labels[Number(key)] = name;
    }
    return labels;
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
