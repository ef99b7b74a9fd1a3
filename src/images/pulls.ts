import { createHash } from "node:crypto";
import { orAborted } from "../base/abort.ts";
import { KubeletError, runtimeText } from "../base/fault.ts";
import { Semaphore } from "../base/semaphore.ts";
import type { Millis } from "../base/units.ts";
import { until } from "../base/units.ts";
import type { ImageInfo, SandboxConfig } from "../model/runtime.ts";
import type { Clock } from "../ports/clock.ts";
import type { Images } from "../ports/runtime.ts";
import type { PullCredential } from "./pull-credentials.ts";
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
}

/** One pull of one image. */
export interface PullOrder {
  readonly image: string;
  /** To try in order; none: anonymous. */
  readonly credentials: readonly PullCredential[];
  readonly sandbox: SandboxConfig | undefined;
}

export interface Pulled {
  readonly ref: string;
  readonly info: ImageInfo;
  /** Without the wait for a turn. */
  readonly took: Millis;
  /** What the registry accepted; undefined: nothing was shown. */
  readonly used: PullCredential | undefined;
}

interface Shared {
  readonly result: Promise<Pulled>;
  readonly cancel: AbortController;
  users: number;
}

/**
 * Pulls images: a bounded number at once, in order of arrival, and each image once however many containers wait for it with the same
 * credentials. Nobody gets an image by what somebody else may show.
 */
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

  /** Joins the same pull or begins one. It goes on as long as one caller's signal isn't aborted. */
  async pull(order: PullOrder, signal: AbortSignal): Promise<Pulled> {
    signal.throwIfAborted();
    const key = keyOf(order);
    const shared = this.#running.get(key) ?? this.#begin(key, order);
    shared.users++;
    try {
      return await orAborted(shared.result, signal);
    } finally {
      if (--shared.users === 0) {
        if (this.#running.get(key) === shared) this.#running.delete(key);
        shared.cancel.abort(signal.reason);
      }
    }
  }

  #begin(key: string, order: PullOrder): Shared {
    const cancel = new AbortController();
    const result = this.#run(order, cancel.signal).finally(() => {
      if (this.#running.get(key) === shared) this.#running.delete(key);
    });
    // Nobody may be left to hear of it.
    result.catch(() => {});
    const shared: Shared = { result, cancel, users: 0 };
    this.#running.set(key, shared);
    return shared;
  }

  async #run(order: PullOrder, signal: AbortSignal): Promise<Pulled> {
    using _permit = await this.#permits?.take(signal);
    const { clock, images } = this.#deps;
    const start = clock.monotonic();
    if (!this.#rate.take(start)) {
      throw new KubeletError("pull QPS exceeded", { code: "waiting", reason: "ErrImagePull" });
    }
    const { ref, used } = await this.#pullWith(order, signal);
    const info = (await images.imageStatus(order.image, signal)) ?? unknownImage(ref);
    return { ref, info, used, took: until(start, clock.monotonic()) };
  }

  async #pullWith(
    { image, credentials, sandbox }: PullOrder,
    signal: AbortSignal,
  ): Promise<Pick<Pulled, "ref" | "used">> {
    const { images } = this.#deps;
    const failures: Error[] = [];
    for (const used of credentials.length > 0 ? credentials : [undefined]) {
      try {
        return { ref: await images.pullImage(image, used?.auth, sandbox, signal), used };
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

/** Passwords are no keys of a map that somebody may print. */
const keyOf = ({ image, credentials }: PullOrder): string =>
  `${image} ${createHash("sha256").update(JSON.stringify(credentials)).digest("hex")}`;

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
