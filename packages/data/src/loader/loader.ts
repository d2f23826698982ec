import { availableParallelism } from "node:os";
import { createRng } from "@vitrail/random";
import { assertMix, mixBatch } from "../augment/mixup.ts";
import type { BadSample, SampleSource, Split } from "../datasets/types.ts";
import { ImageError } from "../errors.ts";
import { workerUrl } from "../worker-url.ts";
import { allSettledOrFirstError, assertLabels, runsOf, whole, withSignal } from "./batching.ts";
import { aloneCrew, type Crew, ThreadCrew } from "./crew.ts";
import { createHand } from "./hand.ts";
import { KeptImages } from "./kept.ts";
import { assertSampler, batchesOf, type Order, orderOf, type Sampler } from "./order.ts";
import { type Chunk, KEPT, type Settings } from "./protocol.ts";
import { writerOf } from "./transform.ts";
import type { Batch, Loader, LoaderOptions, Meter } from "./types.ts";

const CACHE = 2 ** 30;

/** Starts nothing yet: threads start with the first batch. */
export function createLoader(options: LoaderOptions): Loader {
  return new ThreadedLoader(options);
}

/** A batch that is being made. */
interface Pending {
  readonly buffer: ArrayBufferLike;
  readonly chunks: Set<Chunk>;
  readonly done: Promise<Batch>;
}

/** What stands in one slot of a batch. */
interface Entry {
  readonly index: number;
  readonly turn: number;
}

export class ThreadedLoader implements Loader {
  readonly length: number;
  readonly batches: number;
  readonly batchSize: number;
  readonly shape: readonly [number, number, number];
  readonly targetClasses: number | undefined;
  readonly #options: LoaderOptions;
  readonly #split: Split;
  readonly #training: boolean;
  readonly #sampler: Sampler;
  readonly #threads: number;
  readonly #prefetch: number;
  readonly #seed: number;
  /** Public for this package's tests alone: `Loader` does not have it. */
  readonly crew: Crew;
  readonly #kept: KeptImages;
  readonly #bad = new Map<number, BadSample>();
  readonly #free: ArrayBufferLike[] = [];
  #images = 0;
  #spentMs = 0;
  #waitedMs = 0;
  #disposed = false;

