export { type CountedEvent, EventLog } from "./event-log.ts";
