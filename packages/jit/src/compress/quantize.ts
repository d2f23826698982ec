import { type CompileOptions, functionOf, inputsOf, type Traceable } from "../compile.ts";
import { JitError, showShape } from "../errors.ts";
import { openGraph } from "../graph-session.ts";
import { type Graph, type Node, sizeOf } from "../ir.ts";
import { optimise } from "../passes/index.ts";
import type { EngineOptions } from "../runtime/engine.ts";
import type { HostTensor } from "../runtime/protocol.ts";
import { type InputSpec, trace } from "../trace.ts";
import { type Agreement, agreementOf, expectedAgreement } from "./agreement.ts";
import { equalise } from "./equalise.ts";
import { storeHalf } from "./half.ts";
import { type Int8Mode, type Int8Plan, roundedValues, toInt8 } from "./int8.ts";
import { type Layer, layersOf } from "./layers.ts";
import { answersOf, byRows, bySensitivity, fewest, without } from "./mixed.ts";
import { observeRanges } from "./observe.ts";
import { prune } from "./prune.ts";
import { type Precision, Quantized, type QuantizeReport } from "./quantized.ts";

/** Values of the one input, batch by batch: each a whole number of images, preprocessed as for `run`. */
export type Batches = Iterable<Float32Array> | AsyncIterable<Float32Array>;

export interface QuantizeOptions extends Pick<CompileOptions, "input" | "inputs">, EngineOptions {
  /** Default "int8". */
  readonly precision?: Precision | undefined;
  /**
   * Real inputs, some dozens or hundreds. With them ranges are known beforehand, so that convolutions compute in eight bits too, and
   * layers that cost accuracy are found: products are then rounded row by row, and what still costs too much is kept in fp32. Without
   * them only matrix products are rounded, and nothing is measured.
   */
  readonly calibration?: Batches | undefined;
  /** Other real inputs, on which the result is judged. Default: those of the calibration. */
  readonly validation?: Batches | undefined;
  /**
   * Share of inputs on which the most probable class is to stay what it is, as expected from the calibration's leads and errors; 0 rounds every
   * layer. Default 0.98; where matrix products do most of the work, 0.97 before a layer is kept in fp32, which costs all that eight bits save.
   */
  readonly agreement?: number | undefined;
  /** Names of layers that stay in fp32 whatever is measured, as a report gives them: what was found once need not be measured again. */
  readonly keep?: readonly string[] | undefined;
  /** Names of matrix products that are rounded row by row whatever is measured and whatever `products` says, as a report gives them. */
  readonly byRow?: readonly string[] | undefined;
  /** Share of each layer's weights that is set to zero, the smallest. Default 0. */
  readonly sparsity?: number | undefined;
  /**
   * How matrix products are rounded: "static" by ranges known beforehand (default with calibration), "rows" by the largest magnitude of
   * each row (default without), or "dynamic" by one range for all of an input as it comes, whatever is in the batch.
   */
  readonly products?: Int8Mode | undefined;
  /** Told what is going on, in one line each. */
  readonly onNote?: ((message: string) => void) | undefined;
}

/** The agreement to keep if the caller says nothing, and the one below which a ViT's layers are kept in fp32 once they are rounded row by row. */
const [CAREFUL, FAIR] = [0.98, 0.97];

