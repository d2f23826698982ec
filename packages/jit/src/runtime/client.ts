import { startThread } from "#host";
import { JitError, type JitErrorCode } from "../errors.ts";
import type { Request } from "./protocol.ts";
import type { Thread } from "./thread.ts";

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A session in a thread of its own. The thread keeps the process alive only while a request is under way. */
export class Client {
  /** The thread; for tests, which make it crash. */
  readonly thread: Thread = startThread();
  readonly #pending = new Map<number, Pending>();
  #next = 0;
  #ended: JitError | undefined;

  constructor() {
    this.thread.listen(
      ({ id, value, error }) => {
        const pending = this.#pending.get(id);
        this.#settle(id);
        if (error) pending?.reject(new JitError("engine-failed", error.message));
        else pending?.resolve(value);
      },
      (why) => this.#end("worker-crashed", why),
    );
  }

  /** Requests under way. */
  get load(): number {
    return this.#pending.size;
  }

  /** Whether it takes requests: it neither crashed nor was closed. */
  get alive(): boolean {
    return this.#ended === undefined;
  }

  #settle(id: number): void {
    this.#pending.delete(id);
    if (this.#pending.size === 0) this.thread.hold(false);
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
      this.thread.hold(true);
      try {
        this.thread.post({ id, ...request }, [...new Set(transfer)] as ArrayBuffer[]);
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
    await this.thread.terminate();
  }
}
