import { CheckpointError, quote } from "../errors.ts";
import { integerOf } from "./literals.ts";
import type { ByteReader } from "./reader.ts";
import { PyDict, PyGlobal, PyObject, PySet, type Value } from "./values.ts";

/** How a format builds what it knows. */
export interface Recipes {
  /** What a call makes; undefined where there is no recipe. `charge` must be told how many values are copied. */
  call(global: PyGlobal, args: readonly Value[], charge: (values: number) => void): Value | undefined;
  /** Told of each global that a pickle names. */
  named(global: PyGlobal): void;
  /** Sets the state of a thing that `call` built; false where it does not know it. */
  setState(value: Value, state: Value, charge: (values: number) => void): boolean;
  /** The thing that a persistent id stands for. */
  persistent(id: Value): Value;
}

/** Of a line of text, in bytes. */
export const MAX_LINE: number = 2 ** 16;
const MAX_GLOBAL = 1024;
const MARK: { readonly kind: "mark" } = { kind: "mark" };

/** The stack and the memo of one pickle: what its opcodes work on. */
export class Machine {
  readonly reader: ByteReader;
  readonly recipes: Recipes;
  private readonly file: string | undefined;
  private readonly begin: number;
  private readonly stack: (Value | typeof MARK)[] = [];
  private readonly marks: number[] = [];
  private readonly memo = new Map<number, Value>();
  private copied = 0;

  constructor(reader: ByteReader, recipes: Recipes, file: string | undefined) {
    this.reader = reader;
    this.recipes = recipes;
    this.file = file;
    this.begin = reader.position;
  }

  /** A name that the pickle would import. */
  global(module: string, name: string): PyGlobal {
    // It is looked at again with every call: a long one, called a million times, would take for ever.
    if (module.length + name.length > MAX_GLOBAL) this.fail(`names a global of over ${MAX_GLOBAL} letters`);
    const global = new PyGlobal(module, name);
    this.recipes.named(global);
    return global;
  }

  /** Opens a bracket. */
  mark(): void {
    this.marks.push(this.stack.length);
    this.stack.push(MARK);
  }

  /** Drops the top, a bracket too. */
  drop(): void {
    if (this.stack.length > 0 && this.stack[this.stack.length - 1] === MARK) this.marks.pop();
    if (this.stack.pop() === undefined) this.fail("takes a value from an empty stack");
  }

  /** How many values are kept: the next index of MEMOIZE. */
  get kept(): number {
    return this.memo.size;
  }

  call(callable: Value, args: Value): Value {
    if (callable instanceof PyGlobal && Array.isArray(args)) {
      const built = this.recipes.call(callable, args, (values) => this.charge(values));
      if (built !== undefined) return built;
    }
    return new PyObject(callable, args);
  }

  /** A pickle can ask for one long list to be copied again and again: no more is copied than was read. */
  charge(values: number): void {
    this.copied += values;
    if (this.copied > this.reader.position - this.begin) this.fail("copies more than it holds");
  }

  extend(target: Value, items: readonly Value[]): void {
    if (target instanceof PySet) for (const item of items) target.items.push(item);
    else if (Array.isArray(target)) for (const item of items) target.push(item);
    // A subclass of list is inert, and what is in it with it.
    else if (!(target instanceof PyObject)) this.fail("appends to what is no list");
  }

  fill(target: Value, items: readonly Value[]): void {
    if (items.length % 2 !== 0) this.fail("has a key without a value");
    let dict = target;
    if (target instanceof PyObject) {
      target.items ??= new PyDict(); // a subclass of dict: a state dict may be one
      dict = target.items;
    }
    if (!(dict instanceof PyDict)) this.fail("sets a key of what is no dict");
    for (let i = 0; i < items.length; i += 2) dict.set(items[i] as Value, items[i + 1] as Value);
  }

  remember(index: number): void {
    if (!Number.isSafeInteger(index) || index < 0) this.fail(`keeps a value under ${index}`);
    this.memo.set(index, this.top());
  }

  recall(index: number): void {
    const value = this.memo.get(index);
    this.push(value === undefined ? this.fail(`asks for value ${index}, which it did not keep`) : value);
  }

  push(value: Value): void {
    this.stack.push(value);
  }

  pop(): Value {
    const value = this.stack.pop();
    return value === undefined || value === MARK ? this.fail("takes a value that is not there") : value;
  }

  top(): Value {
    const value = this.stack[this.stack.length - 1];
    return value === undefined || value === MARK ? this.fail("uses a value that is not there") : value;
  }

  takeMarked(): Value[] {
    const mark = this.marks.pop();
    if (mark === undefined) return this.fail("closes a bracket that it did not open");
    const items = this.stack.splice(mark + 1) as Value[];
    this.stack.pop();
    return items;
  }

  integer(text: string): number | bigint {
    return integerOf(text) ?? this.fail(`has ${quote(text)} for a number`);
  }

  /** Checked before anything is made of it. */
  length(length: number): number {
    if (length < 0 || length > this.reader.left) {
      throw new CheckpointError(
        "truncated",
        `the pickle claims a value of ${length} bytes, ${this.reader.left} are left: the file is cut or damaged, get it again`,
        this.file,
      );
    }
    return length;
  }

  fail(why: string): never {
    throw new CheckpointError(
      "bad-pickle",
      `the pickle ${why} (byte ${this.reader.position}): the file is damaged, get it again`,
      this.file,
    );
  }
}
