import { ascii, be16, type Size } from "./probe-bytes.ts";

/** A marker segment of a JPEG: the marker's second byte, and where its payload lies. */
interface Segment {
  readonly marker: number;
  readonly begin: number;
  readonly end: number;
}

/** The next segment from `at`: stray bytes before its FF and fill bytes FF are passed over, as libjpeg does. */
function segment(b: Uint8Array, at: number): Segment | undefined {
  let i = b.indexOf(0xff, at);
  while (i >= 0 && (b[i + 1] === 0xff || b[i + 1] === 0)) i = b.indexOf(0xff, i + 1);
  const marker = i < 0 ? undefined : b[++i];
  if (marker === undefined) return undefined;
  // TEM, RSTn, SOI and EOI stand alone.
  if (marker === 1 || (marker >= 0xd0 && marker <= 0xd9)) return { marker, begin: i + 1, end: i + 1 };
  const length = be16(b, i + 1);
  if (length < 2 || i + 1 + length > b.length) return undefined;
  return { marker, begin: i + 3, end: i + 1 + length };
}

/** SOF0 to SOF15 without DHT, JPG and DAC, which share the range. */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

/** The frame header (ITU T.81, B.2.2). */
function frame(b: Uint8Array): Segment | undefined {
  for (let s = segment(b, 2); s; s = segment(b, s.end)) {
    if (isFrame(s.marker)) return s.end - s.begin >= 6 ? s : undefined;
    if (s.marker === 0xda || s.marker === 0xd9) return undefined;
  }
  return undefined;
}

/** The size that the frame header states. */
export function probeJpeg(b: Uint8Array): Size | undefined {
  const f = frame(b);
  return f && { height: be16(b, f.begin + 1), width: be16(b, f.begin + 3) };
}

/** 1 (grey), 3 (colour) or 4 (CMYK, or YCCK by Adobe's marker). */
export function jpegComponents(b: Uint8Array): number | undefined {
  const f = frame(b);
  return f && b[f.begin + 5];
}

/** Where the EXIF block begins, behind its marker "Exif" in an APP1 segment; before the first scan or nowhere. */
export function jpegExif(b: Uint8Array): number | undefined {
  for (let s = segment(b, 2); s && s.marker !== 0xda && s.marker !== 0xd9; s = segment(b, s.end))
    if (s.marker === 0xe1 && ascii(b, s.begin, 6) === "Exif\0\0") return s.begin + 6;
  return undefined;
}

/** True where the picture's end mark is there. Bytes after it, and marks inside an embedded preview, do not count. */
export function hasJpegEnd(b: Uint8Array): boolean {
  let at = 2;
  for (;;) {
    const s = segment(b, at);
    if (!s) return false;
    if (s.marker === 0xd9) return true;
    at = s.end;
    if (s.marker !== 0xda) continue;
    // Entropy-coded data: FF 00 is a stuffed byte, FF D0 to D7 a restart, anything else the next segment.
    for (;;) {
      at = b.indexOf(0xff, at);
      if (at < 0 || at + 1 >= b.length) return false;
      const next = b[at + 1] as number;
      if (next === 0 || (next >= 0xd0 && next <= 0xd7)) at += 2;
      else if (next === 0xff) at++;
      else break;
    }
  }
}
