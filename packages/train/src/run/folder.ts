/** A run's folder: what it is trained with, its states, its best weights. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Checkpoint, encodeSafetensors, readCheckpoint, type TensorSource } from "@vitrail/checkpoint";
import type { ParamStore } from "@vitrail/layers";
import { parse, stringify } from "yaml";
import { TrainError } from "../fit/errors.ts";
import type { Keeper } from "../fit/options.ts";
import type { Progress } from "../fit/progress.ts";
import type { Values } from "../fit/weights.ts";
import { lockFolder } from "./lock.ts";
import { decodeSaved, encodeSaved, progressOf, toValue, weightsFile } from "./saved-file.ts";
import { nextOf, takeNext, writeFailed, writeNext, writeWhole } from "./whole-file.ts";

/** The files of a run. */
export const RUN_FILES = {
  /** The resolved settings, by timm's names. */
  args: "args.yaml",
  /** timm's description of the weights: architecture, classes, preprocessing. */
  config: "config.json",
  /** The best weights. */
  model: "model.safetensors",
  /** What of the best weights is trained, where that is not the model itself: a new classifier, low-rank updates. */
  best: "best.safetensors",
  /** The newest state: weights, and what the optimiser remembers. */
  last: "last.safetensors",
  optimizer: "last.optim.safetensors",
  /** A line an epoch. No times in it: runs of one seed have equal files. */
  metrics: "metrics.jsonl",
  /** Where it ran: a block for every time it was begun or gone on with. */
  environment: "environment.json",
} as const;

/** What a run is, and where. */
export interface RunOptions {
  readonly folder: string;
  /** The model's: names, shapes and layouts of what is saved. */
  readonly params: ParamStore;
  /** All settings that change what comes out, plain data. A run goes on with the same ones only. */
  readonly args: Readonly<Record<string, unknown>>;
  /** timm's config.json. A run goes on with the same one only. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Go on where the folder's run was stopped; begin where there is none. Default false: the folder must be new or empty. */
  readonly resume?: boolean;
  /** What `model.safetensors` holds, where that is more than the best weights of what is trained. */
  readonly publish?: (best: Values) => Iterable<readonly [string, TensorSource]>;
  /** What the bits of the result depend on besides: versions, engine, threads. */
  readonly environment?: Readonly<Record<string, unknown>>;
}

/** A folder in the hands of this process. */
export interface RunFolder extends Keeper {
  readonly folder: string;
  /** The path of a file in it. */
  path(name: string): string;
  /** Writes a file of it, `name` or `folder/name`, whole or not at all. */
  write(name: string, bytes: Uint8Array | string): Promise<void>;
  /** Gives the folder back. */
  close(): void;
}

/**
 * Opens a folder for a run and locks it. States are written so that a kill at any moment leaves the newest or the one before it whole.
 *
 * @throws TrainError "folder-in-use" where another process is at work or something else lies there; "other-run" where `resume` finds
 *   other settings, with each difference; "bad-checkpoint"; "write-failed"
 */
export async function openRun(options: RunOptions): Promise<RunFolder> {
  const { folder, resume = false } = options;
  await makeFolder(folder);
  const unlock = lockFolder(join(folder, LOCK), folder);
  try {
    const run = new Folder(options, unlock);
    if (!resume) assertNoRun(folder);
    if (existsSync(run.path(RUN_FILES.args))) await run.compare();
    else await run.begin();
    return run;
  } catch (error) {
    unlock();
    throw error;
  }
}

const LOCK = "run.lock";

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw writeFailed(folder, error);
  }
}

/**
 * For those who want to know before they prepare anything.
 * @throws TrainError "folder-in-use" where a folder holds a run, with how far it is
 */
export function assertNoRun(folder: string): void {
  if (!existsSync(join(folder, RUN_FILES.args))) return;
  throw new TrainError(
    "folder-in-use",
    `${folder} holds ${describe(folder)}: go on with it (--resume), or take another folder`,
  );
}

function describe(folder: string): string {
  try {
    const path = join(folder, RUN_FILES.last);
    const { epoch, batch, ended, history } = JSON.parse(
      progressOf(readCheckpoint(readFileSync(path))) ?? "",
    ) as Progress;
    const within = batch > 0 ? `, ${batch} batches into the next` : "";
    return ended === "no" ? `a run of ${epoch} epochs so far${within}` : `a finished run of ${history.length} epochs`;
  } catch {
    return "a run that has saved nothing yet";
  }
}

class Folder implements RunFolder {
  readonly folder: string;
  readonly options: RunOptions;
  readonly close: () => void;

