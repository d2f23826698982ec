/**
 * TensorBoard's messages (https://github.com/tensorflow/tensorboard/tree/master/tensorboard/compat/proto: event.proto,
 * summary.proto, tensor.proto), as far as a run writes them: what torch's `SummaryWriter` writes for the same things.
 */
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/** A picture, encoded (PNG, JPEG or GIF). */
export interface EventImage {
  readonly width: number;
  readonly height: number;
  readonly bytes: Uint8Array;
}

/** What a run says at one moment; each value under its tag ("loss/train"). */
export interface RunEvent {
  /** The dashboard's horizontal axis: updates or epochs done. */
  readonly step: number;
  /** Seconds since 1970. */
  readonly wallTime: number;
  /** Kept as float32. */
  readonly scalars?: Readonly<Record<string, number>>;
  /** Markdown. */
  readonly texts?: Readonly<Record<string, string>>;
  readonly images?: Readonly<Record<string, EventImage>>;
}

const STRING = 7; // DT_STRING of types.proto
const RGB = 3;

/** The fields of event.proto, summary.proto and tensor.proto. */
const EVENT = { wallTime: 1, step: 2, fileVersion: 3, summary: 5 } as const;
const VALUE = { tag: 1, simpleValue: 2, image: 4, tensor: 8, metadata: 9 } as const;

/** The first event of every file. */
export function encodeVersion(wallTime: number): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(EVENT.wallTime, WireType.Bit64).double(wallTime);
  writer.tag(EVENT.fileVersion, WireType.LengthDelimited).string("brain.Event:2");
  return writer.finish();
}

export function encodeEvent({ step, wallTime, scalars = {}, texts = {}, images = {} }: RunEvent): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(EVENT.wallTime, WireType.Bit64).double(wallTime);
  writer.tag(EVENT.step, WireType.Varint).int64(step);
  writer.tag(EVENT.summary, WireType.LengthDelimited).fork();
  for (const [tag, value] of Object.entries(scalars)) {
    openValue(writer, tag).tag(VALUE.simpleValue, WireType.Bit32).float(Math.fround(value));
    writer.join();
  }
  for (const [tag, text] of Object.entries(texts)) {
    openValue(writer, `${tag}/text_summary`);
    writeText(writer, text);
    writer.join();
  }
  for (const [tag, image] of Object.entries(images)) {
    openValue(writer, tag);
    writeImage(writer, image);
    writer.join();
  }
  return writer.join().finish();
}

/** Begins an entry of the summary; its end is the caller's `join`. */
const openValue = (writer: BinaryWriter, tag: string): BinaryWriter =>
  writer.tag(1, WireType.LengthDelimited).fork().tag(VALUE.tag, WireType.LengthDelimited).string(tag);

function writeText(writer: BinaryWriter, text: string): void {
  writer.tag(VALUE.tensor, WireType.LengthDelimited).fork().tag(1, WireType.Varint).int32(STRING);
  writer.tag(2, WireType.LengthDelimited).fork(); // tensor_shape: [1]
  writer.tag(2, WireType.LengthDelimited).fork().tag(1, WireType.Varint).int64(1).join();
  writer.join();
  writer.tag(8, WireType.LengthDelimited).string(text).join(); // string_val
  writer.tag(VALUE.metadata, WireType.LengthDelimited).fork(); // SummaryMetadata
  writer.tag(1, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).string("text").join(); // plugin_data
  writer.join();
}

function writeImage(writer: BinaryWriter, { width, height, bytes }: EventImage): void {
  writer.tag(VALUE.image, WireType.LengthDelimited).fork();
  writer.tag(1, WireType.Varint).int32(height).tag(2, WireType.Varint).int32(width).tag(3, WireType.Varint).int32(RGB);
  writer.tag(4, WireType.LengthDelimited).bytes(bytes).join();
}

/** The step of an encoded event; 0 where it says none. */
export function stepOf(event: Uint8Array): number {
  const reader = new BinaryReader(event);
  let step = 0;
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === EVENT.step) step = Number(reader.int64());
    else reader.skip(type);
  }
  return step;
}
