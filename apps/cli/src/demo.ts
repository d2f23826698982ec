import { fileURLToPath } from "node:url";
import { count, percent } from "./commands/classify.ts";
import { entriesOf } from "./files.ts";
import { endQuietlyOnClosedPipe, print, say, table } from "./io.ts";
import { openBox } from "./open-classifier.ts";

/** `npm run demo`: the sample photos through the model in the box, a line each: file, label, probability. */
endQuietlyOnClosedPipe();
const folder = fileURLToPath(new URL("../photos", import.meta.url));
const entries = (await entriesOf([folder], () => {})).filter((entry) => entry.error === undefined);
const classifier = await openBox({ threads: 0 }, say);
const rows: string[][] = [];
for await (const outcome of classifier.each(entries.map(({ path }) => path))) {
  if (outcome.error) throw outcome.error;
  const best = outcome.predictions[0];
  const file = entries[rows.length]?.file.slice(folder.length + 1) ?? "";
  const note = outcome.known === false ? `looks like none of the ${count(classifier.labels)}` : "";
  rows.push([file, best?.label ?? "", percent(best?.probability ?? 0), note]);
}
await classifier.dispose();
for (const line of table(rows, [false, false, true])) print(line);
