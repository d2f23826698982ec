import { type DType, isDType } from "./dtype.ts";
import { CheckpointError, type CheckpointErrorCode, quote } from "./errors.ts";

/** One entry of a safetensors header, as it is written. Offsets are in bytes from the end of the header. */
export interface HeaderEntry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface Header {
  readonly entries: readonly HeaderEntry[];
  readonly metadata: Record<string, string> | undefined;
}

const MAX_RANK = 64; // torch's own limit
const MAX_DEPTH = 16; // of values that are passed over

/**
 * Parses the JSON of a safetensors header. Not `JSON.parse`: that hides duplicate keys, turns numbers beyond 2^53 into
 * others, and builds whatever it finds; this builds nothing but the entries. Time and memory are linear in the text.
 * https://github.com/huggingface/safetensors#format
 */
export function parseHeader(text: string, file?: string): Header {
  return new HeaderParser(text, file).header();
}

class HeaderParser {
  private readonly text: string;
  private readonly file: string | undefined;
  private pos = 0;

  constructor(text: string, file: string | undefined) {
    this.text = text;
    this.file = file;
  }

  header(): Header {
    const entries: HeaderEntry[] = [];
    const names = new Set<string>();
    let metadata: Record<string, string> | undefined;
    this.object((key) => {
      if (names.has(key)) this.fail(`has the name ${quote(key)} twice`, "duplicate-name");
      names.add(key);
      if (key === "__metadata__") metadata = this.peek() === "n" ? this.literal("null", undefined) : this.metadata();
      else entries.push(this.entry(key));
    });
    if (this.peek() !== "") this.fail("goes on after the closing brace");
    return { entries, metadata };
  }

  private metadata(): Record<string, string> {
    const values = new Map<string, string>();
    this.object((key) => {
      if (values.has(key)) this.fail(`has the metadata key ${quote(key)} twice`, "duplicate-name");
      if (this.peek() !== '"') this.fail(`holds a value that is no string in its metadata, under ${quote(key)}`);
      values.set(key, this.string());
    });
    return Object.fromEntries(values); // defines own properties, "__proto__" too
  }

  private entry(name: string): HeaderEntry {
    let dtype: DType | undefined;
    let shape: number[] | undefined;
    let offsets: number[] | undefined;
    let others: Set<string> | undefined;
    if (this.peek() !== "{") this.fail(`holds no {dtype, shape, data_offsets} under ${quote(name)}`);
    this.object((key) => {
      const twice =
        key === "dtype" ? dtype : key === "shape" ? shape : key === "data_offsets" ? offsets : others?.has(key);
      if (twice) this.fail(`has the key ${quote(key)} twice in tensor ${quote(name)}`, "duplicate-name");
      if (key === "dtype") dtype = this.dtype(name);
      else if (key === "shape") shape = this.numbers(key, name, MAX_RANK);
      else if (key === "data_offsets") offsets = this.numbers(key, name, 2);
      else {
        others ??= new Set();
        others.add(key);
        this.skip(0); // the reference passes over keys that it does not know
      }
    });
    if (dtype === undefined) return this.fail(`states no dtype for tensor ${quote(name)}`);
    if (shape === undefined) return this.fail(`states no shape for tensor ${quote(name)}`);
    if (offsets?.length !== 2) return this.fail(`states no pair of data_offsets for tensor ${quote(name)}`);
    return { name, dtype, shape, begin: offsets[0] as number, end: offsets[1] as number };
  }

  private dtype(name: string): DType {
    if (this.peek() !== '"') this.fail(`has no string as dtype of tensor ${quote(name)}`);
    const dtype = this.string();
    if (isDType(dtype)) return dtype;
    return this.fail(
      `states the dtype ${quote(dtype)} for tensor ${quote(name)}, which is not known`,
      "unsupported-dtype",
    );
  }

  private object(member: (key: string) => void): void {
    this.take("{");
    if (this.peek() === "}") {
      this.pos++;
      return;
    }
    for (;;) {
      if (this.peek() !== '"') this.fail("has no quoted key where one is expected");
      const key = this.string();
      this.take(":");
      member(key);
      if (this.peek() === ",") this.pos++;
      else break;
    }
    this.take("}");
  }

  private numbers(key: string, name: string, limit: number): number[] {
    const list: number[] = [];
    if (this.peek() !== "[") this.fail(`has no list as ${key} of tensor ${quote(name)}`);
    this.pos++;
    if (this.peek() === "]") {
      this.pos++;
      return list;
    }
    for (;;) {
      if (list.length === limit) this.fail(`has more than ${limit} numbers as ${key} of tensor ${quote(name)}`);
      list.push(this.number(key, name));
      if (this.peek() === ",") this.pos++;
      else break;
    }
    this.take("]");
    return list;
  }

  private number(key: string, name: string): number {
    this.peek();
    const start = this.pos;
    // 24 characters are enough to see that it is none, however long it goes on.
    while (this.pos < start + 24 && /[-+.0-9A-Za-z]/.test(this.text.charAt(this.pos))) this.pos++;
    const token = this.text.slice(start, this.pos);
    const value = /^(0|[1-9]\d*)$/.test(token) ? Number(token) : Number.NaN;
    if (Number.isSafeInteger(value)) return value;
    return this.fail(
      `has ${quote(token)} in the ${key} of tensor ${quote(name)}, expected a whole number from 0 to 2^53`,
    );
  }

  private string(): string {
    const start = this.pos++;
    let escaped = false;
    for (;;) {
      const c = this.text.charCodeAt(this.pos);
      if (c === 0x22) break;
      if (Number.isNaN(c)) this.fail("ends inside a string");
      if (c < 0x20) this.fail("has a control character inside a string");
      if (c === 0x5c) {
        escaped = true;
        this.pos++;
      }
      this.pos++;
    }
    this.pos++;
    if (!escaped) return this.text.slice(start + 1, this.pos - 1);
    try {
      return JSON.parse(this.text.slice(start, this.pos)) as string;
    } catch {
      return this.fail("has a wrong escape inside a string");
    }
  }

  private skip(depth: number): void {
    if (depth > MAX_DEPTH) this.fail(`is nested more than ${MAX_DEPTH} deep`);
    const c = this.peek();
    if (c === "{") this.object(() => this.skip(depth + 1));
    else if (c === '"') this.string();
    else if (c === "t") this.literal("true", true);
    else if (c === "f") this.literal("false", false);
    else if (c === "n") this.literal("null", null);
    else if (c === "[") {
      this.pos++;
      if (this.peek() === "]") this.pos++;
      else {
        for (;;) {
          this.skip(depth + 1);
          if (this.peek() === ",") this.pos++;
          else break;
        }
        this.take("]");
      }
    } else {
      const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/y;
      number.lastIndex = this.pos;
      if (!number.test(this.text)) this.fail("holds something that is no JSON value");
      this.pos = number.lastIndex;
    }
  }

  private literal<T>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.pos)) this.fail("holds something that is no JSON value");
    this.pos += word.length;
    return value;
  }

  /** Passes over white space; the next character, or "" at the end. */
  private peek(): string {
    for (;;) {
      const c = this.text.charCodeAt(this.pos);
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return this.text.charAt(this.pos);
      this.pos++;
    }
  }

  private take(c: string): void {
    const found = this.peek();
    if (found !== c)
      this.fail(found === "" ? `ends where ${c} is expected` : `has ${quote(found)} where ${c} is expected`);
    this.pos++;
  }

  private fail(why: string, code: CheckpointErrorCode = "bad-header"): never {
    throw new CheckpointError(code, `the safetensors header ${why} (at character ${this.pos})`, this.file);
  }
}
