/**
 * Any model that the library builds, in a worker: from files of the user's own, from an address, or in the box. A worker apart from
 * that of the first visit, which loads one model's code and not that of all.
 */

import { createClassifier } from "@vitrail/classify";
import { nearestNames, type OpenOptions, type WeightsInput } from "@vitrail/hub";
import { cifarBackbone, resnet20_cifar, resnetModels } from "@vitrail/resnet";
import { vit_mini_r20_s4_32, vitModels } from "@vitrail/vit";
import type { Choice } from "./protocol.ts";
import { backendOptions, serve } from "./serve.ts";

const hybrid = vit_mini_r20_s4_32(cifarBackbone(resnet20_cifar));
const models = { ...resnetModels, ...vitModels, [hybrid.name]: hybrid };

serve(async (choice, given) => {
  const { weights, hub, named } = sourceOf(choice);
  try {
    return await createClassifier({
      models,
      weights,
      hub: { ...given, ...hub },
      backendOptions: backendOptions(),
    });
  } catch (error) {
    throw new Error(named(explained(error as Error)), { cause: error });
  }
});

function sourceOf(choice: Choice): Source {
  if (choice.kind === "files") return fromFiles(choice);
  const weights =
    choice.kind === "address" ? choice.weights : { config: choice.model.config, model: choice.model.model };
  return { weights, hub: {}, named: (message) => message };
}

interface Source {
  readonly weights: WeightsInput;
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
