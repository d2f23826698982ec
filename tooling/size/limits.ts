/** What a published package may weigh and bring along. Raise a ceiling in the commit that needs it, and say why there. */
export interface Limit {
  readonly folder: string;
  /** The built entries: file below dist/, platform, and ceilings in bytes after minify and gzip. */
  readonly entries: readonly Entry[];
  /** The workspace packages that installing this one may bring in, all of them. */
  readonly workspace: readonly string[];
  /** Packages that installing this one must not bring in, nor its code import in any way. */
  readonly mustNotAppear: readonly RegExp[];
}

export interface Entry {
  readonly file: string;
  readonly platform: "browser" | "node";
  /** The package's own code. */
  readonly own: number;
  /** Its own code and all that is loaded with it at once (what `import()` loads later is not counted). */
  readonly whole: number;
  /** What this entry must not import in any way, beyond the package's own list. */
  readonly mustNotAppear?: readonly RegExp[];
}

const sharp = [/^sharp$/, /^@img\//];
const engines = [
  /^onnxruntime-/,
  /^@tensorflow\/tfjs-(node|node-gpu|backend-webgl|backend-webgpu)$/,
  /^@tensorflow\/tfjs$/,
];
const hubClient = [/^@huggingface\//, /^@vitrail\/hub$/];
const nothing = [...sharp, ...engines, ...hubClient];

export const limits: readonly Limit[] = [
  {
    folder: "packages/checkpoint",
    // readers of torch's and numpy's files, and the name maps of three libraries
    entries: [{ file: "index.js", platform: "browser", own: 26_000, whole: 29_000 }],
    workspace: [],
    mustNotAppear: [/^(?!fflate$)/], // fflate inflates zip files, in browsers too
  },
  {
    folder: "packages/random",
    entries: [{ file: "index.js", platform: "browser", own: 2_500, whole: 2_500 }],
    workspace: [],
    mustNotAppear: [/./],
  },
  {
    folder: "packages/tensor",
    entries: [{ file: "index.js", platform: "browser", own: 7_000, whole: 100_000 }],
    workspace: [],
    mustNotAppear: nothing,
  },
  {
    folder: "packages/layers",
    // fusions, LoRA and what adapts a checkpoint are a quarter of it; a model pulls in none of them but what it calls
    entries: [{ file: "index.js", platform: "browser", own: 9_700, whole: 102_000 }],
    workspace: ["@vitrail/tensor"],
    mustNotAppear: nothing,
  },
  {
    folder: "packages/resnet",
    // the table of its checkpoints is a third of it; of one model comes that model's rows; four plain networks to compare with
    entries: [{ file: "index.js", platform: "browser", own: 4_400, whole: 104_000 }],
    workspace: ["@vitrail/layers", "@vitrail/tensor"],
    mustNotAppear: nothing,
  },
  {
    folder: "packages/vit",
    // a quarter resamples position embeddings and patches for other sizes
    entries: [{ file: "index.js", platform: "browser", own: 6_500, whole: 105_000 }],
    workspace: ["@vitrail/layers", "@vitrail/tensor"],
    mustNotAppear: nothing,
  },
  {
    folder: "packages/data",
    entries: [
      // decoding and transforms, eight forms of datasets and parts of them (20 kB), augmentation, the loader and its JPEG decoder
      { file: "index.js", platform: "node", own: 56_700, whole: 58_700 },
      // half of it is augmentation and its kernels, which a page that trains needs and a page that classifies shakes off
      { file: "browser.js", platform: "browser", own: 27_000, whole: 27_000, mustNotAppear: sharp },
    ],
    workspace: ["@vitrail/checkpoint", "@vitrail/random"],
    mustNotAppear: [...engines, ...hubClient],
  },
  {
    folder: "packages/hub",
    entries: [
      // downloads, locks, and the cache of Python's client; the clients for the network come with the first request
      { file: "index.js", platform: "node", own: 18_000, whole: 47_000 },
      {
        file: "browser.js",
        platform: "browser",
        own: 9_500,
        whole: 35_000,
        mustNotAppear: [/^@huggingface\//, /^undici$/],
      },
    ],
    workspace: ["@vitrail/checkpoint"],
    mustNotAppear: [...sharp, ...engines],
  },
  {
    folder: "packages/jit",
    entries: [
      { file: "index.js", platform: "node", own: 40_000, whole: 235_000 },
      { file: "browser.js", platform: "browser", own: 40_000, whole: 150_000 },
    ],
    workspace: ["@vitrail/checkpoint", "@vitrail/layers", "@vitrail/tensor"],
    mustNotAppear: nothing,
  },
  {
    folder: "packages/train",
    // the loop, all of timm's recipes' rules, and what a run leaves behind: folders, event files, plots, cards (YAML)
    entries: [
      { file: "index.js", platform: "node", own: 26_000, whole: 285_000 },
      {
        file: "browser.js",
        platform: "browser",
        own: 19_000,
        whole: 110_000,
        mustNotAppear: [/^yaml$/],
      },
    ],
    workspace: ["@vitrail/checkpoint", "@vitrail/jit", "@vitrail/layers", "@vitrail/tensor"],
    mustNotAppear: nothing,
  },
  {
    folder: "packages/classify",
    entries: [
      // Twice the browser's: in Node, tfjs-core is a CommonJS build that no bundler can shake.
      { file: "index.js", platform: "node", own: 5_300, whole: 240_000 },
      // beside the work, it says in a line what weights it cannot serve: of other channels, without a classifier, of no known model
      { file: "browser.js", platform: "browser", own: 5_200, whole: 150_000, mustNotAppear: sharp },
    ],
    workspace: [
      "@vitrail/checkpoint",
      "@vitrail/data",
      "@vitrail/hub",
      "@vitrail/jit",
      "@vitrail/layers",
      "@vitrail/random",
      "@vitrail/tensor",
    ],
    mustNotAppear: engines,
  },
];
