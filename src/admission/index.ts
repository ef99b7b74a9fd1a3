export { type Admission, admit, type NodeShape } from "./admit.ts";
