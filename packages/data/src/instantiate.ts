/**
 * The exports of a WebAssembly module that imports nothing, compiled on the calling thread: these are a few kB.
 *
 * @param base64 - the module
 * @returns null where this engine has no WebAssembly SIMD, or a page's policy forbids compiling
 */
export function instantiate<Kernels>(base64: string): Kernels | null {
  try {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    return new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as unknown as Kernels;
  } catch {
    return null;
  }
}
