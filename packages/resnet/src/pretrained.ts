/**
 * Every published checkpoint of the ResNets here. Written by tooling/pretrained/generate.py from timm 1.0.29,
 * torchvision 0.28.0 and the result tables of github.com/huggingface/pytorch-image-models at aa4b5850c154; it says what is from where.
 * The first of a model is timm's default. Do not edit.
 */
import type { Preprocess, WeightsTable } from "@vitrail/layers";

const timm = "timm, https://github.com/huggingface/pytorch-image-models";
const torchvision = "torchvision, https://github.com/pytorch/vision";
const facebook = "Facebook AI Research, https://github.com/facebookresearch/semi-supervised-ImageNet1K-models, converted by timm";
const gluon = "GluonCV, https://cv.gluon.ai/model_zoo/classification.html, converted by timm";
const bicubic224x95: Preprocess = { inputSize: [3, 224, 224], interpolation: "bicubic", cropPct: 0.95, cropMode: "center", mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
const bilinear224x875: Preprocess = { inputSize: [3, 224, 224], interpolation: "bilinear", cropPct: 0.875, cropMode: "center", mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
const bicubic224x875: Preprocess = { inputSize: [3, 224, 224], interpolation: "bicubic", cropPct: 0.875, cropMode: "center", mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
const bicubic224x9half: Preprocess = { inputSize: [3, 224, 224], interpolation: "bicubic", cropPct: 0.9, cropMode: "center", mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };
const bicubic224x1: Preprocess = { inputSize: [3, 224, 224], interpolation: "bicubic", cropPct: 1, cropMode: "center", mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
const bilinear224x965: Preprocess = { inputSize: [3, 224, 224], interpolation: "bilinear", cropPct: 0.965, cropMode: "center", mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/** Of resnet18. */
export const resnet18: WeightsTable<"a1_in1k" | "a2_in1k" | "a3_in1k" | "tv_in1k" | "fb_ssl_yfcc100m_ft_in1k" | "fb_swsl_ig1b_ft_in1k" | "gluon_in1k"> = {
  a1_in1k: { tag: "a1_in1k", hubId: "timm/resnet18.a1_in1k", license: "apache-2.0", source: timm, paper: "https://arxiv.org/abs/2110.00476", top1: 71.504, params: 11_689_512, gmacs: 1.82, preprocess: bicubic224x95, numClasses: 1000 },
  a2_in1k: { tag: "a2_in1k", hubId: "timm/resnet18.a2_in1k", license: "apache-2.0", source: timm, paper: "https://arxiv.org/abs/2110.00476", top1: 70.634, params: 11_689_512, gmacs: 1.82, preprocess: bicubic224x95, numClasses: 1000 },
  a3_in1k: { tag: "a3_in1k", hubId: "timm/resnet18.a3_in1k", license: "apache-2.0", source: timm, paper: "https://arxiv.org/abs/2110.00476", top1: 68.25, params: 11_689_512, gmacs: 1.82, preprocess: bicubic224x95, numClasses: 1000 },
  tv_in1k: { tag: "tv_in1k", hubId: "timm/resnet18.tv_in1k", license: "bsd-3-clause", source: torchvision, paper: "https://arxiv.org/abs/1512.03385", top1: 69.752, params: 11_689_512, gmacs: 1.82, preprocess: bilinear224x875, numClasses: 1000 },
  fb_ssl_yfcc100m_ft_in1k: { tag: "fb_ssl_yfcc100m_ft_in1k", hubId: "timm/resnet18.fb_ssl_yfcc100m_ft_in1k", license: "cc-by-nc-4.0", source: facebook, paper: "https://arxiv.org/abs/1905.00546", top1: 72.636, params: 11_689_512, gmacs: 1.82, preprocess: bilinear224x875, numClasses: 1000 },
  fb_swsl_ig1b_ft_in1k: { tag: "fb_swsl_ig1b_ft_in1k", hubId: "timm/resnet18.fb_swsl_ig1b_ft_in1k", license: "cc-by-nc-4.0", source: facebook, paper: "https://arxiv.org/abs/1905.00546", top1: 73.286, params: 11_689_512, gmacs: 1.82, preprocess: bilinear224x875, numClasses: 1000 },
  gluon_in1k: { tag: "gluon_in1k", hubId: "timm/resnet18.gluon_in1k", license: "apache-2.0", source: gluon, paper: null, top1: 70.844, params: 11_689_512, gmacs: 1.82, preprocess: bicubic224x875, numClasses: 1000 },
};

/** Of resnet34. */
export const resnet34: WeightsTable<"a1_in1k" | "a2_in1k" | "a3_in1k" | "bt_in1k" | "ra4_e3600_r224_in1k" | "tv_in1k" | "gluon_in1k"> = {
  a1_in1k: { tag: "a1_in1k", hubId: "timm/resnet34.a1_in1k", license: "apache-2.0", source: timm, paper: "https://arxiv.org/abs/2110.00476", top1: 76.42, params: 21_797_672, gmacs: 3.67, preprocess: bicubic224x95, numClasses: 1000 },
  a2_in1k: { tag: "a2_in1k", hubId: "timm/resnet34.a2_in1k", license: "apache-2.0", source: timm, paper: "https://arxiv.org/abs/2110.00476", top1: 75.52, params: 21_797_672, gmacs: 3.67, preprocess: bicubic224x95, numClasses: 1000 },
  a3_in1k: { tag: "a3_in1k", hubId: "timm/resnet34.a3_in1k", license: "apache-2.0", source: timm, paper: "https://arxiv.org/abs/2110.00476", top1: 72.996, params: 21_797_672, gmacs: 3.67, preprocess: bicubic224x95, numClasses: 1000 },
  bt_in1k: { tag: "bt_in1k", hubId: "timm/resnet34.bt_in1k", license: "apache-2.0", source: timm, paper: null, top1: 75.176, params: 21_797_672, gmacs: 3.67, preprocess: bicubic224x875, numClasses: 1000 },
  ra4_e3600_r224_in1k: { tag: "ra4_e3600_r224_in1k", hubId: "timm/resnet34.ra4_e3600_r224_in1k", license: "apache-2.0", source: timm, paper: "https://arxiv.org/abs/2110.00476", top1: 77.492, params: 21_797_672, gmacs: 3.67, preprocess: bicubic224x9half, numClasses: 1000 },
  tv_in1k: { tag: "tv_in1k", hubId: "timm/resnet34.tv_in1k", license: "bsd-3-clause", source: torchvision, paper: "https://arxiv.org/abs/1512.03385", top1: 73.298, params: 21_797_672, gmacs: 3.67, preprocess: bilinear224x875, numClasses: 1000 },
  gluon_in1k: { tag: "gluon_in1k", hubId: "timm/resnet34.gluon_in1k", license: "apache-2.0", source: gluon, paper: null, top1: 74.574, params: 21_797_672, gmacs: 3.67, preprocess: bicubic224x875, numClasses: 1000 },
};

/** Of resnet50. */
export const resnet50: WeightsTable<"a1_in1k" | "a1h_in1k" | "a2_in1k" | "a3_in1k" | "b1k_in1k" | "b2k_in1k" | "c1_in1k" | "c2_in1k" | "d_in1k" | "ram_in1k" | "am_in1k" | "ra_in1k" | "bt_in1k" | "tv_in1k" | "tv2_in1k" | "fb_ssl_yfcc100m_ft_in1k" | "fb_swsl_ig1b_ft_in1k" | "gluon_in1k"> = {
  a1_in1k: { tag: "a1_in1k", hubId: "timm/resnet50.a1_in1k", license: "apache-2.0", source: timm, paper: "https://arxiv.org/abs/2110.00476", top1: 80.382, params: 25_557_032, gmacs: 4.11, preprocess: bicubic224x95, numClasses: 1000 },
  a1h_in1k: { tag: "a1h_in1k", hubId: "timm/resnet50.a1h_in1k", license: "apache-2.0", source: timm, paper: "https://arxiv.org/abs/2110.00476", top1: 80.654, params: 25_557_032, gmacs: 4.11, preprocess: bicubic224x1, numClasses: 1000 },
  a2_in1k: { tag: "a2_in1k", hubId: "timm/resnet50.a2_in1k", license: "apache-2.0", source: timm, paper: "https://arxiv.org/abs/2110.00476", top1: 79.828, params: 25_557_032, gmacs: 4.11, preprocess: bicubic224x95, numClasses: 1000 },
  a3_in1k: { tag: "a3_in1k", hubId: "timm/resnet50.a3_in1k", license: "apache-2.0", source: timm, paper: "https://arxiv.org/abs/2110.00476", top1: 78.052, params: 25_557_032, gmacs: 4.11, preprocess: bicubic224x95, numClasses: 1000 },
  b1k_in1k: { tag: "b1k_in1k", hubId: "timm/resnet50.b1k_in1k", license: "apache-2.0", source: timm, paper: "https://arxiv.org/abs/2110.00476", top1: 79.564, params: 25_557_032, gmacs: 4.11, preprocess: bicubic224x95, numClasses: 1000 },
  b2k_in1k: { tag: "b2k_in1k", hubId: "timm/resnet50.b2k_in1k", license: "apache-2.0", source: timm, paper: "https://arxiv.org/abs/2110.00476", top1: 79.388, params: 25_557_032, gmacs: 4.11, preprocess: bicubic224x95, numClasses: 1000 },
  c1_in1k: { tag: "c1_in1k", hubId: "timm/resnet50.c1_in1k", license: "apache-2.0", source: timm, paper: "https://arxiv.org/abs/2110.00476", top1: 79.766, params: 25_557_032, gmacs: 4.11, preprocess: bicubic224x95, numClasses: 1000 },
  c2_in1k: { tag: "c2_in1k", hubId: "timm/resnet50.c2_in1k", license: "apache-2.0", source: timm, paper: "https://arxiv.org/abs/2110.00476", top1: 79.868, params: 25_557_032, gmacs: 4.11, preprocess: bicubic224x95, numClasses: 1000 },
  d_in1k: { tag: "d_in1k", hubId: "timm/resnet50.d_in1k", license: "apache-2.0", source: timm, paper: "https://arxiv.org/abs/2110.00476", top1: 79.904, params: 25_557_032, gmacs: 4.11, preprocess: bicubic224x95, numClasses: 1000 },
  ram_in1k: { tag: "ram_in1k", hubId: "timm/resnet50.ram_in1k", license: "apache-2.0", source: timm, paper: null, top1: 79.034, params: 25_557_032, gmacs: 4.11, preprocess: bicubic224x875, numClasses: 1000 },
  am_in1k: { tag: "am_in1k", hubId: "timm/resnet50.am_in1k", license: "apache-2.0", source: timm, paper: null, top1: 79.004, params: 25_557_032, gmacs: 4.11, preprocess: bicubic224x875, numClasses: 1000 },
  ra_in1k: { tag: "ra_in1k", hubId: "timm/resnet50.ra_in1k", license: "apache-2.0", source: timm, paper: null, top1: 78.82, params: 25_557_032, gmacs: 4.11, preprocess: bicubic224x875, numClasses: 1000 },
  bt_in1k: { tag: "bt_in1k", hubId: "timm/resnet50.bt_in1k", license: "apache-2.0", source: timm, paper: null, top1: 78.444, params: 25_557_032, gmacs: 4.11, preprocess: bicubic224x875, numClasses: 1000 },
  tv_in1k: { tag: "tv_in1k", hubId: "timm/resnet50.tv_in1k", license: "bsd-3-clause", source: torchvision, paper: "https://arxiv.org/abs/1512.03385", top1: 76.156, params: 25_557_032, gmacs: 4.11, preprocess: bilinear224x875, numClasses: 1000 },
  tv2_in1k: { tag: "tv2_in1k", hubId: "timm/resnet50.tv2_in1k", license: "bsd-3-clause", source: torchvision, paper: "https://arxiv.org/abs/1512.03385", top1: 80.846, params: 25_557_032, gmacs: 4.11, preprocess: bilinear224x965, numClasses: 1000 },
  fb_ssl_yfcc100m_ft_in1k: { tag: "fb_ssl_yfcc100m_ft_in1k", hubId: "timm/resnet50.fb_ssl_yfcc100m_ft_in1k", license: "cc-by-nc-4.0", source: facebook, paper: "https://arxiv.org/abs/1905.00546", top1: 79.252, params: 25_557_032, gmacs: 4.11, preprocess: bilinear224x875, numClasses: 1000 },
  fb_swsl_ig1b_ft_in1k: { tag: "fb_swsl_ig1b_ft_in1k", hubId: "timm/resnet50.fb_swsl_ig1b_ft_in1k", license: "cc-by-nc-4.0", source: facebook, paper: "https://arxiv.org/abs/1905.00546", top1: 81.146, params: 25_557_032, gmacs: 4.11, preprocess: bilinear224x875, numClasses: 1000 },
  gluon_in1k: { tag: "gluon_in1k", hubId: "timm/resnet50.gluon_in1k", license: "apache-2.0", source: gluon, paper: null, top1: 77.58, params: 25_557_032, gmacs: 4.11, preprocess: bicubic224x875, numClasses: 1000 },
};

/** Of resnet101. */
export const resnet101: WeightsTable<"a1h_in1k" | "a1_in1k" | "a2_in1k" | "a3_in1k" | "tv_in1k" | "tv2_in1k" | "gluon_in1k"> = {
  a1h_in1k: { tag: "a1h_in1k", hubId: "timm/resnet101.a1h_in1k", license: "apache-2.0", source: timm, paper: "https://arxiv.org/abs/2110.00476", top1: 81.95, params: 44_549_160, gmacs: 7.83, preprocess: bicubic224x95, numClasses: 1000 },
  a1_in1k: { tag: "a1_in1k", hubId: "timm/resnet101.a1_in1k", license: "apache-2.0", source: timm, paper: "https://arxiv.org/abs/2110.00476", top1: 81.494, params: 44_549_160, gmacs: 7.83, preprocess: bicubic224x95, numClasses: 1000 },
  a2_in1k: { tag: "a2_in1k", hubId: "timm/resnet101.a2_in1k", license: "apache-2.0", source: timm, paper: "https://arxiv.org/abs/2110.00476", top1: 81.344, params: 44_549_160, gmacs: 7.83, preprocess: bicubic224x95, numClasses: 1000 },
  a3_in1k: { tag: "a3_in1k", hubId: "timm/resnet101.a3_in1k", license: "apache-2.0", source: timm, paper: "https://arxiv.org/abs/2110.00476", top1: 79.836, params: 44_549_160, gmacs: 7.83, preprocess: bicubic224x95, numClasses: 1000 },
  tv_in1k: { tag: "tv_in1k", hubId: "timm/resnet101.tv_in1k", license: "bsd-3-clause", source: torchvision, paper: "https://arxiv.org/abs/1512.03385", top1: 77.404, params: 44_549_160, gmacs: 7.83, preprocess: bilinear224x875, numClasses: 1000 },
  tv2_in1k: { tag: "tv2_in1k", hubId: "timm/resnet101.tv2_in1k", license: "bsd-3-clause", source: torchvision, paper: "https://arxiv.org/abs/1512.03385", top1: 81.906, params: 44_549_160, gmacs: 7.83, preprocess: bilinear224x965, numClasses: 1000 },
  gluon_in1k: { tag: "gluon_in1k", hubId: "timm/resnet101.gluon_in1k", license: "apache-2.0", source: gluon, paper: null, top1: 79.306, params: 44_549_160, gmacs: 7.83, preprocess: bicubic224x875, numClasses: 1000 },
};

/** Of resnet152. */
export const resnet152: WeightsTable<"a1h_in1k" | "a1_in1k" | "a2_in1k" | "a3_in1k" | "tv_in1k" | "tv2_in1k" | "gluon_in1k"> = {
  a1h_in1k: { tag: "a1h_in1k", hubId: "timm/resnet152.a1h_in1k", license: "apache-2.0", source: timm, paper: "https://arxiv.org/abs/2110.00476", top1: 82.818, params: 60_192_808, gmacs: 11.56, preprocess: bicubic224x95, numClasses: 1000 },
  a1_in1k: { tag: "a1_in1k", hubId: "timm/resnet152.a1_in1k", license: "apache-2.0", source: timm, paper: "https://arxiv.org/abs/2110.00476", top1: 81.998, params: 60_192_808, gmacs: 11.56, preprocess: bicubic224x95, numClasses: 1000 },
  a2_in1k: { tag: "a2_in1k", hubId: "timm/resnet152.a2_in1k", license: "apache-2.0", source: timm, paper: "https://arxiv.org/abs/2110.00476", top1: 81.764, params: 60_192_808, gmacs: 11.56, preprocess: bicubic224x95, numClasses: 1000 },
  a3_in1k: { tag: "a3_in1k", hubId: "timm/resnet152.a3_in1k", license: "apache-2.0", source: timm, paper: "https://arxiv.org/abs/2110.00476", top1: 80.548, params: 60_192_808, gmacs: 11.56, preprocess: bicubic224x95, numClasses: 1000 },
  tv_in1k: { tag: "tv_in1k", hubId: "timm/resnet152.tv_in1k", license: "bsd-3-clause", source: torchvision, paper: "https://arxiv.org/abs/1512.03385", top1: 78.33, params: 60_192_808, gmacs: 11.56, preprocess: bilinear224x875, numClasses: 1000 },
  tv2_in1k: { tag: "tv2_in1k", hubId: "timm/resnet152.tv2_in1k", license: "bsd-3-clause", source: torchvision, paper: "https://arxiv.org/abs/1512.03385", top1: 82.294, params: 60_192_808, gmacs: 11.56, preprocess: bilinear224x965, numClasses: 1000 },
  gluon_in1k: { tag: "gluon_in1k", hubId: "timm/resnet152.gluon_in1k", license: "apache-2.0", source: gluon, paper: null, top1: 79.712, params: 60_192_808, gmacs: 11.56, preprocess: bicubic224x875, numClasses: 1000 },
};
