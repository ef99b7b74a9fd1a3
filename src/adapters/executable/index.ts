export type { Part } from "./layout.ts";
export { loadNative } from "./native.ts";
export { Parts } from "./parts.ts";
