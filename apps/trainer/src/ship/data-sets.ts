/** The data sets that packaged weights are of: `weights-NAME` holds models of the data set NAME. */
import { join } from "node:path";
import { root } from "../places.ts";

export interface DataSet {
  readonly name: string;
  /** For people. */
  readonly title: string;
  /** Its name on the hub. */
  readonly id: string;
  readonly folder: string;
  /** What the card says of it, in Markdown. */
  readonly about: string;
  /** Of the card: what lies outside of what such a model knows. */
  readonly outside: string;
  /** ImageNet-1k's classes whose photos show one of its classes, or what a person might well call so: they are no strangers. */
  readonly related: ReadonlySet<number>;
}

const span = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

export const dataSets: readonly DataSet[] = [
  {
    name: "cifar10",
    title: "CIFAR-10",
    id: "cifar10",
    folder: join(root, "../shared/data/cifar10-jpeg"),
    about: `CIFAR-10 (Krizhevsky, *Learning multiple layers of features from tiny images*, 2009), from a mirror that stored the images as JPEG
(quality about 75, halved chroma). **The score is for those images**, training and test alike; scores of papers are for the original
pixels, and the two cannot be compared. The images themselves are not distributed here.`,
    outside: "Trained on 32-pixel pictures with one centred object: large scenes, small objects and drawings",
    related: new Set([
      ...[...span(7, 24), ...span(80, 100), ...span(127, 146)], // birds
      ...span(30, 32), // frogs
      ...[...span(151, 275), ...span(281, 293)], // dogs and their cousins, cats
      ...[339, 340, 603, ...span(345, 353)], // horses, zebras, oxen, antelopes
      ...[403, 404, 405, 417, 895, 908], // aircraft
      ...[407, 436, 468, 511, 555, 569, 573, 575, 609, 627, 654, 656, 661, 675], // cars, trucks
      ...[717, 734, 751, 779, 817, 829, 864, 867, 874],
      ...[472, 484, 510, 554, 576, 625, 628, 724, 780, 814, 833, 871, 914], // ships and boats
    ]),
  },
  {
    name: "fashion-mnist",
    title: "Fashion-MNIST",
    id: "fashion_mnist",
    folder: "/usr/share/datasets/fashion-mnist", // Debian's package dataset-fashion-mnist
    about: `Fashion-MNIST (Xiao, Rasul, Vollgraf, [arXiv 1708.07747](https://arxiv.org/abs/1708.07747)): 60,000 training and 10,000 test pictures of
Zalando's articles, grey, 28 pixels, MIT licence, as in Debian's package \`dataset-fashion-mnist\`. The images themselves are not distributed here.`,
    outside:
      "Trained on single articles, bright on black, grey, 28 pixels: photos of people, colours and light grounds",
    related: new Set([
      ...[399, 400, 501, 578, 601, 614, 655, 689, 697, 775, 887], // gowns, skirts, robes
      ...[465, 474, 490, 568, 608, 610, 617, 638, 639, 652, 735, 834, 841, 869], // coats, shirts, trousers
      ...[502, 514, 630, 770, 774], // shoes
      ...[411, 414, 636, 728, 748], // aprons, bags
    ]),
  },
];

/** The data set of a weights package: `@vitrail/weights-cifar10`. */
export function dataSetOf(packageName: string): DataSet {
  const name = /\/weights-(.+)$/.exec(packageName)?.[1];
  const found = dataSets.find((one) => one.name === name);
  if (found) return found;
  const known = dataSets.map((one) => `@vitrail/weights-${one.name}`).join(", ");
  throw new Error(
    `${packageName}: expected a weights package of a known data set (${known}); others go into data-sets.ts`,
  );
}
