/** The page: takes a photo or a model, hands it to a worker, shows the answer as bars. */
import { about, sizeOf } from "./about.ts";
import { barsOf } from "./bars.ts";
import { boxModels } from "./box-models.ts";
import { chooser, inBox, sameChoice } from "./chooser.ts";
import { type Dropped, dropped } from "./dropped.ts";
import { type Model, startModel } from "./model.ts";
import { isOfModel, modelFiles } from "./model-files.ts";
import type { Choice, Prediction, Ready, Tell } from "./protocol.ts";

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
const own = element<HTMLInputElement>("own");
const box = element<HTMLButtonElement>("box");
const modelStatus = element<HTMLParagraphElement>("model-status");
const hint = element<HTMLParagraphElement>("hint");
const list = chooser(element<HTMLSelectElement>("model"), choose);

/** The model that answers. */
let running: Model | undefined;
/** The one that will in its place, once it is ready. */
let opening: Model | undefined;
let labels: readonly string[] = [];
/** The newest photo, and whether it still waits for a model. */
let photo: File | undefined;
let waiting = false;
let asked = 0;

function say(text: string, bad = false): void {
  status.textContent = text;
  status.classList.toggle("bad", bad);
}

function sayOfModel(text: string, bad = false): void {
  modelStatus.textContent = text;
  modelStatus.classList.toggle("bad", bad);
}

/** Opens a model; the one that runs goes on until the new one is ready. */
function open(choice: Choice, name: string): void {
  opening?.stop();
  const model = startModel(choice, (told) => {
    if (model === opening || model === running) hear(model, told); // else it was stopped meanwhile
  });
  opening = model;
  shown(choice);
  (running ? sayOfModel : say)(`Loading ${name}…`);
}

/** What is chosen, where the page says so. */
function shown(choice: Choice | undefined): void {
  list.show(choice);
  box.hidden = choice?.kind === "box";
  const text = choice?.kind === "box" ? choice.model.hint : undefined;
  hint.textContent = text ?? "";
  hint.hidden = text === undefined;
}

/** A row of the list: a model in the box, or the user's own that was open before. */
function choose(choice: Choice): void {
  if (running && sameChoice(running.choice, choice)) {
    stay(running);
    return;
  }
  addressOf(choice);
  open(choice, choice.kind === "box" ? choice.model.title : "the model");
}

/** The model that runs, after all: at once, as it never stopped. */
function stay(model: Model): void {
  opening?.stop();
  settle(model);
  sayOfModel("");
}

function hear(model: Model, told: Tell): void {
  if (told.kind === "ready") ready(model, told);
  else if (told.kind === "progress")
    (running ? sayOfModel : say)(`Loading the model… ${Math.round(100 * told.part)} %`);
  else if (told.kind === "failed") failed(model, told.message);
  else if (told.id !== asked)
    return; // a later photo was chosen meanwhile
  else if (told.kind === "error") fail(told.message);
  else show(told.known, told.predictions);
}

function ready(model: Model, told: Ready): void {
  const first = running === undefined;
  running?.stop();
  running = model;
  opening = undefined;
  labels = told.labels;
  element("about").textContent = about(model.choice, told);
  element("size").textContent = sizeOf(told);
  element("which").textContent = model.choice.kind === "box" ? model.choice.model.network : `a ${told.name}`;
  document.body.dataset.backend = told.backend;
  document.body.dataset.model = told.name;
  sayOfModel(first ? "" : `${model.choice.kind === "box" ? model.choice.model.title : "Your model"} answers now.`);
  if (photo) ask();
  else say("Ready.");
}

function failed(model: Model, message: string): void {
  if (model === running) {
    fail(`The model has stopped: ${message}`);
  } else if (running) {
    model.stop();
    settle(running);
    sayOfModel(message, true);
  } else {
    model.stop();
    opening = undefined;
    list.show(undefined); // the same row can be chosen again
    say(`The model could not be loaded: ${message}`, true);
  }
}

/** Nothing is being opened any more: the model that runs answers what waited. */
function settle({ choice }: Model): void {
  opening = undefined;
  shown(choice);
  addressOf(choice);
  if (waiting) ask();
}

function openFiles({ files, folder }: Dropped): void {
  try {
    const name = folder ?? "your files";
    const choice = { kind: "files", name, files: modelFiles(files, folder) } as const;
    addressOf(choice);
    open(choice, name);
  } catch (error) {
    sayOfModel((error as Error).message, true);
  }
}

/**
 * What `?weights=` says: a model in the box by the name of its package, the address of a folder, relative to the page, or `hf-hub:` and
 * a name on the hub.
 */
