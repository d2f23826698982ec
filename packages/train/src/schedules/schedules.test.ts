import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  type CreateScheduleOptions,
  cosineSchedule,
  createSchedule,
  multiStepSchedule,
  oneCycleSchedule,
  plateau,
  tanhSchedule,
} from "../index.ts";

/** Of tooling/goldens/train.py: the rate before every epoch or update. */
interface Golden {
  readonly options: Readonly<Record<string, never>>;
  readonly epochs: number;
  readonly rates: readonly number[];
  readonly metrics?: readonly number[];
}

const golden = JSON.parse(readFileSync(new URL("../__goldens__/schedules.json", import.meta.url), "utf8")) as Record<
  string,
  Golden
>;
const LR = 0.05;

/** timm's keyword arguments under our names. */
const NAMES: Readonly<Record<string, string>> = {
  num_epochs: "epochs",
  k_decay: "lrKDecay",
  cycle_mul: "lrCycleMul",
  cycle_decay: "lrCycleDecay",
  cycle_limit: "lrCycleLimit",
};
const camel = (name: string) => NAMES[name] ?? name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
const ours = (options: Golden["options"]): CreateScheduleOptions => {
  const { step_on_epochs, ...rest } = options;
  const renamed = Object.fromEntries(Object.entries(rest).map(([key, value]) => [camel(key), value]));
  return { lr: LR, ...(step_on_epochs === undefined ? {} : { schedOnUpdates: !step_on_epochs }), ...renamed };
};

/** In double precision: as many digits as rounding leaves. */
const expectRates = (found: readonly number[], expected: readonly number[]) => {
  expect(found).toHaveLength(expected.length);
  for (const [t, rate] of expected.entries()) {
    expect(Math.abs((found[t] as number) - rate), `at ${t}: ${found[t]}, not ${rate}`).toBeLessThan(1e-15);
  }
};

const cases = Object.entries(golden).filter(([, one]) => typeof one === "object");

describe("the rates of timm's schedules, of every epoch or update", () => {
  test.each(cases.filter(([name]) => !/plateau|onecycle/.test(name)))("%s", (_, { options, epochs, rates }) => {
    const given = ours(options);
    const plan = createSchedule(given);
    expect(plan.epochs).toBe(epochs);
    const found = rates.map((_rate, t) =>
      plan.lr(given.schedOnUpdates ? { epoch: -1, update: t } : { epoch: t, update: -1 }, null),
    );
    expectRates(found, rates);
  });

  test.each(["plateau", "plateau-warmup", "plateau-min"])("%s, its state through JSON after every epoch", (name) => {
    const { options, rates, metrics = [] } = golden[name] as Golden;
    const plan = createSchedule(ours(options));
    let state = plan.initial;
    const found = [plan.lr({ epoch: 0, update: 0 }, state)];
    for (const [epoch, metric] of metrics.entries()) {
      state = JSON.parse(JSON.stringify(plan.afterEpoch(state, epoch + 1, metric)));
      found.push(plan.lr({ epoch: epoch + 1, update: 0 }, state));
    }
    expectRates(found, rates);
  });
});

test("a plateau with a cooldown has the rates of torch's", () => {
  const { rates, metrics = [] } = golden["plateau-cooldown"] as Golden;
  const rule = plateau({ lr: LR, decayRate: 0.5, patienceT: 1, cooldownT: 2 });
  let state = rule.initial;
  const found = [state.lr];
  for (const [epoch, metric] of metrics.entries()) {
    state = rule.next(state, epoch + 1, metric);
    found.push(state.lr);
  }
  expectRates(found, rates);
  expect(rule.next(state, 30, undefined)).toBe(state);
  expect(rule.next(rule.initial, 1, Number.NaN)).toMatchObject({ best: null, badEpochs: 1 });
});

test.each(["onecycle", "onecycle-linear", "onecycle-three"])("%s: the rates of torch's OneCycleLR", (name) => {
  const { options, rates } = golden[name] as Golden;
  const renamed = Object.fromEntries(Object.entries(options).map(([key, value]) => [camel(key), value]));
  const schedule = oneCycleSchedule({ maxLr: LR, totalSteps: 40, ...renamed });
  expectRates(
    rates.map((_, t) => schedule(t)),
    rates,
  );
});

describe("createSchedule", () => {
  test("one-cycle counts updates, and its rise is the warm-up", () => {
    const plan = createSchedule({ sched: "onecycle", lr: 1, epochs: 10, updatesPerEpoch: 5, warmupEpochs: 2 });
    const schedule = oneCycleSchedule({ maxLr: 1, totalSteps: 50, pctStart: 0.2 });
    expect([0, 9, 49].map((update) => plan.lr({ epoch: 0, update }, null))).toEqual([0, 9, 49].map(schedule));
    expect(plan.lr({ epoch: 0, update: 9 }, null)).toBe(1);
  });

  test("none leaves the rate as it is", () => {
    const plan = createSchedule({ sched: "none", lr: 0.3, epochs: 2 });
    expect(plan.lr({ epoch: 1, update: 5 }, plan.afterEpoch(plan.initial, 1, 0.5))).toBe(0.3);
    expect(plan.epochs).toBe(2);
  });

  test("refuses what makes no sense", () => {
    expect(() => createSchedule({ lr: 1, schedOnUpdates: true })).toThrow("updatesPerEpoch: expected more than 0");
    expect(() => createSchedule({ lr: 1, sched: "plateau", schedOnUpdates: true, updatesPerEpoch: 1 })).toThrow(
      "epochs",
    );
    expect(() => createSchedule({ lr: 1, sched: "cosin" as never })).toThrow("expected cosine, tanh");
    expect(() => createSchedule({ lr: -1 })).toThrow("cosineSchedule: lr: expected 0 or more, found -1");
    expect(() => createSchedule({ lr: 1, epochs: 0 })).toThrow("tInitial: expected more than 0, found 0");
    expect(() => cosineSchedule({ lr: 1, tInitial: 1, warmupT: -1 })).toThrow("warmupT: expected 0 or more, found -1");
    expect(() => tanhSchedule({ lr: 1, tInitial: 1, lb: 3, ub: 3 })).toThrow("lb below ub, found 3 and 3");
    expect(() => multiStepSchedule({ lr: 1, decayT: [2, 1] })).toThrow("times in order, found 2, 1");
    expect(() => oneCycleSchedule({ maxLr: 1, totalSteps: 5 })(6)).toThrow("update 6 of a cycle of 5");
    expect(() => oneCycleSchedule({ maxLr: 1, totalSteps: 5, pctStart: 2 })).toThrow("0 to 1, found 2");
    expect(() => plateau({ lr: 1, decayRate: 1 })).toThrow("below 1, found 1");
  });
});
