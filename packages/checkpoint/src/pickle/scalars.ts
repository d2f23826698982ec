import { latin1, longOf, unescapeRaw, unquote, utf8 } from "./literals.ts";
import { MAX_LINE, type Machine } from "./machine.ts";

/** Does an opcode that needs no more than the bytes after it; false where it is none of those. */
export function scalar(m: Machine, op: number): boolean {
  const r = m.reader;
  switch (op) {
    case 0x80: {
      // PROTO
      const version = r.byte();
      if (version > 5) m.fail(`is of protocol ${version}, this version reads up to 5`);
      return true;
    }
    case 0x95: // FRAME: a hint for reading ahead
      if (r.uint64() > r.left) m.fail("has a frame that is longer than the file");
      return true;
    case 0x28: // MARK
      m.mark();
      return true;
    case 0x30: // POP, of a mark too
      m.drop();
      return true;
    case 0x31: // POP_MARK
      m.takeMarked();
      return true;
    case 0x32: // DUP
      m.push(m.top());
      return true;
    case 0x4e: // NONE
      m.push(null);
      return true;
    case 0x88: // NEWTRUE
      m.push(true);
      return true;
    case 0x89: // NEWFALSE
      m.push(false);
      return true;
    case 0x46: {
      // FLOAT
      const text = latin1(r.line(MAX_LINE));
      const value = /^[+-]?(inf|nan)/i.test(text)
        ? /nan/i.test(text)
          ? Number.NaN
          : text[0] === "-"
            ? -Infinity
            : Infinity
        : Number(text);
      m.push(value);
      return true;
    }
    case 0x47: // BINFLOAT
      m.push(r.float64(false));
      return true;
    case 0x49: {
      // INT, and protocol 0's booleans
      const text = latin1(r.line(MAX_LINE));
      m.push(text === "01" ? true : text === "00" ? false : m.integer(text));
      return true;
    }
    case 0x4c: // LONG
      m.push(m.integer(latin1(r.line(MAX_LINE)).replace(/L$/, "")));
      return true;
    case 0x4a: // BININT
      m.push(r.int32());
      return true;
    case 0x4b: // BININT1
      m.push(r.byte());
      return true;
    case 0x4d: // BININT2
      m.push(r.uint16());
      return true;
    case 0x8a: // LONG1
      m.push(longOf(r.bytes(r.byte())));
      return true;
    case 0x8b: {
      // LONG4
      const length = r.int32();
      if (length < 0 || length > MAX_LINE) m.fail(`has a number of ${length} bytes`);
      m.push(longOf(r.bytes(length)));
      return true;
    }
    case 0x53: // STRING: Python 2's repr
      m.push(unquote(latin1(r.line(MAX_LINE))) ?? m.fail("has a string without quotes"));
      return true;
    case 0x54: // BINSTRING
      m.push(latin1(r.bytes(m.length(r.int32()))));
      return true;
    case 0x55: // SHORT_BINSTRING
      m.push(latin1(r.bytes(r.byte())));
      return true;
    case 0x56: // UNICODE: raw-unicode-escape
      m.push(unescapeRaw(latin1(r.line(MAX_LINE))));
      return true;
    case 0x58: // BINUNICODE
      m.push(utf8(r.bytes(m.length(r.uint32()))));
      return true;
    case 0x8c: // SHORT_BINUNICODE
      m.push(utf8(r.bytes(r.byte())));
      return true;
    case 0x8d: // BINUNICODE8
      m.push(utf8(r.bytes(m.length(r.uint64()))));
      return true;
    case 0x42: // BINBYTES
      m.push(r.bytes(m.length(r.uint32())));
      return true;
    case 0x43: // SHORT_BINBYTES
      m.push(r.bytes(r.byte()));
      return true;
    case 0x8e: // BINBYTES8
    case 0x96: // BYTEARRAY8
      m.push(r.bytes(m.length(r.uint64())));
      return true;
    default:
      return false;
  }
}
