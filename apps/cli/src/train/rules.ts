/** What a setting may be. */
export interface Rule<T> {
  /** For messages: "a number of 0 or more". */
  readonly expected: string;
  /** The value, or undefined where it is not as expected. */
  read(value: unknown): T | undefined;
}

export type ValueOf<R> = R extends Rule<infer T> ? T : never;

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);

export const text = (): Rule<string> => ({
  expected: "a text",
  read: (value) => (typeof value === "string" && value !== "" ? value : undefined),
});

export const flag = (): Rule<boolean> => ({
  expected: "true or false",
  read: (value) => (typeof value === "boolean" ? value : undefined),
});

export const number = (least: number): Rule<number> => ({
  expected: `a number of ${least} or more`,
  read: (value) => (isNumber(value) && value >= least ? value : undefined),
});

export const whole = (least: number): Rule<number> => ({
  expected: `a whole number of ${least} or more`,
  read: (value) => (Number.isSafeInteger(value) && (value as number) >= least ? (value as number) : undefined),
});

export const share = (): Rule<number> => ({
  expected: "a number from 0 to 1",
  read: (value) => (isNumber(value) && value >= 0 && value <= 1 ? value : undefined),
});

export const choice = <const Names extends readonly string[]>(...names: Names): Rule<Names[number]> => ({
  expected: `one of ${names.join(", ")}`,
  read: (value) => (names.includes(value as string) ? (value as Names[number]) : undefined),
});

export const pair = (least: number, most: number): Rule<readonly [number, number]> => ({
  expected: `two numbers from ${least} to ${most}`,
  read(value) {
    const fits =
      Array.isArray(value) && value.length === 2 && value.every((x) => isNumber(x) && x >= least && x <= most);
    return fits ? (value as unknown as readonly [number, number]) : undefined;
  },
});

export const list = (least: number): Rule<readonly number[]> => ({
  expected: `numbers of ${least} or more`,
  read: (value) => (Array.isArray(value) && value.every((x) => isNumber(x) && x >= least) ? value : undefined),
});

export const names = (): Rule<readonly string[]> => ({
  expected: "names, each once",
  read(value) {
    const fits =
      Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === "string" && one !== "");
    return fits && new Set(value).size === value.length ? (value as readonly string[]) : undefined;
  },
});

/** "frog, horse" of the command line, as names. */
export const namesIn = (text: string | undefined): readonly string[] | undefined =>
  text?.split(",").map((name) => name.trim());

export const table = (): Rule<Readonly<Record<string, unknown>>> => ({
  expected: "a table of names and values",
  read(value) {
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  },
});
