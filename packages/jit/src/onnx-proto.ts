/**
 * The messages of ONNX (onnx.proto, https://github.com/onnx/onnx/blob/main/onnx/onnx.proto) that we write, as lists of
 * byte chunks: weights are never copied until the whole file is joined.
 */
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/** Bytes in pieces. */
export type Chunks = readonly Uint8Array[];

export const lengthOf = (chunks: Chunks): number => chunks.reduce((n, c) => n + c.byteLength, 0);

/** A message under construction. */
export class Message {
  #writer = new BinaryWriter();
  readonly #chunks: Uint8Array[] = [];

  string(field: number, value: string): this {
    this.#writer.tag(field, WireType.LengthDelimited).string(value);
    return this;
  }

  int64(field: number, value: number): this {
    this.#writer.tag(field, WireType.Varint).int64(value);
    return this;
  }

  float(field: number, value: number): this {
    this.#writer.tag(field, WireType.Bit32).float(value);
    return this;
  }

  int64s(field: number, values: readonly number[]): this {
    const writer = this.#writer.tag(field, WireType.LengthDelimited).fork();
    for (const value of values) writer.int64(value);
    writer.join();
    return this;
  }

  floats(field: number, values: readonly number[]): this {
    const writer = this.#writer.tag(field, WireType.LengthDelimited).fork();
    for (const value of values) writer.float(value);
    writer.join();
    return this;
  }

  /** Bytes, or a message inside this one. */
  bytes(field: number, content: Chunks): this {
    this.#writer.tag(field, WireType.LengthDelimited).uint32(lengthOf(content));
    this.#chunks.push(this.#writer.finish(), ...content);
    this.#writer = new BinaryWriter();
    return this;
  }

  finish(): Chunks {
    const rest = this.#writer.finish();
    this.#writer = new BinaryWriter();
    return rest.byteLength > 0 ? [...this.#chunks, rest] : this.#chunks;
  }
}

/** One array of all chunks. */
export function join(chunks: Chunks): Uint8Array {
  const bytes = new Uint8Array(lengthOf(chunks));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}
