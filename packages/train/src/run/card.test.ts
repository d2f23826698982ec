import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { classifierMetrics } from "../metrics/classifier.ts";
import { modelCard } from "./card.ts";
import { readJsonLines } from "./json-lines.ts";

const report = () => {
  const metrics = classifierMetrics({ classes: 2 });
  metrics.add(Float32Array.of(2, 0, 0, 1, 1, 0, 3, 0), [0, 1, 1, 0]);
  return metrics.report();
};
const front = (card: string) => parse(card.split("---\n")[1] as string);

describe("modelCard", () => {
  const least = { name: "runs/cats", architecture: "resnet18", classes: ["cat", "dog"] };

  test("says what is known, and nothing else", () => {
    const card = modelCard(least);
    expect(front(card)).toEqual({
      library_name: "vitrail",
      pipeline_tag: "image-classification",
      tags: ["image-classification", "vitrail"],
    });
    expect(card).toContain("`resnet18`, trained from scratch: 2 classes.");
    expect(card).toContain("vitrail classify photo.jpg --weights runs/cats");
    expect(card).not.toMatch(/undefined|null|NaN|## Results|## Training/);
    expect(modelCard(least)).toBe(card);
  });

  test("has the results, the settings and the plots", () => {
    const card = modelCard({
      ...least,
      baseModel: "timm/resnet18.a1_in1k",
      license: "apache-2.0",
      dataset: { name: "Cats", id: "me/cats", images: { train: 100, validation: 4 } },
      tags: ["timm", "vitrail"],
      report: report(),
      temperature: 1.25,
      epochs: 3,
      updates: 12,
      args: { model: "resnet18", lr: 0.001 },
      environment: { engine: "ort" },
      plots: { Loss: "plots/loss curve.svg" },
    });
    expect(front(card)).toEqual({
      license: "apache-2.0",
      library_name: "vitrail",
      pipeline_tag: "image-classification",
      tags: ["image-classification", "vitrail", "timm"],
      base_model: "timm/resnet18.a1_in1k",
      datasets: ["me/cats"],
      metrics: ["accuracy", "f1"],
      "model-index": [
        {
          name: "runs/cats",
          results: [
            {
              task: { type: "image-classification" },
              dataset: { name: "Cats", type: "me/cats", split: "validation" },
              metrics: [
                { type: "accuracy", value: 0.75, name: "top-1 accuracy" },
                { type: "f1", value: report().macro.f1, name: "macro F1" },
              ],
            },
          ],
        },
      ],
    });
    for (const line of [
      "`resnet18`, fine-tuned from `timm/resnet18.a1_in1k` on Cats: 2 classes. It finds the right class of 75.00 % of 4 validation images.",
      "| top-1 on the 4 validation images | **75.00 %** (95 % interval 30.06 to 95.44, Wilson) |",
      "| dog | 50.00 % | 100.00 % | 66.67 % | 2 |",
      "| dog | cat | 1 |",
      "| fitted temperature | 1.250 |",
      "![Loss](plots/loss%20curve.svg)",
      "train: 100 images, validation: 4 images; 3 epochs, 12 updates.",
      "model: resnet18",
      "engine: ort",
    ]) {
      expect(card.split("\n")).toContain(line);
    }
    expect(card).not.toContain("top-5");
  });

  test("has what else was measured, further sections, and where the weights are", () => {
    const card = modelCard({
      ...least,
      report: report(),
      measured: { "top-1 on 9 others": "**1.00 %**" },
      sections: { Limits: "* It knows cats.\n" },
      weights: "node_modules/@me/cats",
      paper: "https://arxiv.org/abs/1512.03385",
    });
    expect(card).toContain("`resnet18` (https://arxiv.org/abs/1512.03385), trained from scratch: 2 classes.");
    expect(card).toContain("| top-1 on 9 others | **1.00 %** |\n");
    expect(card).toContain("\n## Limits\n\n* It knows cats.\n\n## Classes\n");
    expect(card).toContain("--weights node_modules/@me/cats\n");
  });

  test("names cannot break out of tables, headings or blocks", () => {
    const name = "a|b\n---\n# <script>";
    const card = modelCard({ ...least, name, classes: [name, "`x`"], report: report(), args: { note: "```\n# out" } });
    expect(front(card)["model-index"]).toBeUndefined(); // there is no dataset
    expect(card.split("\n").filter((line) => line.startsWith("# "))).toEqual([
      "# a\\|b --- \\# \\<script\\>",
      ...card.split("\n").filter((line) => line === "# out"),
    ]);
    expect(card).toContain("````yaml");
    expect(modelCard({ ...least, classes: Array.from({ length: 300 }, (_, k) => `c${k}`) })).toContain("(300 in all");
  });
});

describe("readJsonLines", () => {
  test("reads rows, and leaves out what a kill has torn", () => {
    expect(readJsonLines('{"a":1}\n\n{"a":2}\n')).toEqual({ rows: [{ a: 1 }, { a: 2 }] });
    expect(readJsonLines('{"a":1}\n{"a":2}')).toEqual({ rows: [{ a: 1 }, { a: 2 }] });
    expect(readJsonLines(new TextEncoder().encode('{"a":1}\r\n{"a":"é').slice(0, -1))).toMatchObject({
      rows: [{ a: 1 }],
      torn: '{"a":"\ufffd',
    });
    expect(readJsonLines('{"a":1}\n12')).toEqual({ rows: [{ a: 1 }], torn: "12" });
    expect(readJsonLines("")).toEqual({ rows: [] });
  });

  test("names a line in the middle that is no JSON", () => {
    expect(() => readJsonLines('{"a":1}\n{"a"\n{"a":2}\n', "metrics.jsonl")).toThrow(
      "metrics.jsonl: line 2 is no JSON",
    );
  });
});