/** What `quantize` of compress/index.ts does. */
export async function compress(target: Traceable, options: QuantizeOptions): Promise<Quantized> {
  const { precision = "int8", sparsity = 0, onNote = () => {} } = options;
  checkOptions(precision, options);
  const inputs = inputsOf(options);
  const reference = trace(functionOf(target), inputs);
  optimise(reference, { contrib: false });
  let graph = reference;
  if (sparsity > 0) {
    graph = trace(functionOf(target), inputs);
    optimise(graph, { contrib: false });
    prune(graph, sparsity);
  }
  const calibration = await batchesOf(options.calibration, inputs);
  const validation = options.validation ? await batchesOf(options.validation, inputs) : calibration;
  const layers = layersOf(graph).length;
  let result = graph;
  let found: Found = { int8Layers: 0, byRow: [], kept: [], sensitivity: [] };
  if (precision === "fp16") result = storeHalf(graph);
  if (precision === "int8") {
    const mixed = await int8(graph, reference, calibration, options, onNote);
    result = mixed.graph;
    found = mixed;
  }
  let agreement: Agreement | undefined;
  if (validation.length > 0 && result !== reference) {
    const [a, b] = [await answersOf(reference, validation, options), await answersOf(result, validation, options)];
    agreement = agreementOf(a.top, b.top);
  }
  const { int8Layers, byRow, kept, sensitivity } = found;
  return new Quantized(result, inputs, {
    precision,
    sparsity,
    layers,
    int8Layers,
    byRow,
    kept,
    sensitivity,
    agreement,
  });
}

type Found = Pick<QuantizeReport, "int8Layers" | "byRow" | "kept" | "sensitivity">;

async function int8(
  graph: Graph,
  reference: Graph,
  calibration: readonly HostTensor[],
  options: QuantizeOptions,
  onNote: (message: string) => void,
): Promise<{ graph: Graph } & Found> {
  const { agreement = CAREFUL, keep = [] } = options;
  const products = options.products ?? (calibration.length > 0 ? "static" : "rows");
  const open = (g: Graph) => openGraph(g, options);
  if (calibration.length === 0) {
    const { layers, named } = chosen(graph, options);
    const rounded = layers.filter(isProduct);
    if (!mostlyProducts(layers)) {
      const message =
        "int8: convolutions do most of this model's work and need calibration, some dozens of real inputs";
      throw new JitError("bad-input", `${message}; found none`);
    }
    if (products === "static") {
      throw new JitError("bad-input", 'products: "static" needs calibration, some dozens of real inputs; found none');
    }
    const plan = { layers: modesOf(rounded, products), ranges: new Map() };
    return resultOf(graph, byRows(plan, named), keep);
  }
  chosen(graph, options); // a name that is none is said before anything runs
  await equalise(graph, calibration, open);
  const { layers, named } = chosen(graph, options);
  const modes = modesOf(layers, products);
  const values = [...new Set(roundedValues(graph, modes).values())];
  onNote(`observing ${values.length} ranges on ${imagesIn(calibration)} inputs`);
  const ranges = await observeRanges(graph, values, calibration, open);
  const plan: Int8Plan = byRows({ layers: modes, ranges }, named);
  const wanted = await answersOf(reference, calibration, options);
  const expected = async (candidate: Int8Plan) => {
    const { logits } = await answersOf(toInt8(graph, candidate), calibration, options);
    return expectedAgreement(wanted.logits, logits, wanted.classes);
  };
  if (agreement <= 0) return resultOf(graph, plan, keep);
  let best = await expected(plan);
  if (best >= agreement) return resultOf(graph, plan, keep);
  onNote(`measuring ${layers.length} layers one by one`);
  const order = await bySensitivity(graph, layers, plan, calibration, options);
  const sensitivity = order.map(({ name }) => name);
  // Row by row costs a little time, fp32 all that eight bits save: so first the one, for as few layers as will do.
  const whole = order.filter((layer) => isProduct(layer) && plan.layers.get(layer.node) !== "rows");
  const rows = await fewest(whole.length, async (n) => {
    const share = await expected(byRows(plan, whole.slice(0, n)));
    if (n === whole.length) best = share;
    return share >= agreement;
  });
  const rowed = byRows(plan, whole.slice(0, rows));
  const enough = options.agreement ?? (mostlyProducts(layers) ? FAIR : CAREFUL);
  if (rows !== undefined || best >= enough) return { ...resultOf(graph, rowed, keep), sensitivity };
  const count = await fewest(layers.length, async (n) => (await expected(without(rowed, order.slice(0, n)))) >= enough);
  const kept = order.slice(0, count);
  return { ...resultOf(graph, without(rowed, kept), [...keep, ...kept.map(({ name }) => name)]), sensitivity };
}

