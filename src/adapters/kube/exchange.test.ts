import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "../../base/log.ts";
import { seconds } from "../../base/units.ts";
import { within } from "../../base/within.ts";
import { VirtualTime } from "../../sim/virtual-time.ts";
import { fixedCredentials } from "./credentials.ts";
import { Exchanges } from "./exchange.ts";
import { HttpKubeApi } from "./http-kube-api.ts";
import type { Session } from "./session.ts";
import type { Sessions } from "./sessions.ts";

const NODES = { group: "", version: "v1", resource: "nodes" };

/** A connection whose peer says nothing. */
function silent() {
  let probes = 0;
  const session: Session = {
    isFree: true,
    isOver: false,
    isClosed: false,
    send: (_, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      }),
    retire: () => {},
    probe: () => void probes++,
    destroy: () => {},
  };
  return { sessions: { take: async () => session } as unknown as Sessions, probes: () => probes };
}

for (const [who, limit] of [
  ["the exchange", 10],
  ["the caller, who waits less long", 60],
  ["both", 10],
] as const) {
  test(`a peer that gave no answer until the time of ${who} was over is asked whether it is there`, async () => {
    const time = new VirtualTime();
    const life = new AbortController();
    const clock = time.clock(life.signal);
    const { sessions, probes } = silent();
    const exchanges = new Exchanges({
      endpoint: () => ({ server: "https://server" }),
      credentials: fixedCredentials({}),
      userAgent: "",
      log: silentLog,
      sessions,
      clock,
    });
    const api = new HttpKubeApi(exchanges, { bucket: undefined, timeout: seconds(limit) });
    const get = (signal: AbortSignal) => api.get(NODES, "n1", signal);
    const late = () => assert.fail("late");
    const { signal } = life;
    const asked = who === "the exchange" ? get(signal) : within(seconds(10), clock, { work: get, late, signal });
    const refused = assert.rejects(asked);
    await time.runUntil(9_000, () => {});
    assert.equal(probes(), 0);
    await time.runUntil(11_000, () => {});
    await refused;
    assert.equal(probes(), 1);
    life.abort();
  });
}
