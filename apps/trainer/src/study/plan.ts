/**
 * "Which should a user pick? Measured": what is run. Networks of like size learn six classes of CIFAR-10 and move to the other four, on
 * 1, 10 and 100 % of these; against the same networks from scratch, all seeing equally many images.
 */

/** The first six classes in CIFAR-10's own order; the other four are what everything is judged by. */
export const PRETRAIN_CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog"] as const;
export const TRANSFER_CLASSES = ["frog", "horse", "ship", "truck"] as const;
/** Training pictures of a class. */
const PER_CLASS = 5000;
/** Divides every number of pictures below, so that no epoch leaves pictures out and all runs see equally many. */
const BATCH = 100;
/** Images seen, a picture as often as it was seen: 5 epochs of six classes, 2 of four. */
export const PRETRAIN_IMAGES = 150_000;
export const TRANSFER_IMAGES = 40_000;
/** Of the four classes' training pictures. */
export const FRACTIONS = [0.01, 0.1, 1] as const;
export type Fraction = (typeof FRACTIONS)[number];

type Settings = Readonly<Record<string, unknown>>;

/** A network of the study. */
export interface Family {
  readonly name: string;
  readonly title: string;
  /** Learned values, with ten classes. */
  readonly params: number;
  /** Billions of multiply-accumulates of a forward pass. */
  readonly gmacs: number;
  readonly model: string;
  /** From the hub's weights: it is not pretrained here, and not trained from scratch. */
  readonly hub?: string;
  /** Of every run. */
  readonly settings: Settings;
  /** Of runs from random weights, and of those from pretrained ones. */
  readonly scratch: Settings;
  readonly transfer: Settings;
}

/** Flips, and beside them each its crops: all that any network gets. */
const PLAIN = { hflip: 0.5, color_jitter: 0, aa: "none", mixup: 0, cutmix: 0, smoothing: 0 };
/** Shifts by up to an eighth. */
const SMALL = { img_size: 32, train_crop_mode: "pad", crop_padding: 4, ...PLAIN };
const MOMENTUM = { opt: "sgd", momentum: 0.9, weight_decay: 5e-4, warmup_lr: 1e-3 };
const ADAM = { opt: "adamw", weight_decay: 0.05, clip_grad: 1, warmup_lr: 1e-5 };

/** As alike as they can be made: of like parameters, the transformer does fewer operations. */
export const FAMILIES: readonly Family[] = [
  {
    name: "resnet",
    title: "ResNet-20",
    params: 269_722,
    gmacs: 0.0409,
    model: "resnet20_cifar",
    settings: { ...SMALL, ...MOMENTUM },
    scratch: { lr: 0.1 },
    transfer: { lr: 0.02 },
  },
  {
    name: "vit",
    title: "ViT, 64 patches, 5 blocks of 96",
    params: 386_122,
    gmacs: 0.0286,
    model: "vit_tiny_patch16_224",
    settings: {
      ...SMALL,
      model_kwargs: { patch_size: 4, embed_dim: 96, depth: 5, num_heads: 3, mlp_ratio: 2, global_pool: "avg" },
      interpolation: "bicubic",
      crop_pct: 1,
      drop_path: 0,
      ...ADAM,
    },
    scratch: { lr: 1e-3 },
    transfer: { lr: 5e-4 },
  },
  {
    name: "hybrid",
    title: "hybrid, ResNet-20 and 2 blocks of 64",
    params: 345_178,
    gmacs: 0.0466,
    model: "vit_mini_r20_s4_32",
    settings: { ...SMALL, model_kwargs: { embed_dim: 64, depth: 2 }, drop_path: 0, ...ADAM },
    scratch: { lr: 1e-3 },
    transfer: { lr: 5e-4 },
  },
  {
    name: "vit-ti",
    title: "ViT-Ti/16 from the hub, 64 pixels",
    params: 5_491_786,
    gmacs: 0.0943,
    model: "vit_tiny_patch16_224",
    hub: "../shared/hub/timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k",
    settings: {
      ...{ img_size: 64, crop_pct: 1, train_crop_mode: "rrc", scale: [0.5, 1], ...PLAIN },
      ...{ drop_path: 0, layer_decay: 0.75 },
      ...ADAM,
    },
    scratch: {},
    transfer: { lr: 3e-4 },
  },
];

