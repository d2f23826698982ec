/**
 * Any model that the library builds, in a worker: from files of the user's own or from an address. A worker apart from the box's, so
 * that a first visit loads one model's code and not that of all.
 */

import { type Classifier, createClassifier } from "@vitrail/classify";
import { nearestNames, type OpenOptions } from "@vitrail/hub";
import { cifarBackbone, resnet20_cifar, resnetModels } from "@vitrail/resnet";
import { vit_mini_r20_s4_32, vitModels } from "@vitrail/vit";
import type { Choice, Open } from "./protocol.ts";
import { backendOptions, serve, tell } from "./serve.ts";

const hybrid = vit_mini_r20_s4_32(cifarBackbone(resnet20_cifar));
const models = { ...resnetModels, ...vitModels, [hybrid.name]: hybrid };

serve(
  new Promise((resolve) => {
    const first = ({ data }: MessageEvent<Open>) => resolve(open(data.choice));
    self.addEventListener("message", first, { once: true });
  }),
);

async function open(choice: Open["choice"]): Promise<Classifier> {
  const { weights, hub, named } = choice.kind === "files" ? fromFiles(choice) : fromAddress(choice.weights);
  try {
    return await createClassifier({ models, weights, hub, backendOptions: backendOptions() });
  } catch (error) {
    throw new Error(named(explained(error as Error)), { cause: error });
  }
}

interface Source {
  readonly weights: string;
  readonly hub: OpenOptions;
  /** A message with the files called as the user calls them. */
  named(message: string): string;
}

/** A folder under an address that nothing is ever fetched from: the library opens it as any other, and finds these files. */
function fromFiles({ name, files }: Extract<Choice, { kind: "files" }>): Source {
  const base = "https://files.invalid/";
  return {
    weights: base,
    hub: {
      retries: 0, // a file that cannot be read now will not be in a second
      fetch: async ({ pathname }) => {
        const file = files.get(decodeURIComponent(pathname.slice(1)));
        return file ? new Response(file) : new Response(null, { status: 404 });
      },
    },
    named(message) {
      let text = message;
      for (const [path, file] of files) text = text.replaceAll(`${base}${encodeURIComponent(path)}`, file.name);
      return text.replaceAll(base, name);
    },
  };
}

function fromAddress(weights: string): Source {
  let told = 0;
  return {
    weights,
    hub: {
      onProgress({ loaded, total }) {
        const part = total ? Math.min(1, loaded / total) : 0;
        // Each twentieth is enough to see, and little enough to hear.
        if (Math.floor(part * 20) === Math.floor(told * 20)) return;
        told = part;
        tell({ kind: "progress", part });
      },
    },
    named: (message) => message,
  };
}

/** What a page can add to, or has no use for in, the library's words. */
function explained(error: Error): string {
  const { message } = error;
  const { code } = error as { code?: unknown };
  if (code === "unknown-model") {
    const known = Object.keys(models);
    const near = nearestNames(/architecture "([^"]*)"/.exec(message)?.[1] ?? "", known);
    return `${message}${near.length > 0 ? `; did you mean ${near.join(" or ")}?` : ""} Known are ${known.join(", ")}`;
  }
  // On a command line a flag names the model of bare weights; here only config.json does.
  return message.replace(/: say which model it is \(--model NAME\)/, ", and a page cannot tell without");
}
