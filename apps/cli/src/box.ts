import { modelsInPackage, type PackagedModel, weightsPackage } from "@vitrail/hub";

/** The weights that are installed together with this command, as packages. */
const PACKAGES = ["@vitrail/weights-cifar10", "@vitrail/weights-fashion-mnist"] as const;

/** The folder of the model that answers where nothing else is asked for or to be had. */
export function boxFolder(): string {
  return weightsPackage(PACKAGES[0], import.meta.url);
}

/** All models in the box, the one of {@link boxFolder} first. */
export function boxModels(): PackagedModel[] {
  return PACKAGES.flatMap((name) => {
    try {
      return modelsInPackage(name, import.meta.url);
    } catch (error) {
      if ((error as { code?: unknown }).code === "no-package") return []; // somebody took it out: the others are there
      throw error;
    }
  });
}

/** The first model in the box of an architecture (`resnet20_cifar`), or the one of that name with its tag. */
export function boxNamed(name: string): PackagedModel | undefined {
  return boxModels().find((one) => name === one.config.architecture || name === checkpointName(one));
}

/** Architecture and tag, as checkpoints on the hub are called: `resnet20_cifar.vitrail_cifar10`. */
export function checkpointName({ config }: PackagedModel): string {
  return `${config.architecture}.${tagOf(config)}`;
}

/** What timm calls the training; empty where config.json does not say. */
export function tagOf({ raw }: PackagedModel["config"]): string {
  const { tag } = (raw.pretrained_cfg ?? raw) as { tag?: unknown };
  return typeof tag === "string" ? tag : "";
}
