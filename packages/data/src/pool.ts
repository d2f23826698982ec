import { Worker } from "node:worker_threads";
import { ImageError } from "./errors.ts";
import type { Answer, Question, WorkerSettings } from "./worker-protocol.ts";

/** Pictures that a worker holds at once: the next is decoded by libuv's threads while one is resampled. */
export const DEPTH = 2;

interface Job {
  readonly question: Question;
  resolve(data: Float32Array): void;
  reject(error: ImageError): void;
}

interface Slot {
  readonly worker: Worker;
  readonly jobs: Map<number, Job>;
}

/** Worker threads that answer one question a picture. A thread that is lost costs its own pictures, no others. */
export class Pool {
  readonly threads: number;
  readonly settings: WorkerSettings;
  readonly slots: Slot[] = [];
  readonly waiting: Job[] = [];
  #next = 0;
  readonly findWorker: () => Promise<URL>;
  #url: Promise<URL> | undefined;
  #disposed = false;

  constructor(threads: number, settings: WorkerSettings, findWorker: () => Promise<URL>) {
    this.findWorker = findWorker;
    this.threads = threads;
    this.settings = settings;
  }

  async run(source: Uint8Array | string, name: string | undefined): Promise<Float32Array> {
    this.#url ??= this.findWorker();
    const url = await this.#url;
    if (this.#disposed) throw gone();
    return new Promise((resolve, reject) => {
      this.waiting.push({ question: { id: this.#next++, source, name }, resolve, reject });
      this.#feed(url);
    });
  }

  /** Hands waiting pictures to the least busy thread, starting threads while all are busy. */
  #feed(url: URL): void {
    while (this.waiting.length > 0) {
      let slot: Slot | undefined;
      for (const s of this.slots) if (s.jobs.size < (slot?.jobs.size ?? DEPTH)) slot = s;
      if (this.slots.length < this.threads && (slot === undefined || slot.jobs.size > 0)) slot = this.#start(url);
      if (!slot) return;
      const job = this.waiting.shift() as Job;
      slot.jobs.set(job.question.id, job);
      slot.worker.ref();
      slot.worker.postMessage(job.question);
    }
  }

  #start(url: URL): Slot {
    const slot: Slot = { worker: new Worker(url, { workerData: this.settings }), jobs: new Map() };
    const { worker, jobs } = slot;
    worker.on("message", (answer: Answer) => {
      const job = jobs.get(answer.id);
      jobs.delete(answer.id);
      if (jobs.size === 0) worker.unref(); // an idle pool does not keep the process alive
      if ("data" in answer) job?.resolve(answer.data);
      else job?.reject(new ImageError(answer.error.code, answer.error.message, { file: answer.error.file }));
      this.#feed(url);
    });
    const lost = (what: string, cause?: unknown): void => {
      const at = this.slots.indexOf(slot);
      if (at >= 0) this.slots.splice(at, 1);
      for (const { question, reject } of jobs.values()) {
        const file = question.name ?? (typeof question.source === "string" ? question.source : undefined);
        reject(new ImageError("worker-failed", `${file ?? "image"}: the worker thread ${what}`, { file, cause }));
      }
      jobs.clear();
      if (!this.#disposed) this.#feed(url); // others wait: another thread takes them
    };
    worker.on("error", (error) => lost(`failed: ${(error as Error).message}`, error));
    worker.on("messageerror", (error) => lost(`sent what cannot be read: ${error.message}`, error));
    worker.on("exit", (code) => lost(`ended with exit code ${code}`));
    this.slots.push(slot);
    return slot;
  }

  async dispose(): Promise<void> {
    this.#disposed = true;
    for (const job of this.waiting.splice(0)) job.reject(gone());
    const slots = this.slots.splice(0);
    for (const { jobs } of slots) {
      for (const { reject } of jobs.values()) reject(gone());
      jobs.clear();
    }
    await Promise.all(slots.map(({ worker }) => worker.terminate()));
  }
}

function gone(): ImageError {
  return new ImageError("worker-failed", "this preprocessor was disposed of before the picture was done");
}
