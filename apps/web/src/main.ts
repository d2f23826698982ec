/** The page: takes a photo, hands its bytes to the worker, shows the answer as bars. */
import type { Ask, Prediction, Tell } from "./protocol.ts";

function element<T extends HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found as T;
}

const file = element<HTMLInputElement>("file");
const drop = element<HTMLLabelElement>("drop");
const preview = element<HTMLImageElement>("preview");
const status = element<HTMLParagraphElement>("status");
const answer = element<HTMLElement>("answer");
const title = element<HTMLHeadingElement>("answer-title");
const doubt = element<HTMLParagraphElement>("doubt");
const bars = element<HTMLOListElement>("bars");

let asked = 0;
let ready = false;
let waiting: File | undefined;
let labels: readonly string[] = [];

const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
worker.addEventListener("message", ({ data }: MessageEvent<Tell>) => {
  if (data.kind === "ready") {
    ready = true;
    labels = data.labels;
    element("about").textContent =
      `The model is a ResNet-20 that knows ${labels.length} things: ${labels.join(", ")}. It runs on ${data.backend}.`;
    document.body.dataset.backend = data.backend;
    say("Ready.");
    if (waiting) void ask(waiting);
  } else if (data.kind === "failed") say(data.message, true);
  else if (data.id !== asked)
    return; // a later photo was chosen meanwhile
  else if (data.kind === "error") fail(data.message);
  else show(data.known, data.predictions);
});
worker.addEventListener("error", (event) => say(`The model could not be started: ${event.message}`, true));

function say(text: string, bad = false): void {
  status.textContent = text;
  status.classList.toggle("bad", bad);
}

function fail(message: string): void {
  answer.hidden = true;
  say(message, true);
}

async function ask(photo: File): Promise<void> {
  waiting = undefined;
  const id = ++asked;
  answer.hidden = true;
  say(`Looking at ${photo.name}…`);
  if (preview.src) URL.revokeObjectURL(preview.src);
  preview.src = URL.createObjectURL(photo);
  preview.alt = photo.name;
  preview.hidden = false;
  if (!ready) {
    waiting = photo;
    return;
  }
  const bytes = await photo.arrayBuffer();
  worker.postMessage({ id, name: photo.name, bytes } satisfies Ask, [bytes]);
}

function show(known: boolean, predictions: readonly Prediction[]): void {
  const best = predictions[0];
  if (!best) return;
  title.textContent = known ? `It looks like: ${best.label}` : "It looks like none of the things I know";
  doubt.hidden = known;
  doubt.textContent = `The nearest would be “${best.label}”, but the picture is unlike the ${labels.length} things that this model was taught.`;
  bars.replaceChildren(
    ...predictions.map(({ label, probability }) => {
      const percent = `${(100 * probability).toFixed(1)} %`;
      const row = document.createElement("li");
      const name = document.createElement("span");
      name.textContent = label;
      const track = document.createElement("span");
      track.className = "track";
      track.setAttribute("aria-hidden", "true");
      const fill = document.createElement("span");
      fill.className = "fill";
      fill.style.width = `${100 * probability}%`;
      track.append(fill);
      const share = document.createElement("span");
      share.className = "share";
      share.textContent = percent;
      row.dataset.label = label;
      row.dataset.probability = String(probability);
      row.append(name, track, share);
      return row;
    }),
  );
  answer.hidden = false;
  say(
    known
      ? `${best.label}, ${(100 * best.probability).toFixed(1)} percent.`
      : "None of the things that this model knows.",
  );
}

preview.addEventListener("error", () => {
  preview.hidden = true; // the worker says what is wrong with the file
});
file.addEventListener("change", () => {
  const photo = file.files?.[0];
  if (photo) void ask(photo);
});
for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
document.addEventListener("dragleave", () => drop.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  const photo = event.dataTransfer?.files[0];
  if (photo) void ask(photo);
  else say("That was not a file: drop a photo from your computer.", true);
});
document.addEventListener("paste", (event) => {
  const photo = event.clipboardData?.files[0];
  if (photo) void ask(photo);
});
element<HTMLFormElement>("form").addEventListener("submit", (event) => event.preventDefault());