  constructor(options: RunOptions, unlock: () => void) {
    this.folder = options.folder;
    this.options = options;
    this.close = unlock;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  async write(name: string, bytes: Uint8Array | string): Promise<void> {
    if (name.includes("/")) await makeFolder(dirname(this.path(name)));
    return writeWhole(this.path(name), bytes);
  }

  read(name: string): Checkpoint {
    const path = this.path(name);
    try {
      return readCheckpoint(readFileSync(path), { name: path });
    } catch (error) {
      throw new TrainError("bad-checkpoint", `${path} cannot be read: ${(error as Error).message}`, { cause: error });
    }
  }

  async begin(): Promise<void> {
    const { args, config, environment } = this.options;
    const others = (await readdir(this.folder)).filter((name) => name !== LOCK && !name.endsWith(".next"));
    // environment.json and config.json come before args.yaml: a run killed between them begins again
    const own: readonly string[] = [RUN_FILES.config, RUN_FILES.environment];
    const foreign = others.filter((name) => !own.includes(name));
    if (foreign.length > 0) {
      throw new TrainError(
        "folder-in-use",
        `${this.folder} holds other files (${foreign.slice(0, 3).join(", ")}): take another folder`,
      );
    }
    await this.write(RUN_FILES.config, json(config));
    await this.write(RUN_FILES.environment, json([environment ?? {}]));
    await this.write(RUN_FILES.args, stringify(args));
  }

  /** A run goes on as the one that it was. */
  async compare(): Promise<void> {
    const { args, config, environment } = this.options;
    const was = { args: this.text(RUN_FILES.args, parse), config: this.text(RUN_FILES.config, JSON.parse) };
    const now = { args: parse(stringify(args)), config: JSON.parse(json(config)) };
    const differences = [...differ("", was.args, now.args), ...differ("config.json ", was.config, now.config)];
    if (differences.length > 0) {
      const list = differences.slice(0, 8).map((line) => `\n  ${line}`);
      throw new TrainError(
        "other-run",
        `${this.folder} holds a run with other settings; go on with its own, or take another folder:${list.join("")}`,
      );
    }
    const before = this.text(RUN_FILES.environment, JSON.parse) as unknown[];
    await this.write(RUN_FILES.environment, json([...before, environment ?? {}]));
  }

  text(name: string, read: (text: string) => unknown): unknown {
    try {
      return read(readFileSync(this.path(name), "utf8"));
    } catch (error) {
      throw new TrainError("bad-checkpoint", `${this.path(name)} cannot be read: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }

  async load(): ReturnType<Keeper["load"]> {
    const { params } = this.options;
    const [last, optimizer] = [this.path(RUN_FILES.last), this.path(RUN_FILES.optimizer)];
    if (!existsSync(optimizer)) return undefined; // the first thing that a save puts in its place
    const slots = this.read(RUN_FILES.optimizer);
    const together = progressOf(slots);
    if (!existsSync(last) || progressOf(this.read(RUN_FILES.last)) !== together) {
      // Killed between the two renames: the other file lies ready.
      const next = nextOf(RUN_FILES.last);
      if (!existsSync(this.path(next)) || progressOf(this.read(next)) !== together) {
        throw new TrainError(
          "bad-checkpoint",
          `${this.folder}: ${RUN_FILES.last} and ${RUN_FILES.optimizer} are of different states`,
        );
      }
      await rename(this.path(next), last);
    }
    for (const path of [last, optimizer]) await rm(nextOf(path), { force: true });
    const saved = decodeSaved(this.read(RUN_FILES.last), slots, params, this.folder);
    await this.writeMetrics(saved.progress.history);
    return saved;
  }

  async save(saved: Parameters<Keeper["save"]>[0]): Promise<void> {
    const [weights, slots] = encodeSaved(saved, this.options.params);
    const [last, optimizer] = [this.path(RUN_FILES.last), this.path(RUN_FILES.optimizer)];
    await writeNext(last, weights);
    await writeNext(optimizer, slots);
    await takeNext(optimizer);
    await takeNext(last);
    await this.writeMetrics(saved.progress.history);
  }

  writeMetrics(history: readonly unknown[]): Promise<void> {
    return this.write(RUN_FILES.metrics, history.map((report) => `${JSON.stringify(report)}\n`).join(""));
  }

  async saveBest(weights: Values): Promise<void> {
    const { params, publish } = this.options;
    const own = weightsFile(weights, params);
    if (!publish) return this.write(RUN_FILES.model, own);
    await this.write(RUN_FILES.best, own);
    await this.write(RUN_FILES.model, encodeSafetensors(publish(weights), { metadata: { format: "pt" } }));
  }

  async loadBest(): Promise<Values | undefined> {
    const name = this.options.publish ? RUN_FILES.best : RUN_FILES.model;
    if (!statSync(this.path(name), { throwIfNoEntry: false })) return undefined;
    const named = this.options.params.named();
    const entries = [...this.read(name).tensors].map(([name, tensor]) => {
      return [name, toValue(tensor, named.get(name)?.permute)] as const;
    });
    return Object.fromEntries(entries);
  }
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** Where two settings differ, in a line each: `lr: was 0.1, is 0.2`. */
function differ(path: string, was: unknown, now: unknown): string[] {
  if (JSON.stringify(was) === JSON.stringify(now)) return [];
  const isTable = (x: unknown): x is Record<string, unknown> =>
    typeof x === "object" && x !== null && !Array.isArray(x);
  if (isTable(was) && isTable(now)) {
    const keys = new Set([...Object.keys(was), ...Object.keys(now)]);
    const inside = (key: string) => `${path}${path === "" || path.endsWith(" ") ? "" : "."}${key}`;
    return [...keys].flatMap((key) => differ(inside(key), was[key], now[key]));
  }
  return [`${path}: was ${short(was)}, is ${short(now)}`];
}

function short(value: unknown): string {
  const text = value === undefined ? "not given" : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
