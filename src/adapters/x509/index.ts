export { createKeys } from "./keys.ts";
