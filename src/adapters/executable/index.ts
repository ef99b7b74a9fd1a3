export { loadNative } from "./native.ts";
export { Parts } from "./parts.ts";