function openAddress(given: string): void {
  const boxed = boxModels.find(({ id }) => id === given);
  if (boxed) {
    open(inBox(boxed), "the model");
    return;
  }
  element("which").textContent = "the model asked for";
  const url = URL.canParse(given, location.href) ? new URL(given, location.href) : undefined;
  if (url && /^(https?|hf-hub):$/.test(url.protocol) && !given.startsWith("@")) {
    open({ kind: "address", weights: url.href }, "the model");
    return;
  }
  shown(undefined);
  const expected = given.startsWith("@")
    ? `of the box there is ${boxModels.map(({ id }) => id).join(", ")}`
    : "expected the address of its folder";
  say(`The model could not be loaded: ?weights= is ${JSON.stringify(given)}, ${expected}`, true);
}

/** The page's address asks for what is chosen, so that a reload gives it; files of the user's own are in no address. */
function addressOf(choice: Choice): void {
  const url = new URL(location.href);
  url.searchParams.delete("weights");
  const first = choice.kind === "box" && choice.model.id === boxModels[0].id;
  const wanted = choice.kind === "box" ? choice.model.id : choice.kind === "address" ? choice.weights : undefined;
  if (wanted !== undefined && !first) url.searchParams.set("weights", wanted);
  // What need not be escaped in a query stays readable.
  const href = url.href.replaceAll("%40", "@").replaceAll("%2F", "/").replaceAll("%3A", ":");
  if (href !== location.href) history.replaceState(null, "", href);
}

function look(chosen: File): void {
  photo = chosen;
  if (preview.src) URL.revokeObjectURL(preview.src);
  preview.src = URL.createObjectURL(chosen);
  preview.alt = chosen.name;
  preview.hidden = false;
  ask();
}

/** Shows the newest photo to the model, as soon as there is one. */
function ask(): void {
  if (!photo) return;
  const { name } = photo;
  const id = ++asked;
  answer.hidden = true;
  waiting = opening !== undefined || running === undefined;
  if (!waiting) {
    say(`Looking at ${name}…`);
    running?.ask(id, photo).catch((error: Error) => fail(`${name} cannot be read: ${error.message}`));
  } else if (opening) say(`Looking at ${name} as soon as the model is there…`);
  else say("There is no model: choose one of your own, or one in the box.", true);
}

function fail(message: string): void {
  answer.hidden = true;
  say(message, true);
}

function show(known: boolean, predictions: readonly Prediction[]): void {
  const best = predictions[0];
  if (!best) return;
  title.textContent = known ? `It looks like: ${best.label}` : "It looks like none of the things I know";
  doubt.hidden = known;
  doubt.textContent = `The nearest would be “${best.label}”, but the picture is unlike the ${labels.length} things that this model was taught.`;
  bars.replaceChildren(...barsOf(predictions));
  answer.hidden = false;
  say(
    known
      ? `${best.label}, ${(100 * best.probability).toFixed(1)} percent.`
      : "None of the things that this model knows.",
  );
}

/** A photo, or a model: their names tell. */
function take(given: Dropped): void {
  if (given.folder !== undefined || given.files.some(isOfModel)) openFiles(given);
  else if (given.files[0]) look(given.files[0]);
}

preview.addEventListener("error", () => {
  preview.hidden = true; // the worker says what is wrong with the file
});
// Emptied at once, so that the same files can be chosen again: mended, or after others were dropped.
file.addEventListener("change", () => {
  const chosen = file.files?.[0];
  file.value = "";
  if (chosen) look(chosen);
});
own.addEventListener("change", () => {
  const files = [...(own.files ?? [])];
  own.value = "";
  if (files.length > 0) openFiles({ files });
});
box.addEventListener("click", () => choose(inBox(boxModels[0])));
for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
document.addEventListener("dragleave", () => drop.classList.remove("over"));
document.addEventListener("drop", async (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  const { dataTransfer } = event;
  if (!dataTransfer?.files.length) return say("That was not a file: drop a photo from your computer.", true);
  try {
    take(await dropped(dataTransfer));
  } catch (error) {
    say(`What was dropped cannot be read: ${(error as Error).message}`, true);
  }
});
document.addEventListener("paste", (event) => {
  take({ files: [...(event.clipboardData?.files ?? [])] });
});
element<HTMLFormElement>("form").addEventListener("submit", (event) => event.preventDefault());

const weights = new URLSearchParams(location.search).get("weights");
if (weights) openAddress(weights);
else open(inBox(boxModels[0]), "the model");
