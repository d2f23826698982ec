import { type BoxModel, boxModels } from "./box-models.ts";
import type { Choice } from "./protocol.ts";

/** The list of models: those in the box, and the user's own since the page was opened. */
export interface Chooser {
  /** Marks what is chosen, adding a row for what is new; undefined marks none, so that any row can be chosen. */
  show(choice: Choice | undefined): void;
}

/** A model in the box as a choice. */
export function inBox(model: BoxModel): Choice {
  const full = (url: string) => new URL(url, location.href).href;
  return { kind: "box", model: { ...model, config: full(model.config), model: full(model.model) } };
}

/** Whether two choices are one model: what the user gave twice is read twice. */
export function sameChoice(a: Choice, b: Choice): boolean {
  if (a.kind === "box") return b.kind === "box" && a.model.id === b.model.id;
  if (a.kind === "address") return b.kind === "address" && a.weights === b.weights;
  return a === b;
}

/**
 * Fills the list.
 * @param chosen what the user picked from it
 */
export function chooser(select: HTMLSelectElement, chosen: (choice: Choice) => void): Chooser {
  const rows: Choice[] = [];
  const add = (choice: Choice) => {
    rows.push(choice);
    select.add(new Option(titleOf(choice), choice.kind === "box" ? choice.model.id : choice.kind));
  };
  for (const model of boxModels) add(inBox(model));
  select.addEventListener("change", () => {
    const choice = rows[select.selectedIndex];
    if (choice) chosen(choice);
  });
  return {
    show(choice) {
      let at = choice === undefined ? -1 : rows.findIndex((row) => sameChoice(row, choice));
      if (choice !== undefined && at < 0) {
        // One row for the user's own: the newest.
        const last = rows.length - 1;
        if (rows[last]?.kind !== "box") {
          rows.pop();
          select.remove(last);
        }
        add(choice);
        at = rows.length - 1;
      }
      select.selectedIndex = at;
    },
  };
}

function titleOf(choice: Choice): string {
  if (choice.kind === "box") return choice.model.title;
  if (choice.kind === "address") return `From ${choice.weights}`;
  return `Your own: ${choice.name}`;
}
