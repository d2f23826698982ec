export { decode } from "./browser-decode.ts";
export * from "./transforms.ts";
