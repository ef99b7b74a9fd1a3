export { type LogTime, parseLogTime } from "./line.ts";
export { type LogDeps, type LogOptions, type LogSource, readLog } from "./read.ts";
