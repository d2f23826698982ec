/** How torch's pickles describe tensors: `torch/_utils.py`, `torch/serialization.py`, `torch/_tensor.py` of torch 2.13. */
import type { DType } from "./dtype.ts";
import { CheckpointError } from "./errors.ts";
import { callCommon, isShape, nameOf, setCommonState } from "./pickle/recipes.ts";
import type { Recipes } from "./pickle/unpickle.ts";
import { describeValue, PyDict, PyGlobal, type Value } from "./pickle/values.ts";
import {
  isStorage,
  isTensor,
  STORAGE_TYPES,
  TORCH_DTYPES,
  type TorchStorage,
  type TorchTensor,
} from "./torch-types.ts";

/** Names that are kept for people to read. */
const MOST_GLOBALS = 1000;

/** Recipes for one file; `used` collects the storages that it refers to, by key. */
export function torchRecipes(
  used: Map<string, TorchStorage>,
  file: string | undefined,
): Recipes & { readonly globals: ReadonlySet<string> } {
  const globals = new Set<string>();
  return {
    globals,
    named: (global) => void (globals.size < MOST_GLOBALS && globals.add(global.path)),
    call: (global, args, charge) => rebuild(global.path, args) ?? callCommon(global, args, charge),
    setState: setCommonState,
    persistent: (id) => persistent(id, used, file),
  };
}

/** Undefined where there is no recipe, or where the arguments are not what it takes: the call then stays what it is. */
function rebuild(path: string, args: readonly Value[]): TorchTensor | undefined {
  const [first, second] = args;
  switch (path) {
    case "torch._utils._rebuild_tensor": // storage, offset, size, stride
    case "torch._utils._rebuild_tensor_v2": // ... and requires_grad, backward_hooks, metadata
      return isLazy(args[6]) ? undefined : tensor(args, isStorage(first) ? first.dtype : undefined);
    case "torch._utils._rebuild_tensor_v3": {
      const dtype = args[6];
      if (isLazy(args[7])) return undefined;
      return tensor(args, dtype instanceof PyGlobal ? TORCH_DTYPES[dtype.name] : undefined);
    }
    case "torch._utils._rebuild_parameter":
    case "torch._utils._rebuild_parameter_with_state":
    case "torch.nn.parameter.Parameter":
    case "torch.nn.parameter.Buffer":
      return isTensor(first) ? first : undefined;
    case "torch._tensor._rebuild_from_type": // function, class, arguments, state
    case "torch._tensor._rebuild_from_type_v2": {
      // What a subclass adds to a tensor is none of our business; a recipe of its own is none of ours either.
      const inner = args[2];
      return first instanceof PyGlobal && first.path !== path && Array.isArray(inner) && second instanceof PyGlobal
        ? first.path.startsWith("torch._tensor.")
          ? undefined // one in another without end
          : rebuild(first.path, inner)
        : undefined;
    }
    default:
      return undefined;
  }
}

/** Whether a tensor's bytes are to be conjugated or negated still, which torch notes beside them (`get_tensor_metadata`). */
function isLazy(metadata: Value | undefined): boolean {
  return metadata instanceof PyDict && (metadata.get("conj") === true || metadata.get("neg") === true);
}

function tensor(args: readonly Value[], dtype: DType | undefined): TorchTensor | undefined {
  const [storage, offset, shape, strides] = args;
  if (dtype === undefined || !isStorage(storage) || !isShape(shape) || !isShape(strides)) return undefined;
  if (typeof offset !== "number" || !Number.isSafeInteger(offset) || offset < 0) return undefined;
  return { kind: "a tensor", dtype, storage, offset, shape, strides };
}

/** ("storage", class, key, location, numel) in a zip; legacy files add None, or (key of the view, offset, numel). */
function persistent(id: Value, used: Map<string, TorchStorage>, file: string | undefined): Value {
  const fail = (why: string): never => {
    throw new CheckpointError(
      "bad-pickle",
      `the pickle refers to ${why}: this is no checkpoint of torch, or a damaged one`,
      file,
    );
  };
  if (!Array.isArray(id)) return fail(`${describeValue(id)} outside of it`);
  const [tag, type, key, , numel, view] = id;
  const tagName = tag === undefined ? undefined : nameOf(tag);
  if (tagName === "module") return type ?? null; // legacy files name the source of a class: ("module", class, ...)
  const name = key === undefined ? undefined : nameOf(key);
  if (tagName !== "storage" || name === undefined) return fail(`${describeValue(tag)} where a storage is expected`);
  if (!(typeof numel === "number" && Number.isSafeInteger(numel) && numel >= 0)) {
    return fail(`a storage ${JSON.stringify(name.slice(0, 40))} of no size`);
  }
  if (!(type instanceof PyGlobal)) return fail("a storage of no type");
  // A class of no known name stays a name: the tensor that needs it says so.
  const known = Object.hasOwn(STORAGE_TYPES, type.name) ? STORAGE_TYPES[type.name] : undefined;
  if (known === undefined && !/^(Untyped|Typed)Storage$/.test(type.name)) return type;
  let part: TorchStorage["view"];
  if (Array.isArray(view)) {
    const [, offset, length] = view;
    if (!isShape([offset ?? null, length ?? null])) return fail("a part of a storage without offset and size");
    part = { offset: offset as number, numel: length as number };
  }
  const storage: TorchStorage = { kind: "a torch storage", key: name, dtype: known, numel, view: part };
  if (!used.has(name)) used.set(name, storage);
  return storage;
}
