import type { Choice, Ready } from "./protocol.ts";

/** What the page says of the model that runs. */
export function about(choice: Choice, { name, labels, backend }: Ready): string {
  const what =
    choice.kind === "box"
      ? `The model in the box, ${choice.model.network},`
      : choice.kind === "files"
        ? `Your own model, a ${name} from ${choice.name},`
        : `The model from ${choice.weights}, a ${name},`;
  const things = labels.length === 1 ? "one thing" : `${labels.length} things`;
  return `${what} knows ${things}: ${listed(labels)}. It runs on ${backend}.`;
}

/** Its name and its size. */
export function sizeOf({ name, params, bytes }: Ready): string {
  const megabytes = bytes === 0 ? "" : `, ${(bytes / 1e6).toFixed(bytes < 1e6 ? 2 : 1)} MB`;
  return `${name}: ${params.toLocaleString("en-US")} parameters${megabytes}`;
}

const MOST = 10;
const LONGEST = 40;

/** The first of many names, and how many more there are. */
function listed(names: readonly string[]): string {
  const shown = names.slice(0, MOST).map((name) => {
    const letters = [...name];
    return letters.length > LONGEST ? `${letters.slice(0, LONGEST - 1).join("")}…` : name;
  });
  const more = names.length - shown.length;
  return `${shown.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
