export { expectClose, maxRelativeError } from "./close.ts";
export { shared } from "./shared.ts";
