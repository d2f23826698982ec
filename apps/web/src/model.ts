import type { Ask, Choice, Open, Tell } from "./protocol.ts";

/** A model in a worker of its own: stopping it gives all its memory back, whatever it was doing. */
export interface Model {
  readonly choice: Choice;
  ask(id: number, photo: File): Promise<void>;
  stop(): void;
}

/**
 * Starts a model.
 * @param hear what its worker says, first whether it is ready
 */
export function startModel(choice: Choice, hear: (message: Tell) => void): Model {
  // Written out twice: a bundler reads these lines.
  const worker =
    choice.kind === "box" && choice.model.architecture === "resnet20_cifar"
      ? new Worker(new URL("./worker.ts", import.meta.url), { type: "module" })
      : new Worker(new URL("./own-worker.ts", import.meta.url), { type: "module" });
  worker.addEventListener("message", ({ data }: MessageEvent<Tell>) => hear(data));
  worker.addEventListener("error", ({ message }) => {
    hear({ kind: "failed", message: message || "its script could not be loaded" });
  });
  worker.postMessage({ kind: "open", choice } satisfies Open);
  return {
    choice,
    async ask(id, photo) {
      const bytes = await photo.arrayBuffer();
      worker.postMessage({ kind: "ask", id, name: photo.name, bytes } satisfies Ask, [bytes]);
    },
    stop: () => worker.terminate(),
  };
}
