import { relayout, stack } from "../derived.ts";
import { CheckpointError, quote } from "../errors.ts";
import type { CheckpointTensor } from "../tensor.ts";
import { fill, matcher, type Places } from "./patterns.ts";
import type { Layout, NameMap, Tensors } from "./types.ts";

/** A map's rules under the prefix that a file has. */
interface Rule {
  readonly patterns: readonly string[];
  readonly matchers: readonly ((name: string) => Places | undefined)[];
  readonly to: string | undefined;
  readonly layout: Layout;
}

/** What became of a file's names. */
export interface Renamed {
  readonly tensors: Tensors;
  /** Names that no rule lists: they stay as they are. */
  readonly unmapped: readonly string[];
  /** Names whose rule leaves them out. */
  readonly dropped: readonly string[];
}

/** Tensors under timm's names by one map; of a name that several tensors make, all must be there. */
export function renameBy(map: NameMap, prefix: string, tensors: Tensors, file: string | undefined): Renamed {
  const rules = rulesOf(map, prefix);
  const out = new Map<string, CheckpointTensor>();
  const taken = new Set<string>();
  const unmapped: string[] = [];
  const dropped: string[] = [];
  for (const [key, tensor] of tensors) {
    if (taken.has(key)) continue;
    const { rule, places } = ruleFor(key, rules);
    const names = rule?.patterns.map((pattern) => fill(pattern, places)) ?? [];
    const parts = names.flatMap((name) => tensors.get(name) ?? []);
    if (rule === undefined || parts.length < names.length) {
      unmapped.push(key); // also a query without its key: a strict load says what is missing
      put(out, key, tensor, key, file);
      continue;
    }
    for (const name of names) taken.add(name);
    if (rule.to === undefined) {
      dropped.push(key);
      continue;
    }
    const laid = parts.map((part, i) => relayout(part, rule.layout, names[i] as string, file));
    put(
      out,
      fill(rule.to, places),
      laid.length === 1 ? (laid[0] as CheckpointTensor) : stack(laid, names, file),
      key,
      file,
    );
  }
  return { tensors: out, unmapped, dropped };
}

function rulesOf(map: NameMap, prefix: string): readonly Rule[] {
  // A rule that begins with a slash is for a name outside of the prefix, such as the head beside a backbone.
  const full = (pattern: string): string => (pattern.startsWith("/") ? pattern.slice(1) : prefix + pattern);
  return map.rules.map(([from, to, layout = "same"]) => {
    const patterns = (typeof from === "string" ? [from] : from).map(full);
    return { patterns, matchers: patterns.map(matcher), to, layout };
  });
}

function ruleFor(key: string, rules: readonly Rule[]): { readonly rule: Rule | undefined; readonly places: Places } {
  for (const rule of rules) {
    for (const matches of rule.matchers) {
      const places = matches(key);
      if (places !== undefined) return { rule, places };
    }
  }
  return { rule: undefined, places: {} };
}

function put(
  out: Map<string, CheckpointTensor>,
  to: string,
  tensor: CheckpointTensor,
  from: string,
  file: string | undefined,
): void {
  if (out.has(to)) {
    throw new CheckpointError(
      "duplicate-name",
      `${quote(from)} and another tensor are both ${quote(to)} under timm's names`,
      file,
    );
  }
  out.set(to, tensor);
}
