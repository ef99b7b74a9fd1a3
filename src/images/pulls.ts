import { KubeletError } from "../base/fault.ts";
import { Semaphore } from "../base/semaphore.ts";
import type { Millis } from "../base/units.ts";
import { until } from "../base/units.ts";
import type { ImageInfo, RegistryAuth, SandboxConfig } from "../model/runtime.ts";
import type { Clock } from "../ports/clock.ts";
import type { Images } from "../ports/runtime.ts";
import { runtimeText } from "./pull-error.ts";
import { PullRate } from "./pull-rate.ts";

export interface PullOptions {
  /** One pull at a time. */
  readonly serializeImagePulls: boolean;
  /** undefined: no limit, unless pulls are serialized. */
  readonly maxParallelImagePulls: number | undefined;
  /** Pulls per second, 0: no limit. */
  readonly registryPullQps: number;
  readonly registryBurst: number;
}

export interface PullDeps {
  readonly images: Images;
  readonly clock: Clock;
  /** Credentials to try for an image, in order; none: anonymous. */
  readonly readCredentials: (image: string) => Promise<readonly RegistryAuth[]>;
}

export interface Pulled {
  readonly ref: string;
  readonly info: ImageInfo;
  /** Without the wait for a turn. */
  readonly took: Millis;
}

interface Shared {
  readonly result: Promise<Pulled>;
  readonly cancel: AbortController;
  users: number;
}

/** Pulls images: a bounded number at once, in order of arrival, and each image once however many containers wait for it. */
export class Pulls {
  readonly #deps: PullDeps;
  readonly #rate: PullRate;
  readonly #permits: Semaphore | undefined;
  readonly #running = new Map<string, Shared>();

  constructor(options: PullOptions, deps: PullDeps) {
    this.#deps = deps;
    this.#rate = new PullRate(options.registryPullQps, options.registryBurst);
    const permits = options.serializeImagePulls ? 1 : options.maxParallelImagePulls;
    this.#permits = permits === undefined ? undefined : new Semaphore(permits);
  }

  /** Joins the pull of this image or begins one. It goes on as long as one caller's signal isn't aborted. */
  async pull(image: string, sandbox: SandboxConfig | undefined, signal: AbortSignal): Promise<Pulled> {
    signal.throwIfAborted();
    const shared = this.#running.get(image) ?? this.#begin(image, sandbox);
    shared.users++;
    const left = Promise.withResolvers<never>();
    const onAbort = () => left.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await Promise.race([shared.result, left.promise]);
    } finally {
      signal.removeEventListener("abort", onAbort);
      if (--shared.users === 0) {
        if (this.#running.get(image) === shared) this.#running.delete(image);
        shared.cancel.abort(signal.reason);
      }
    }
  }

  #begin(image: string, sandbox: SandboxConfig | undefined): Shared {
    const cancel = new AbortController();
    const result = this.#run(image, sandbox, cancel.signal).finally(() => {
      if (this.#running.get(image) === shared) this.#running.delete(image);
    });
    // Nobody may be left to hear of it.
    result.catch(() => {});
    const shared: Shared = { result, cancel, users: 0 };
    this.#running.set(image, shared);
    return shared;
  }

  async #run(image: string, sandbox: SandboxConfig | undefined, signal: AbortSignal): Promise<Pulled> {
    using _permit = await this.#permits?.take(signal);
    const { clock, images } = this.#deps;
    const start = clock.monotonic();
    if (!this.#rate.take(start)) {
      throw new KubeletError("pull QPS exceeded", { code: "waiting", reason: "ErrImagePull" });
    }
    const credentials = await this.#deps.readCredentials(image);
    const ref = await this.#pullWith(image, credentials, sandbox, signal);
    const info = (await images.imageStatus(image, signal)) ?? unknownImage(ref);
    return { ref, info, took: until(start, clock.monotonic()) };
  }

  async #pullWith(
    image: string,
    credentials: readonly RegistryAuth[],
    sandbox: SandboxConfig | undefined,
    signal: AbortSignal,
  ): Promise<string> {
    const { images } = this.#deps;
    const failures: Error[] = [];
    for (const auth of credentials.length > 0 ? credentials : [undefined]) {
      try {
        return await images.pullImage(image, auth, sandbox, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof KubeletError)) throw error;
        failures.push(error);
      }
    }
    const [first] = failures;
    if (failures.length === 1 && first) throw first;
    const text = `[${failures.map(runtimeText).join(", ")}]`;
    throw new KubeletError(text, { code: "runtime-refused", call: "PullImage", status: "Unknown", text });
  }
}

/** What is known of an image that the runtime pulled and does not tell of: it runs as root, as far as one can say. */
const unknownImage = (ref: string): ImageInfo => ({
  id: ref,
  repoTags: [],
  repoDigests: [],
  size: 0,
  uid: undefined,
  username: "",
  pinned: false,
});
