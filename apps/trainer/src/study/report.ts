/** The study's page: a table, what it says of the article's advice, and how to run it again. */
import {
  FAMILIES,
  FRACTIONS,
  PRETRAIN_CLASSES,
  PRETRAIN_IMAGES,
  type Run,
  TRANSFER_CLASSES,
  TRANSFER_IMAGES,
} from "./plan.ts";
import { type Cell, cellOf, type Result } from "./results.ts";

const percent = (share: number, digits = 1): string => `${(100 * share).toFixed(digits)} %`;
const points = (share: number): string => (100 * share).toFixed(1);
const thousands = (n: number): string => n.toLocaleString("en");

/** Markdown of the whole page. */
export function page(results: readonly Result[]): string {
  const judged = results.find(({ kind }) => kind !== "pretrain")?.judged ?? 0;
  const seeds = new Set(results.map(({ seed }) => seed)).size;
  return `# Which should a user pick? Measured

The advice: with little data a ResNet, with much data a Vision Transformer. Checked on CIFAR-10 (JPEG-compressed), with networks of like size:
${PRETRAIN_CLASSES.join(", ")} (its first six classes) to pretrain on; ${TRANSFER_CLASSES.join(", ")} to move to, on 1, 10 and 100 % of their
20,000 training pictures. A pretraining sees ${thousands(PRETRAIN_IMAGES)} images and every other run ${thousands(TRANSFER_IMAGES)}, however many pictures
these are. Share of right answers of ${thousands(judged)} test pictures of the four classes, by the weights of the last step, in per cent; ${
    seeds === 1 ? "one run each" : `the mean of ${seeds} seeds`
  }.

${table(results).join("\n")}

![the table as curves](transfer.svg)

${verdict(results).join("\n\n")}

Margins are of the number of test pictures alone (95 %): ${
    seeds === 1 ? "what another seed would change is not in them" : "in brackets are the lowest and the highest seed"
  }. \`results.json\` has every run.

\`\`\`sh
npm run trainer -- study            # begun, it goes on where it was stopped: runs/study
\`\`\`
`;
}

/** A row a network and kind of run. */
export function table(results: readonly Result[]): string[] {
  const rows = FAMILIES.flatMap((family) =>
    (["scratch", "transfer"] as const).flatMap((kind) => {
      const cells = FRACTIONS.map((fraction) => cellOf(results, family.name, kind, fraction));
      if (cells.every((cell) => cell === undefined)) return [];
      const from = kind === "scratch" ? "nothing" : family.hub === undefined ? "the six classes" : "ImageNet-21k, -1k";
      const size = `${(family.params / 1e6).toFixed(2)} M | ${(1000 * family.gmacs).toFixed(0)}`;
      return [`| ${family.title} | ${size} | ${from} | ${cells.map(cellText).join(" | ")} |`];
    }),
  );
  return [
    `| network | parameters | MMACs | begins from | ${FRACTIONS.map((f) => percent(f, 0)).join(" | ")} |`,
    `| --- | --: | --: | --- |${FRACTIONS.map(() => " --: |").join("")}`,
    ...rows,
  ];
}

function cellText(cell: Cell | undefined): string {
  if (!cell) return "–";
  const range = cell.range ? ` (${points(cell.range[0])}–${points(cell.range[1])})` : "";
  return `${points(cell.top1)} ± ${points(cell.margin)}${range}`;
}

/** What the figures say, in sentences; nothing where runs are missing. */
export function verdict(results: readonly Result[]): string[] {
  const at = (family: string, kind: Run["kind"], fraction: number) => cellOf(results, family, kind, fraction);
  const [few, all] = [FRACTIONS[0], FRACTIONS[FRACTIONS.length - 1] as number];
  const sentences: string[] = [];
  const scratch = [few, all].map((fraction) =>
    compared("ResNet", at("resnet", "scratch", fraction), "ViT", at("vit", "scratch", fraction)),
  );
  if (scratch[0] && scratch[1]) {
    const [little, much] = scratch as [Compared, Compared];
    sentences.push(
      `**Little data: ResNet.** From scratch on 1 % (200 pictures) ${little.text}: the advice ${little.ahead === "ResNet" ? "holds" : "does not show"}.`,
      `**Much data: ViT.** From scratch on 100 % (20,000 pictures) ${much.text}: ${
        much.ahead === "ViT"
          ? "the advice holds"
          : "what is much data here is little to a transformer, and these runs cannot show where that turns"
      }.`,
    );
  }
  const moved = FAMILIES.flatMap(({ name, title, hub }) => {
    const [before, after] = [at(name, "scratch", few), at(name, "transfer", few)];
    return hub === undefined && before && after ? [`${title.split(",")[0]} ${signed(after.top1 - before.top1)}`] : [];
  });
  if (moved.length > 0) {
    sentences.push(`**Pretraining** on six other classes moves the figure on 1 % by, in points: ${moved.join(", ")}.`);
  }
  const best = FRACTIONS.flatMap((fraction) => {
    const ranked = FAMILIES.flatMap(({ name, title }) =>
      (["scratch", "transfer"] as const).flatMap((kind) => {
        const cell = at(name, kind, fraction);
        return cell
          ? [{ title: `${title.split(",")[0]} ${kind === "scratch" ? "from scratch" : "pretrained"}`, cell }]
          : [];
      }),
    ).sort((a, b) => b.cell.top1 - a.cell.top1);
    const [first] = ranked;
    return first ? [`${percent(fraction, 0)}: ${first.title} (${points(first.cell.top1)})`] : [];
  });
  if (best.length > 0) sentences.push(`**The best of each column.** ${best.join("; ")}.`);
  return sentences;
}

interface Compared {
  readonly ahead: string | undefined;
  readonly text: string;
}

/** Who is ahead by more than both margins together allow for. */
function compared(a: string, first: Cell | undefined, b: string, second: Cell | undefined): Compared | undefined {
  if (!first || !second) return undefined;
  const apart = first.top1 - second.top1;
  const figures = `${points(first.top1)} against ${points(second.top1)}`;
  if (Math.abs(apart) <= Math.hypot(first.margin, second.margin)) {
    return { ahead: undefined, text: `${a} and ${b} cannot be told apart (${figures})` };
  }
  const [ahead, behind] = apart > 0 ? [a, b] : [b, a];
  return {
    ahead,
    text: `the ${ahead} is ahead of the ${behind} by ${points(Math.abs(apart))} points (${a} ${figures})`,
  };
}

const signed = (share: number): string => `${share < 0 ? "−" : "+"}${points(Math.abs(share))}`;
