import type { Prediction } from "./protocol.ts";

/** A row for each class: its name, a bar, and its share in percent. */
export function barsOf(predictions: readonly Prediction[]): HTMLLIElement[] {
  return predictions.map(({ label, probability }) => {
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
    share.textContent = `${(100 * probability).toFixed(1)} %`;
    row.dataset.label = label;
    row.dataset.probability = String(probability);
    row.append(name, track, share);
    return row;
  });
}
