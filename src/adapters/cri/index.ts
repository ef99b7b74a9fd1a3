export { type Cri, type CriOptions, connectCri, type RuntimeProfile } from "./connect.ts";
