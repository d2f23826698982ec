import { convolutionGradients } from "./conv-gradient.ts";
import { convolutions } from "./convolution.ts";
import { elementwise } from "./elementwise.ts";
import type { LoweringTable } from "./lowering.ts";
import { poolGradients } from "./pool-gradient.ts";
import { pooling } from "./pooling.ts";
import { products } from "./product.ts";
import { reductions } from "./reduce.ts";
import { structure } from "./structure.ts";

/** Every tfjs kernel that can be traced: built when the backend is, nothing is called on import. */
export const loweringTable = (): LoweringTable => ({
  ...elementwise(),
  ...reductions(),
  ...structure,
  ...products,
  ...convolutions,
  ...pooling,
  ...convolutionGradients,
  ...poolGradients,
});
