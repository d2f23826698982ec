import type { PartSpec } from "./spec.ts";

/** Settings that every model has, whether its own table states them or not. */
const COMMON = ["inChans", "dropRate", "dropPathRate"];
/** Of transformers. */
const OF_TOKENS = ["globalPool", "fcNorm", "posDropRate", "projDropRate", "attnDropRate"];

/**
 * A spec whose configuration differs from the table's: timm's `model_args` of a config.json, `{ img_size: 96, patch_size: 8 }`;
 * of a hybrid also its backbone's, `{ backbone: { width: 32 } }`.
 * @throws RangeError for a name that the model does not know, or a value that is no plain data
 */
export function withModelArgs<S extends PartSpec>(spec: S, args: Readonly<Record<string, unknown>>): S {
  const own = spec.config as Readonly<Record<string, unknown>>;
  const known = new Set(
    [...Object.keys(own), ...COMMON, ...("embedDim" in own ? OF_TOKENS : [])].filter((one) => {
      return one in own ? isPlain(own[one]) : !(one === "inChans" && "backbone" in own); // a hybrid's channels are its backbone's
    }),
  );
  const config: Record<string, unknown> = { ...own };
  for (const [name, value] of Object.entries(args)) {
    const key = name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
    const part = partIn(own, key);
    if (part && isRecord(value)) {
      config[key] = withModelArgs(part, value);
      continue;
    }
    if (!known.has(key) || !isPlain(value)) {
      const names = [...known].map(snake).join(", ");
      const parts = Object.keys(own).filter((one) => partIn(own, one));
      const more = parts.map((one) => `, or ${snake(one)} with settings of its own`).join("");
      throw new RangeError(`${spec.name}: model_args: ${name}: expected one of ${names}, with a plain value${more}`);
    }
    config[key] = value;
  }
  return { ...spec, config };
}

/**
 * A spec in the sizes that a config.json states, where that is of this architecture: another's `model_args` say nothing of it.
 * @throws RangeError as {@link withModelArgs}
 */
export function withStatedArgs<S extends PartSpec>(
  spec: S,
  config: { readonly architecture: string; readonly modelArgs?: Readonly<Record<string, unknown>> } | undefined,
): S {
  const architecture = config?.architecture.split(".")[0]; // a tag may follow the name
  return config?.modelArgs && architecture === spec.name ? withModelArgs(spec, config.modelArgs) : spec;
}

/** The model that is a part of this one under a name: a hybrid's backbone. */
function partIn(config: Readonly<Record<string, unknown>>, name: string): PartSpec | undefined {
  const part = Object.hasOwn(config, name) ? config[name] : undefined;
  return isRecord(part) && typeof part.build === "function" && isRecord(part.config) ? (part as never) : undefined;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function isPlain(value: unknown): boolean {
  if (Array.isArray(value)) return value.length < 64 && value.every((one) => Number.isFinite(one));
  return typeof value === "boolean" || typeof value === "string" || Number.isFinite(value);
}