  constructor(options: LoaderOptions) {
    const { split, transform, batchSize, numClasses, mix, cache = false } = options;
    const { threads = Math.min(availableParallelism(), 8), prefetch = 2, seed = 0, dropLast = false } = options;
    const writer = writerOf(transform);
    this.#training = transform.kind === "train" || options.shuffle === true;
    const minLast = options.minLast ?? (this.#training ? 2 : 1);
    whole("batchSize", batchSize, 1);
    whole("threads", threads, 0);
    whole("prefetch", prefetch, 0);
    whole("minLast", minLast, 0);
    if (options.onBad !== undefined && options.onBad !== "fail" && options.onBad !== "skip")
      throw new ImageError("bad-argument", `onBad: expected fail or skip, found ${JSON.stringify(options.onBad)}`);
    this.#sampler = options.sampler ?? { kind: "each" };
    assertSampler(this.#sampler);
    this.#options = options;
    this.#split = split;
    this.batchSize = batchSize;
    this.#threads = threads;
    this.#prefetch = prefetch;
    this.#seed = seed;
    createRng(seed); // an error here, not in a thread
    this.length = split.length;
    this.shape = [writer.height, writer.width, writer.channels];
    this.targetClasses = mix ? numClasses : undefined;
    this.batches = batchesOf(split.length, batchSize, dropLast, minLast);
    if (this.batches === 0)
      throw new ImageError(
        "bad-argument",
        split.length === 0
          ? `the split ${JSON.stringify(split.name)} has no images`
          : `dropLast leaves no batch: expected at least batchSize = ${batchSize} images, found ${split.length}; lower batchSize or set dropLast to false`,
      );
    if (numClasses !== undefined) assertLabels(split, numClasses);
    else if (mix) throw new ImageError("bad-argument", "mix: expected numClasses beside it, found none");
    if (mix) assertMix(mix);

    const most = cache === true ? CACHE : cache === false ? 0 : cache;
    whole("cache", most, 0);
    const settings: Settings = {
      transform,
      seed,
      decode: options.decode ?? {},
      blocking: threads > 0,
      keepBytes: Math.floor(most / Math.max(1, threads)),
    };
    this.crew =
      threads === 0 ? aloneCrew(createHand(settings)) : new ThreadCrew(threads, settings, () => workerUrl("loader"));
    this.#kept = new KeptImages(split.length, this.crew.slabs, Math.max(most, CACHE));
  }

  get meter(): Meter {
    const imagesPerSecond = this.#spentMs > 0 ? (1000 * this.#images) / this.#spentMs : 0;
    return { images: this.#images, imagesPerSecond, waitedMs: this.#waitedMs };
  }

  get bad(): readonly BadSample[] {
    return [...this.#bad.values()].sort((a, b) => a.index - b.index);
  }

  async *epoch(
    epoch: number,
    { from = 0, signal }: { from?: number | undefined; signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<Batch, void, undefined> {
    whole("epoch", epoch, 0);
    whole("from", from, 0);
    signal?.throwIfAborted();
    if (this.#disposed) throw new ImageError("worker-failed", "this loader was disposed of; create another");
    const { split } = this.#options;
    const order = orderOf(
      this.#sampler,
      this.length,
      (i) => split.label(i),
      this.#options.shuffle ?? this.#training,
      createRng(this.#seed).at("shuffle").at(epoch),
    );
    const begin = performance.now();
    const spent = this.#spentMs;
    const ahead: Pending[] = [];
    let next = from;
    let inUse: Pending | undefined;
    try {
      for (;;) {
        if (inUse) this.#free.push(inUse.buffer);
        inUse = undefined;
        while (next < this.batches && ahead.length <= this.#prefetch) ahead.push(this.#start(order, epoch, next++));
        inUse = ahead.shift();
        if (!inUse) return;
        const asked = performance.now();
        const batch = await withSignal(inUse.done, signal);
        const now = performance.now();
        this.#waitedMs += now - asked;
        this.#spentMs = spent + now - begin;
        if (batch.size === 0) continue; // evaluation, and none of it could be decoded
        this.#images += batch.size;
        yield batch;
      }
    } finally {
      // Nobody waits for these any more. A buffer is free again when no thread writes to it.
      for (const { chunks, done, buffer } of inUse ? [inUse, ...ahead] : ahead) {
        this.crew.drop(chunks);
        void done.catch(() => {}).finally(() => this.#free.push(buffer));
      }
    }
  }

  async dispose(): Promise<void> {
    this.#disposed = true;
    await this.crew.dispose();
    this.#free.length = 0;
  }

  #start(order: Order, epoch: number, batch: number): Pending {
    const bytes = this.batchSize * sizeOf(this.shape) * 4;
    const buffer = this.#free.pop() ?? (this.#threads > 0 ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes));
    const chunks = new Set<Chunk>();
    const done = this.#make(order, epoch, batch, buffer, chunks);
    done.catch(() => {}); // it is awaited in its turn
    return { buffer, chunks, done };
  }

  async #make(order: Order, epoch: number, batch: number, buffer: ArrayBufferLike, chunks: Set<Chunk>): Promise<Batch> {
    const first = batch * this.batchSize;
    const size = Math.min(this.batchSize, order.indices.length - first);
    const entries: (Entry | undefined)[] = [];
    for (let i = 0; i < size; i++)
      entries.push({ index: order.indices[first + i] as number, turn: order.turns[first + i] as number });
    const tried = new Uint32Array(size);
    let slots = Array.from({ length: size }, (_, i) => i);
    // Once, unless there are samples that cannot be decoded: others stand in for them, and may be bad too. What is known to be bad
    // is tried again each time: a resumed run does not know it, and has to come to the same pixels.
    while (slots.length > 0) {
      const failed = await this.#write(entries as Entry[], slots, epoch, buffer, chunks);
      for (const slot of failed) {
        const step = (tried[slot] as number) + 1;
        tried[slot] = step;
        entries[slot] = this.#training ? this.#standIn(order, first + slot, step) : undefined;
      }
      slots = failed.filter((slot) => entries[slot] !== undefined);
    }
    return this.#finish(entries, epoch, batch, buffer);
  }

  /** What stands in for the sample at a position of the order: the one `step` further, with draws of its own. */
  #standIn({ indices }: Order, position: number, step: number): Entry {
    const n = indices.length;
    if (step >= n)
      throw new ImageError("corrupt-image", `none of the ${n} samples of an epoch can be decoded: ${this.#reasons()}`);
    // A turn that no sample of the order has: it must not be the copy of a picture that comes anyway.
    return { index: indices[(position + step) % n] as number, turn: n + position };
  }

  #reasons(): string {
    return this.bad
      .slice(0, 3)
      .map(({ reason }) => reason)
      .join("; ");
  }

  /** Has the entries of some slots written. Returns the slots whose samples turned out to be bad. */
  async #write(
    entries: readonly Entry[],
    slots: readonly number[],
    epoch: number,
    buffer: ArrayBufferLike,
    chunks: Set<Chunk>,
  ): Promise<number[]> {
    const runs = runsOf(slots, Math.ceil(slots.length / Math.max(1, this.#threads)));
    const failed = new Map<number, ImageError>();
    await allSettledOrFirstError(
      runs.map(async ([from, to]) => {
        const chunk = await this.#chunkOf(entries.slice(from, to), from, epoch, buffer);
        if (this.#disposed) throw new ImageError("worker-failed", "this loader was disposed of");
        chunks.add(chunk);
        const { failures, keeps } = await this.crew.run(chunk);
        for (const [at, slab, start, width, height] of keeps)
          this.#kept.set(chunk.indices[at] as number, slab, start, width, height);
        for (const { position, message, code, file } of failures) {
          const index = chunk.indices[position] as number;
          const name = this.#split.nameOf(index);
          const reason = message.includes(name) ? message : `${name}: ${message}`;
          this.#bad.set(index, { index, name, reason });
          failed.set(from + position, new ImageError(code, reason, { file }));
        }
      }),
    );
    const found = [...failed.keys()].sort((a, b) => a - b);
    if (found.length > 0 && this.#options.onBad !== "skip") throw failed.get(found[0] as number);
    return found;
  }

  async #chunkOf(entries: readonly Entry[], slot: number, epoch: number, buffer: ArrayBufferLike): Promise<Chunk> {
    const n = entries.length;
    const kept = new Float64Array(n * KEPT);
    const sources: (SampleSource | undefined)[] = new Array(n).fill(undefined);
    const names: (string | undefined)[] = new Array(n).fill(undefined);
    for (let i = 0; i < n; i++) {
      const { index } = entries[i] as Entry;
      if (!this.#kept.has(index)) {
        let source = this.#split.source(index);
        if (source instanceof Promise) source = await source;
        // Pixels go to shared memory once and for all; else only the picture's own bytes, not what they are a part of.
        if (source.kind === "pixels" && !this.#kept.put(index, source.image))
          sources[i] = { kind: "pixels", image: { ...source.image, data: source.image.data.slice() } };
        else if (source.kind === "bytes") sources[i] = { kind: "bytes", bytes: source.bytes.slice() };
        else if (source.kind !== "pixels") sources[i] = source;
        if (sources[i]) names[i] = this.#split.nameOf(index);
      }
      this.#kept.copy(index, kept, i * KEPT);
    }
    const indices = Uint32Array.from(entries, ({ index }) => index);
    const turns = Uint32Array.from(entries, ({ turn }) => turn);
    return { epoch, buffer, slot, indices, turns, sources, names, kept };
  }

  #finish(entries: readonly (Entry | undefined)[], epoch: number, batch: number, buffer: ArrayBufferLike): Batch {
    const { mix, numClasses } = this.#options;
    const each = sizeOf(this.shape);
    const pixels = new Float32Array(buffer);
    const found: Entry[] = [];
    for (const [slot, entry] of entries.entries()) {
      if (!entry) continue;
      if (found.length < slot) pixels.copyWithin(found.length * each, slot * each, (slot + 1) * each);
      found.push(entry);
    }
    const size = found.length;
    const images = pixels.subarray(0, size * each);
    const indices = Int32Array.from(found, ({ index }) => index);
    const labels = Int32Array.from(found, ({ index }) => this.#split.label(index));
    if (!mix || numClasses === undefined || size === 0) return { images, labels, indices, size };
    const rng = createRng(this.#seed).at("mix").at(epoch).at(batch);
    const shape = [size, ...this.shape] as const;
    return { images, labels, indices, size, targets: mixBatch(images, shape, labels, numClasses, mix, rng) };
  }
}

const sizeOf = ([height, width, channels]: readonly [number, number, number]): number => height * width * channels;
