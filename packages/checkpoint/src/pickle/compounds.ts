import { latin1, utf8 } from "./literals.ts";
import { MAX_LINE, type Machine } from "./machine.ts";
import { PyDict, PyObject, PySet } from "./values.ts";

/** The opcodes that put values together. */
export function compound(m: Machine, op: number): void {
  const r = m.reader;
  switch (op) {
    case 0x5d: // EMPTY_LIST
    case 0x29: // EMPTY_TUPLE
      m.push([]);
      return;
    case 0x7d: // EMPTY_DICT
      m.push(new PyDict());
      return;
    case 0x8f: // EMPTY_SET
      m.push(new PySet());
      return;
    case 0x6c: // LIST
    case 0x74: // TUPLE
    case 0x91: // FROZENSET
      m.push(m.takeMarked());
      return;
    case 0x64: {
      // DICT
      const dict = new PyDict();
      m.fill(dict, m.takeMarked());
      m.push(dict);
      return;
    }
    case 0x85: // TUPLE1
      m.push([m.pop()]);
      return;
    case 0x86: {
      // TUPLE2
      const b = m.pop();
      m.push([m.pop(), b]);
      return;
    }
    case 0x87: {
      // TUPLE3
      const c = m.pop();
      const b = m.pop();
      m.push([m.pop(), b, c]);
      return;
    }
    case 0x61: {
      // APPEND
      const value = m.pop();
      m.extend(m.top(), [value]);
      return;
    }
    case 0x65: // APPENDS
    case 0x90: {
      // ADDITEMS
      const items = m.takeMarked();
      m.extend(m.top(), items);
      return;
    }
    case 0x73: {
      // SETITEM
      const value = m.pop();
      const key = m.pop();
      m.fill(m.top(), [key, value]);
      return;
    }
    case 0x75: {
      // SETITEMS
      const items = m.takeMarked();
      m.fill(m.top(), items);
      return;
    }
    case 0x63: // GLOBAL
      m.push(m.global(utf8(r.line(MAX_LINE)), utf8(r.line(MAX_LINE))));
      return;
    case 0x93: {
      // STACK_GLOBAL
      const name = m.pop();
      const module = m.pop();
      if (typeof name !== "string" || typeof module !== "string") {
        m.fail("names a global by what is no string");
      } else m.push(m.global(module, name));
      return;
    }
    case 0x69: {
      // INST
      const global = m.global(utf8(r.line(MAX_LINE)), utf8(r.line(MAX_LINE)));
      m.push(m.call(global, m.takeMarked()));
      return;
    }
    case 0x6f: {
      // OBJ
      const [callable, ...args] = m.takeMarked();
      m.push(m.call(callable ?? m.fail("makes an object of no class"), args));
      return;
    }
    case 0x52: // REDUCE
    case 0x81: {
      // NEWOBJ
      const args = m.pop();
      m.push(m.call(m.pop(), args));
      return;
    }
    case 0x92: {
      // NEWOBJ_EX
      const named = m.pop();
      const args = m.pop();
      const made = m.call(m.pop(), args);
      m.push(named instanceof PyDict && named.size > 0 ? new PyObject(made, named) : made);
      return;
    }
    case 0x62: {
      // BUILD
      const state = m.pop();
      const value = m.top();
      if (value instanceof PyObject) value.state = state;
      else m.recipes.setState(value, state, (values) => m.charge(values)); // what a plain container has beyond its items is of no use here
      return;
    }
    case 0x50: // PERSID
      m.push(m.recipes.persistent(latin1(r.line(MAX_LINE))));
      return;
    case 0x51: // BINPERSID
      m.push(m.recipes.persistent(m.pop()));
      return;
    case 0x70: // PUT
      m.remember(Number(latin1(r.line(MAX_LINE))));
      return;
    case 0x71: // BINPUT
      m.remember(r.byte());
      return;
    case 0x72: // LONG_BINPUT
      m.remember(r.uint32());
      return;
    case 0x94: // MEMOIZE
      m.remember(m.kept);
      return;
    case 0x67: // GET
      m.recall(Number(latin1(r.line(MAX_LINE))));
      return;
    case 0x68: // BINGET
      m.recall(r.byte());
      return;
    case 0x6a: // LONG_BINGET
      m.recall(r.uint32());
      return;
    case 0x82: // EXT1, 2, 4: numbers of a registry that is in no file
    case 0x83:
    case 0x84:
      m.push(m.global("copyreg", `extension ${op === 0x82 ? r.byte() : op === 0x83 ? r.uint16() : r.uint32()}`));
      return;
    case 0x97: // NEXT_BUFFER: buffers travel beside a pickle, never in a file
      m.fail("refers to a buffer outside of the file");
      return;
    case 0x98: // READONLY_BUFFER
      return;
    default:
      m.fail(`has the unknown opcode 0x${op.toString(16).padStart(2, "0")}`);
  }
}
