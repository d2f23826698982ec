/**
 * The classes of MedMNIST's flat, single-label sets, by the name of the archive. From `medmnist/info.py` of MedMNIST 2.1
 * (https://github.com/MedMNIST/MedMNIST, Apache-2.0).
 */
const ORGANS: readonly string[] = [
  "bladder",
  "femur-left",
  "femur-right",
  "heart",
  "kidney-left",
  "kidney-right",
  "liver",
  "lung-left",
  "lung-right",
  "pancreas",
  "spleen",
];

const CLASSES: Readonly<Record<string, readonly string[]>> = {
  __proto__: null as never,
  pathmnist: [
    "adipose",
    "background",
    "debris",
    "lymphocytes",
    "mucus",
    "smooth muscle",
    "normal colon mucosa",
    "cancer-associated stroma",
    "colorectal adenocarcinoma epithelium",
  ],
  dermamnist: [
    "actinic keratoses and intraepithelial carcinoma",
    "basal cell carcinoma",
    "benign keratosis-like lesions",
    "dermatofibroma",
    "melanoma",
    "melanocytic nevi",
    "vascular lesions",
  ],
  octmnist: ["choroidal neovascularization", "diabetic macular edema", "drusen", "normal"],
  pneumoniamnist: ["normal", "pneumonia"],
  breastmnist: ["malignant", "normal, benign"],
  bloodmnist: [
    "basophil",
    "eosinophil",
    "erythroblast",
    "immature granulocytes(myelocytes, metamyelocytes and promyelocytes)",
    "lymphocyte",
    "monocyte",
    "neutrophil",
    "platelet",
  ],
  tissuemnist: [
    "Collecting Duct, Connecting Tubule",
    "Distal Convoluted Tubule",
    "Glomerular endothelial cells",
    "Interstitial endothelial cells",
    "Leukocytes",
    "Podocytes",
    "Proximal Tubule Segments",
    "Thick Ascending Limb",
  ],
  organamnist: ORGANS,
  organcmnist: ORGANS,
  organsmnist: ORGANS,
};

/** The classes of an archive called `bloodmnist.npz` or, in a larger size, `bloodmnist_64.npz`; undefined for any other. */
export function medmnistClasses(file: string): readonly string[] | undefined {
  return CLASSES[file.toLowerCase().replace(/(_\d+)?\.npz$/, "")];
}