/** One training. */
export interface Run {
  /** Its folder's name. */
  readonly name: string;
  readonly family: string;
  readonly kind: "pretrain" | "transfer" | "scratch";
  /** Of the four classes; of a pretraining, 1. */
  readonly fraction: Fraction;
  readonly seed: number;
  /** The run whose weights it begins from. */
  readonly after: string | undefined;
  readonly epochs: number;
  readonly images: number;
  /** Recipe settings of `vitrail train`, but for where its weights lie. */
  readonly settings: Settings;
}

/** Settings of the plan. */
export interface PlanOptions {
  /** So many runs of each kind, from seed 0. Default 1. */
  readonly seeds?: number;
  /** To try the study out: so many pictures of each split at most, and one epoch. */
  readonly limit?: number | undefined;
}

/** Every run, the pretrainings first: the others wait for them. */
export function plan({ seeds = 1, limit }: PlanOptions = {}): Run[] {
  const of = Array.from({ length: seeds }, (_, seed) => seed);
  const own = FAMILIES.filter(({ hub }) => hub === undefined);
  const pretrainings = of.flatMap((seed) => own.map((family) => runOf(family, "pretrain", 1, seed, limit)));
  const others = of.flatMap((seed) =>
    [...FRACTIONS]
      .reverse()
      .flatMap((fraction) =>
        FAMILIES.flatMap((family) => [
          runOf(family, "transfer", fraction, seed, limit),
          ...(family.hub === undefined ? [runOf(family, "scratch", fraction, seed, limit)] : []),
        ]),
      ),
  );
  return [...pretrainings, ...others];
}

const nameOf = (kind: Run["kind"], family: string, fraction: Fraction, seed: number): string =>
  [kind, family, ...(kind === "pretrain" ? [] : [percent(fraction)]), ...(seed === 0 ? [] : [`seed${seed}`])].join("-");

const percent = (fraction: number): string => String(Math.round(100 * fraction));

function runOf(family: Family, kind: Run["kind"], fraction: Fraction, seed: number, limit: number | undefined): Run {
  const classes: readonly string[] = kind === "pretrain" ? PRETRAIN_CLASSES : TRANSFER_CLASSES;
  const pictures = Math.min(classes.length * PER_CLASS * fraction, limit ?? Number.POSITIVE_INFINITY);
  const batch = Math.min(BATCH, pictures);
  const images = limit === undefined ? (kind === "pretrain" ? PRETRAIN_IMAGES : TRANSFER_IMAGES) : pictures;
  const epochs = images / pictures;
  return {
    name: nameOf(kind, family.name, fraction, seed),
    family: family.name,
    kind,
    fraction,
    seed,
    after: kind === "transfer" && family.hub === undefined ? nameOf("pretrain", family.name, 1, seed) : undefined,
    epochs,
    images,
    settings: {
      model: family.model,
      mode: "full",
      ...family.settings,
      ...(kind === "transfer" ? family.transfer : family.scratch),
      classes,
      ...(fraction === 1 ? {} : { train_fraction: fraction }),
      ...(limit === undefined ? {} : { limit }),
      batch_size: batch,
      epochs,
      sched: "cosine",
      sched_on_updates: true,
      min_lr: 0,
      warmup_epochs: epochs / 20, // as many images in every run
      // Judged once, by the weights of the last epoch: no epoch is chosen by the pictures that a run is judged by.
      val_interval: epochs,
      seed,
    },
  };
}
