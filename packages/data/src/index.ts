export { decode } from "./decode.ts";
export * from "./transforms.ts";
