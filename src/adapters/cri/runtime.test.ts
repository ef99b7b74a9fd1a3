import assert from "node:assert/strict";
import { test } from "node:test";
import { seconds } from "../../base/units.ts";
import type { Runtime } from "../../ports/runtime.ts";
import { criRuntime } from "./runtime.ts";
import type { CallOptions, Transport } from "./transport.ts";

const { signal } = new AbortController();
/** gRPC writes at most eight digits of hours, and throws where nobody catches beyond that. */
const GRPC_LONGEST_MS = 1e8 * 3_600_000;
/** Go's time.Duration counts nanoseconds in 63 bits. */
const GO_LONGEST_S = 2 ** 63 / 1e9;

/** The timeout that the runtime is told, and the span after which the call is given up. */
async function stopWith(graceSeconds: number): Promise<{ readonly told: number; readonly patience: number }> {
  let sent: { readonly told: number; readonly patience: number } | undefined;
  const unary = async (_: unknown, request: { readonly timeout: number }, { timeout = seconds(0) }: CallOptions) => {
    sent = { told: request.timeout, patience: timeout };
    return {};
  };
  const events: Runtime["events"] = () => assert.fail("nobody asked for events");
  const runtime = criRuntime({ unary } as unknown as Transport, seconds(120), events);
  await runtime.stopContainer("c", seconds(graceSeconds), signal);
  return sent ?? assert.fail("nothing was sent");
}

test("stopContainer() gives a call the grace, and the time of any call on top", async () => {
  assert.deepEqual(await stopWith(30), { told: 30, patience: 150_000 });
  assert.deepEqual(await stopWith(31_536_000), { told: 31_536_000, patience: 31_536_120_000 });
});

test("stopContainer() asks for no grace that gRPC and runtimes can't count", async () => {
  for (const grace of [1e10, 1e12, Number.MAX_SAFE_INTEGER]) {
    const { told, patience } = await stopWith(grace);
    assert.ok(told > 1e9 && told < GO_LONGEST_S, `${told} s`);
    assert.ok(patience > told * 1000 && patience < GRPC_LONGEST_MS, `${patience} ms`);
  }
});
