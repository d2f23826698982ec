import { countUses, type Graph } from "../ir.ts";
import { fuseAffine } from "./affine.ts";
import { fuseAttention } from "./attention.ts";
import { shortenSoftmaxGradient } from "./attention-gradient.ts";
import { foldBatchNorm } from "./batch-norm.ts";
import { fuseBatchNormTraining } from "./batch-norm-training.ts";
import { foldBias } from "./bias.ts";
import { sumByProduct } from "./column-sums.ts";
import { shareCommon } from "./common.ts";
import { foldConstants } from "./constants.ts";
import { foldCrop } from "./crop.ts";
import { removeDeadCode } from "./dead-code.ts";
import { gatherFactors } from "./factors.ts";
import { fuseProducts } from "./fused-product.ts";
import { fuseGelu, shareNormalCdf } from "./gelu.ts";
import { fuseLayerNorm, fuseLayerNormTraining } from "./layer-norm.ts";
import { assignLayouts } from "./layout.ts";
import { dropUnusedPositions, foldPadding } from "./padding.ts";
import { scaleProducts } from "./product-scale.ts";
import { maskBeforeUnpooling, maskByResult } from "./relu-mask.ts";
import { simplify } from "./simplify.ts";
import { dropTrailingOnes } from "./trailing-ones.ts";

export interface OptimiseOptions {
  /** Ops of ONNX Runtime's own may be used. False for files that others read. */
  readonly contrib: boolean;
  /** The graph has gradients: what fusing would hide, they read. Default false. */
  readonly training?: boolean;
}

/** All passes, in the order that lets each find what the ones before it have made plain. */
export function optimise(graph: Graph, { contrib, training = false }: OptimiseOptions): void {
  simplify(graph);
  shareCommon(graph);
  assignLayouts(graph);
  simplify(graph);
  foldConstants(graph);
  removeDeadCode(graph);
  dropUnusedPositions(graph, countUses(graph));
  foldPadding(graph);
  foldCrop(graph, countUses(graph));
  foldBatchNorm(graph, countUses(graph));
  foldBias(graph, countUses(graph));
  foldConstants(graph);
  if (training) {
    gatherFactors(graph);
    maskByResult(graph);
    maskBeforeUnpooling(graph);
    shortenSoftmaxGradient(graph);
    shareNormalCdf(graph);
    fuseLayerNormTraining(graph);
    sumByProduct(graph);
  } else {
    fuseLayerNorm(graph);
    fuseGelu(graph);
    if (contrib) fuseAttention(graph);
  }
  if (contrib) fuseProducts(graph);
  shareCommon(graph);
  simplify(graph);
  removeDeadCode(graph);
  if (!training) return;
  foldConstants(graph);
  fuseBatchNormTraining(graph); // after this no pass may join equal nodes
  removeDeadCode(graph);
  scaleProducts(graph);
  fuseAffine(graph, countUses(graph));
  dropTrailingOnes(graph);
  simplify(graph);
  removeDeadCode(graph);
}
