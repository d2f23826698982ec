/** What went wrong; see the messages for what to do. */
export type JitErrorCode =
  | "trace-read"
  | "trace-unsupported"
  | "trace-dynamic-shape"
  | "trace-nested"
  | "trace-dead-tensor"
  | "bad-input"
  | "engine-not-installed"
  | "engine-failed"
  | "provider-missing"
  | "worker-crashed"
  | "disposed"
  | "busy"
  | "not-finite"
  | "write-failed";

/** Anything that tracing, compiling or running refuses. Tell it by `code`: two copies of the package may be loaded. */
export class JitError extends Error {
  override readonly name = "JitError";
  readonly code: JitErrorCode;

  constructor(code: JitErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** "[1, 224, 224, 3]", with the batch dimension's name where `batch` divides. */
export function showShape(shape: readonly (number | null)[], batch = 0): string {
  const dim = (d: number | null): string => {
    if (d === null) return "N";
    if (batch === 0 || d === 0 || d % batch !== 0) return String(d);
    return d === batch ? "N" : `${d / batch} N`;
  };
  return `[${shape.map(dim).join(", ")}]`;
}

/** Where the traced function called the op: the first line of the stack outside tfjs and this package. */
export function callerLine(stack: string | undefined): string {
  const inside = /tfjs|[\\/]jit[\\/](src|dist)[\\/](?!.*\.test\.)|[\\/]tensor[\\/](src|dist)[\\/]|node:internal/;
  const lines = (stack ?? "").split("\n").filter((line) => /^\s*at /.test(line));
  const line = lines.find((l) => !inside.test(l));
  return line ? ` (${line.trim()})` : "";
}
