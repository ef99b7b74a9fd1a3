import type { Passage } from "../../ports/http-server.ts";
import type { Bridge } from "../http/bridge.ts";
import { channels } from "./channels.ts";
import { tunnel } from "./tunnel.ts";

/** Between a WebSocket in front and SPDY/3.1 behind. */
export const bridgeFor = (passage: Exclude<Passage, { kind: "bytes" }>): Bridge =>
  passage.kind === "tunnel" ? tunnel : channels(passage);