/** The layers to round, and those of them that are to be rounded row by row in any case. */
function chosen(
  graph: Graph,
  { keep = [], byRow = [] }: QuantizeOptions,
): Readonly<Record<"layers" | "named", Layer[]>> {
  const all = layersOf(graph);
  const unknown = keep.filter((name) => !all.some((layer) => layer.name === name));
  if (unknown.length > 0) {
    throw new JitError("bad-input", `keep: no layer is called ${unknown.join(", ")}; the first is ${all[0]?.name}`);
  }
  const layers = all.filter(({ name }) => !keep.includes(name));
  const named = layers.filter((layer) => byRow.includes(layer.name) && isProduct(layer));
  const others = byRow.filter((name) => !keep.includes(name) && !named.some((layer) => layer.name === name));
  if (others.length > 0) throw new JitError("bad-input", `byRow: no matrix product is called ${others.join(", ")}`);
  return { layers, named };
}

const isProduct = ({ node }: Layer): boolean => node.op !== "Conv";

/** Whether matrix products do most of the work. */
function mostlyProducts(layers: readonly Layer[]): boolean {
  const work = (of: readonly Layer[]) => of.reduce((n, { macs }) => n + macs, 0);
  return work(layers.filter(isProduct)) >= work(layers) / 2;
}

/** Convolutions are rounded by ranges known beforehand, whatever is asked of products. */
const modesOf = (layers: readonly Layer[], products: Int8Mode): ReadonlyMap<Node, Int8Mode> =>
  new Map(layers.map(({ node }) => [node, node.op === "Conv" ? "static" : products]));

function resultOf(graph: Graph, plan: Int8Plan, kept: readonly string[]): { graph: Graph } & Found {
  const byRow = layersOf(graph).filter(({ node }) => plan.layers.get(node) === "rows");
  return {
    graph: toInt8(graph, plan),
    int8Layers: plan.layers.size,
    byRow: byRow.map(({ name }) => name),
    kept,
    sensitivity: [],
  };
}

const imagesIn = (batches: readonly HostTensor[]): number =>
  batches.reduce((n, { dims }) => n + (dims[0] as number), 0);

function checkOptions(precision: string, { agreement = 0, sparsity = 0 }: QuantizeOptions): void {
  const known = ["fp32", "fp16", "int8"];
  if (!known.includes(precision)) {
    throw new JitError("bad-input", `precision ${precision}: expected ${known.join(", ")}`);
  }
  if (!(sparsity >= 0 && sparsity < 1)) {
    throw new JitError("bad-input", `sparsity ${sparsity}: expected a share from 0 to below 1`);
  }
  if (!(agreement >= 0 && agreement <= 1)) {
    throw new JitError("bad-input", `agreement ${agreement}: expected a share from 0 to 1`);
  }
}

/** Batches as tensors of the one input, checked. */
async function batchesOf(batches: Batches | undefined, inputs: readonly InputSpec[]): Promise<HostTensor[]> {
  if (!batches) return [];
  const [only] = inputs;
  if (inputs.length !== 1 || !only) {
    throw new JitError("bad-input", `calibration is for models of one input; this one has ${inputs.length}`);
  }
  const found: HostTensor[] = [];
  const per = sizeOf(only.shape.map((d) => d ?? 1));
  for await (const data of batches) {
    const n = data.length / per;
    if (!Number.isInteger(n) || n < 1 || (only.shape[0] !== null && n !== 1)) {
      throw new JitError("bad-input", `calibration: expected values of ${showShape(only.shape)}, found ${data.length}`);
    }
    if (!data.every(Number.isFinite)) throw new JitError("bad-input", "calibration: a value is not finite");
    found.push({ type: "float32", dims: only.shape.map((d) => d ?? n), data });
  }
  if (found.length === 0) throw new JitError("bad-input", "calibration: expected some dozens of inputs, found none");
  return found;
}
