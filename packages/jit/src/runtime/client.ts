import { Worker } from "node:worker_threads";
import { JitError, type JitErrorCode } from "../errors.ts";
import { workerUrl } from "../worker-url.ts";
import type { Request } from "./protocol.ts";

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A session in a thread of its own. The thread keeps the process alive only while a request is under way. */
export class Client {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #next = 0;
  #ended: JitError | undefined;

  constructor() {
    this.#worker = new Worker(workerUrl());
    this.#worker.unref();
    this.#worker.on("message", ({ id, value, error }: { id: number; value: unknown; error?: { message: string } }) => {
      const pending = this.#pending.get(id);
      this.#settle(id);
      if (error) pending?.reject(new JitError("engine-failed", error.message));
      else pending?.resolve(value);
    });
    this.#worker.on("error", (error: Error) => this.#end("worker-crashed", `the worker failed: ${error.message}`));
    this.#worker.on("exit", (code) => this.#end("worker-crashed", `the worker ended by itself with status ${code}`));
  }

  #settle(id: number): void {
    this.#pending.delete(id);
    if (this.#pending.size === 0) this.#worker.unref();
  }

  #end(code: JitErrorCode, message: string): void {
    this.#ended ??= new JitError(code, message);
    for (const { reject } of this.#pending.values()) reject(this.#ended);
    this.#pending.clear();
  }

  /** Sends a request; the buffers of its tensors are transferred. */
  request<T>(request: Request, transfer: readonly ArrayBufferLike[] = []): Promise<T> {
    if (this.#ended) return Promise.reject(this.#ended);
    return new Promise<T>((resolve, reject) => {
      const id = this.#next++;
      this.#pending.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#worker.ref();
      try {
        this.#worker.postMessage({ id, ...request }, [...new Set(transfer)] as ArrayBuffer[]);
      } catch (error) {
        this.#settle(id);
        reject(error as Error);
      }
    });
  }

  /** Waits for what is under way, frees the session and ends the thread. */
  async close(): Promise<void> {
    if (this.#ended) return;
    const closed = this.request<void>({ kind: "close" });
    this.#ended = new JitError("disposed", "it was disposed: compile again");
    await closed.catch(() => undefined);
    await this.#worker.terminate();
  }

  /** The thread, for tests that make it crash. */
  get thread(): Worker {
    return this.#worker;
  }
}
