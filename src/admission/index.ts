export { type Admission, admit, isForLabels, type NodeShape } from "./admit.ts";
