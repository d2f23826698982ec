import { Worker } from "node:worker_threads";
import { ImageError } from "../errors.ts";
import type { Hand } from "./hand.ts";
import type { Answer, Chunk, Outcome, Settings } from "./protocol.ts";

/** Chunks that a thread holds at once: the next one's first pictures are decoded while one is worked on. */
const DEPTH = 2;
/** Threads that may be lost over one chunk before it is given up. */
const TRIES = 2;

/** Who works on chunks: threads, or the calling thread. */
export interface Crew {
  /** Slabs of shared memory that chunks may point into. */
  readonly slabs: SharedArrayBuffer[];
  run(chunk: Chunk): Promise<Outcome>;
  /** Gives up chunks that nobody has begun; their promises are rejected. */
  drop(chunks: ReadonlySet<Chunk>): void;
  dispose(): Promise<void>;
}

/** The calling thread alone. */
export function aloneCrew(hand: Hand): Crew {
  let disposed = false;
  const own: number[] = [];
  const dropped = new WeakSet<Chunk>();
  return {
    slabs: hand.slabs,
    async run(chunk) {
      await new Promise((resolve) => setImmediate(resolve)); // one turn of the event loop between chunks
      if (disposed || dropped.has(chunk)) throw gone();
      return adopt(await hand.run(chunk), hand.slabs, own);
    },
    drop(chunks) {
      for (const chunk of chunks) dropped.add(chunk);
    },
    async dispose() {
      disposed = true;
      await hand.dispose();
    },
  };
}

/**
 * Takes a hand's new slabs in among all slabs.
 * @param own - the numbers of this hand's slabs among all
 * @returns the outcome with those numbers
 */
function adopt(outcome: Outcome, slabs: SharedArrayBuffer[], own: number[]): Outcome {
  for (const slab of outcome.slabs) own.push(slabs.push(slab) - 1);
  const keeps = outcome.keeps.map(([at, slab, ...rest]) => [at, own[slab] as number, ...rest] as const);
  return { ...outcome, keeps };
}

interface Job {
  readonly id: number;
  readonly chunk: Chunk;
  tries: number;
  resolve(outcome: Outcome): void;
  reject(error: Error): void;
}

interface Slot {
  readonly worker: Worker;
  /** In the order in which the thread works on them. */
  readonly jobs: Map<number, Job>;
  /** Slabs that the thread knows. */
  known: number;
}

/** Worker threads. One that is lost is replaced, and what it had begun is done again; a chunk that costs two is an error. */
export class ThreadCrew implements Crew {
  readonly slabs: SharedArrayBuffer[] = [];
  readonly slots: Slot[] = [];
  readonly #threads: number;
  readonly #settings: Settings;
  readonly #findWorker: () => Promise<URL>;
  readonly #waiting: Job[] = [];
  #url: Promise<URL> | undefined;
  #next = 0;
  #disposed = false;

  constructor(threads: number, settings: Settings, findWorker: () => Promise<URL>) {
    this.#threads = threads;
    this.#settings = settings;
    this.#findWorker = findWorker;
  }

  async run(chunk: Chunk): Promise<Outcome> {
    this.#url ??= this.#findWorker();
    const url = await this.#url;
    if (this.#disposed) throw gone();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ id: this.#next++, chunk, tries: 0, resolve, reject });
      this.#feed(url);
    });
  }

  drop(chunks: ReadonlySet<Chunk>): void {
    for (let i = this.#waiting.length - 1; i >= 0; i--)
      if (chunks.has((this.#waiting[i] as Job).chunk)) this.#waiting.splice(i, 1)[0]?.reject(gone());
  }

  #feed(url: URL): void {
    while (this.#waiting.length > 0) {
      let slot: Slot | undefined;
      for (const s of this.slots) if (s.jobs.size < (slot?.jobs.size ?? DEPTH)) slot = s;
      if (this.slots.length < this.#threads && (slot === undefined || slot.jobs.size > 0)) slot = this.#start(url);
      if (!slot) return;
      const job = this.#waiting.shift() as Job;
      const { id, chunk } = job;
      slot.jobs.set(id, job);
      slot.worker.ref();
      slot.worker.postMessage({ id, chunk, slabs: this.slabs.slice(slot.known) });
      slot.known = this.slabs.length;
    }
  }

  #start(url: URL): Slot {
    const slot: Slot = { worker: new Worker(url, { workerData: this.#settings }), jobs: new Map(), known: 0 };
    const { worker, jobs } = slot;
    const own: number[] = [];
    worker.on("message", (answer: Answer) => {
      const job = jobs.get(answer.id);
      jobs.delete(answer.id);
      if (jobs.size === 0) worker.unref(); // an idle loader does not keep the process alive
      if ("outcome" in answer) job?.resolve(adopt(answer.outcome, this.slabs, own));
      else job?.reject(new ImageError("worker-failed", `a thread of the loader failed: ${answer.crash}`));
      this.#feed(url);
    });
    const lost = (what: string, cause?: unknown): void => {
      const at = this.slots.indexOf(slot);
      if (at >= 0) this.slots.splice(at, 1);
      const left = [...jobs.values()];
      jobs.clear();
      const [first] = left;
      if (first && ++first.tries >= TRIES) {
        left.shift();
        const { names, indices } = first.chunk;
        const shown = [...indices].slice(0, 4).map((index, i) => names[i] ?? `sample ${index}`);
        const more = indices.length > 4 ? ` and ${indices.length - 4} more` : "";
        const message = `a thread of the loader ${what}, and so did the one before, while they worked on ${shown.join(", ")}${more}`;
        first.reject(new ImageError("worker-failed", message, { file: names[0], cause }));
      }
      this.#waiting.unshift(...left); // before all others: batches are waited for in order
      if (!this.#disposed) this.#feed(url);
    };
    worker.on("error", (error) => lost(`failed: ${(error as Error).message}`, error));
    worker.on("messageerror", (error) => {
      void worker.terminate(); // or it would go on writing
      lost(`sent what cannot be read: ${error.message}`, error);
    });
    worker.on("exit", (code) => lost(`ended with exit code ${code}`));
    this.slots.push(slot);
    return slot;
  }

  async dispose(): Promise<void> {
    this.#disposed = true;
    for (const job of this.#waiting.splice(0)) job.reject(gone());
    const slots = this.slots.splice(0);
    for (const { jobs } of slots) {
      for (const { reject } of jobs.values()) reject(gone());
      jobs.clear();
    }
    await Promise.all(slots.map(({ worker }) => worker.terminate()));
  }
}

function gone(): ImageError {
  return new ImageError("worker-failed", "this loader was disposed of, or its pass ended, before the batch was done");
}
