import { availableParallelism } from "node:os";
import { messageOf } from "../../base/fault.ts";
import type { Log } from "../../base/log.ts";
import { type Millis, millis } from "../../base/units.ts";
import type { RuntimeVersion } from "../../model/runtime.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Random } from "../../ports/random.ts";
import type { Images, Runtime } from "../../ports/runtime.ts";
import { parseEndpoint } from "./endpoint.ts";
import { followEvents } from "./event-feed.ts";
import { containerdEvents, criEvents, type EventSource } from "./event-sources.ts";
import { Gate } from "./gate.ts";
import { criImages } from "./images.ts";
import { startingLimit } from "./limit.ts";
import { criRuntime, readVersion } from "./runtime.ts";
import { Transport } from "./transport.ts";

export interface CriOptions {
  /** `unix:///path`; a bare path works with a warning. */
  readonly endpoint: string;
  /** Where images are, if not at `endpoint`. */
  readonly imageEndpoint?: string;
  /** runtimeRequestTimeout. */
  readonly requestTimeout: Millis;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  /** How many cores the runtime can use: where the limit of heavy calls in flight begins. Those of this machine by default. */
  readonly cores?: number;
}

/** What a runtime says about itself at the first contact. */
export interface RuntimeProfile {
  readonly version: RuntimeVersion;
  /** undefined: it does not tell (containerd before 2.0), the configured one counts. */
  readonly cgroupDriver: "cgroupfs" | "systemd" | undefined;
}

export interface Cri {
  readonly runtime: Runtime;
  readonly images: Images;
  /**
   * The checks that must pass before a node starts: `Version` in both forms, `ImageFsInfo`, `RuntimeConfig` (three tries, 2 s apart).
   * Throws the fault of the first that fails.
   */
  check(signal: AbortSignal): Promise<RuntimeProfile>;
  /** Ends the connections; calls in flight fail as unavailable. */
  close(): void;
}

const CONFIG_TRIES = 3;
const CONFIG_PAUSE = millis(2000);

/** A runtime behind one socket or two. Connects at the first call and reconnects by itself; never throws for a runtime that is away. */
export function connectCri(options: CriOptions): Cri {
  const { requestTimeout, clock, log, random } = options;
  const gate = new Gate(startingLimit(options.cores ?? availableParallelism()), clock);
  const open = (text: string, field: string): Transport => {
    const endpoint = parseEndpoint(text, field);
    if (endpoint.bare)
      log.warn("Endpoint without a scheme is deprecated, use the full form", { [field]: text, use: endpoint.url });
    return new Transport(endpoint, gate, clock);
  };
  const transport = open(options.endpoint, "containerRuntimeEndpoint");
  const imageEndpoint = options.imageEndpoint ?? "";
  const imageTransport =
    imageEndpoint === "" || imageEndpoint === options.endpoint
      ? transport
      : open(imageEndpoint, "imageServiceEndpoint");

  const feed = {
    sources: async (signal: AbortSignal) => eventSources(transport, runtime, clock, await runtime.version(signal)),
    probe: (signal: AbortSignal) => runtime.version(signal),
    clock,
    random,
    log,
  };
  const runtime = criRuntime(transport, requestTimeout, (signal, isNews = () => true) =>
    followEvents(feed, isNews, signal),
  );
  const images = criImages(imageTransport, requestTimeout);

  return {
    runtime,
    images,
    async check(signal) {
      await readVersion(transport, "", requestTimeout, signal);
      const version = await runtime.version(signal);
      await images.imageFilesystems(signal);
      const cgroupDriver = await retrying(() => runtime.cgroupDriver(signal), clock, log, signal);
      return { version, cgroupDriver };
    },
    close() {
      transport.close();
      if (imageTransport !== transport) imageTransport.close();
    },
  };
}

/**
 * Best first. containerd's own events tell of an exit when it happens, CRI's when the container is cleaned up: 15 to 180 ms later on two busy cores.
 * Besides, 1.7 gives each CRI event to a single subscriber and drops them when nobody reads (someone else's `crictl events` would take ours), and
 * 1.6 has none.
 */
function eventSources(
  transport: Transport,
  runtime: Runtime,
  clock: Clock,
  { name }: RuntimeVersion,
): readonly EventSource[] {
  const cri = criEvents(transport);
  const containerd = containerdEvents(transport, runtime, clock);
  return name === "containerd" ? [containerd, cri] : [cri, containerd];
}

async function retrying<T>(read: () => Promise<T>, clock: Clock, log: Log, signal: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await read();
    } catch (error) {
      if (attempt === CONFIG_TRIES || signal.aborted) throw error;
      log.warn("Container runtime did not tell its configuration, trying again", { attempt, err: messageOf(error) });
      await clock.sleep(CONFIG_PAUSE, signal);
    }
  }
}
