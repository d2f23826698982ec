/** How often two models name the same class. */

/** Out of `of` images, `same` have the same most probable class; 95 % interval of the share (Wilson 1927). */
export interface Agreement {
  readonly same: number;
  readonly of: number;
  readonly share: number;
  readonly interval: readonly [number, number];
}

/** Index of the largest of each row; of equals the first. */
export function topOf(logits: Float32Array, classes: number): number[] {
  return Array.from({ length: logits.length / classes }, (_, row) => {
    let best = row * classes;
    for (let i = best + 1; i < (row + 1) * classes; i++) if ((logits[i] as number) > (logits[best] as number)) best = i;
    return best - row * classes;
  });
}

/** Compares classes, image by image. `independent` images carry the interval: crops of one photo are not. */
export function agreementOf(a: readonly number[], b: readonly number[], independent = a.length): Agreement {
  const same = a.filter((v, i) => v === b[i]).length;
  const of = a.length;
  const share = of === 0 ? 0 : same / of;
  return { same, of, share, interval: wilsonInterval(share, independent) };
}

const Z = 1.959964;

/** The 95 % interval of a share that was found among `n` (Wilson 1927). */
export function wilsonInterval(share: number, n: number): readonly [number, number] {
  if (n === 0) return [0, 1];
  const middle = (share + (Z * Z) / (2 * n)) / (1 + (Z * Z) / n);
  const half = (Z / (1 + (Z * Z) / n)) * Math.sqrt((share * (1 - share)) / n + (Z * Z) / (4 * n * n));
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}

/** Classes to which an answer may change: the next best. */
const RIVALS = 8;

/**
 * Share of the answers that is expected to stay as it is. An answer stays where its own error and its lead over each rival are larger than
 * the rival's error; errors count as normal and independent, of the size found over all images and rivals. Among some dozens of images a
 * count of changed answers says little, for the one that is undecided changes here and there; the leads of all of them say more.
 */
export function expectedAgreement(reference: Float32Array, found: Float32Array, classes: number): number {
  const leads: number[][] = [];
  let [squares, count] = [0, 0];
  for (let at = 0; at < reference.length; at += classes) {
    const [p, q] = [reference.subarray(at, at + classes), found.subarray(at, at + classes)];
    const [best, ...rivals] = largest(p, 1 + RIVALS) as [number, ...number[]];
    const lead = (of: Float32Array, rival: number) => (of[best] as number) - (of[rival] as number);
    leads.push(rivals.map((rival) => lead(p, rival)));
    for (const rival of rivals) squares += (lead(q, rival) - lead(p, rival)) ** 2;
    count += rivals.length;
  }
  if (squares === 0) return 1;
  const error = Math.sqrt(squares / count / 2); // a lead's error is of two answers
  return leads.reduce((sum, row) => sum + staying(row, error), 0) / leads.length;
}

/** Indices of the largest values, the largest first; of equals the first. */
function largest(values: Float32Array, count: number): number[] {
  const found: number[] = [];
  values.forEach((value, i) => {
    let at = found.length;
    while (at > 0 && value > (values[found[at - 1] as number] as number)) at--;
    if (at === count) return;
    found.splice(at, 0, i);
    if (found.length > count) found.pop();
  });
  return found;
}

/** Over an answer's own error, in steps of a quarter of its deviation: the probability that no rival comes past it. */
function staying(leads: readonly number[], error: number): number {
  let [stays, all] = [0, 0];
  for (let own = -5; own <= 5; own += 0.25) {
    const density = Math.exp(-(own * own) / 2);
    all += density;
    stays += density * leads.reduce((product, lead) => product * normalBelow(lead / error + own), 1);
  }
  return stays / all;
}

/** How much of the normal distribution lies below z, to 1e-7 (Abramowitz and Stegun 1964, 26.2.17). */
function normalBelow(z: number): number {
  if (z < 0) return 1 - normalBelow(-z);
  const t = 1 / (1 + 0.2316419 * z);
  const series = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return 1 - (Math.exp(-(z * z) / 2) / Math.sqrt(2 * Math.PI)) * series;
}

/** Mean Kullback-Leibler divergence of the class probabilities, in nats: what rounding does to the answers before one flips. */
export function divergence(reference: Float32Array, found: Float32Array, classes: number): number {
  const rows = reference.length / classes;
  let total = 0;
  for (let row = 0; row < rows; row++) {
    const p = reference.subarray(row * classes, (row + 1) * classes);
    const q = found.subarray(row * classes, (row + 1) * classes);
    const [lp, lq] = [logSum(p), logSum(q)];
    for (let i = 0; i < classes; i++) {
      const a = (p[i] as number) - lp;
      total += Math.exp(a) * (a - ((q[i] as number) - lq));
    }
  }
  return total / rows;
}

function logSum(row: Float32Array): number {
  const max = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  let sum = 0;
  for (const v of row) sum += Math.exp(v - max);
  return max + Math.log(sum);
}
