import assert from "node:assert/strict";
import { test } from "node:test";
import { CpuRates } from "./rates.ts";

test("rate() is what was used per second since an earlier reading", () => {
  const rates = new CpuRates();
  const at = (seconds: number, nanos: number) => rates.rate("a", { at: seconds * 1000, nanos });
  assert.equal(at(0, 0), undefined);
  assert.equal(at(0.5, 1e9), undefined, "too close to tell");
  assert.equal(at(10, 5e9), 500_000_000);
  assert.equal(at(10.1, 5.05e9), 500_000_000, "two who ask at once get the longer span");
  assert.equal(at(20, 5e9 + 1e9), 100_000_000);
  assert.equal(at(3620, 100e9), undefined, "an hour says nothing of now");
  assert.equal(at(3630, 101e9), 100_000_000);
});

test("rate() starts anew with a counter that went back", () => {
  const rates = new CpuRates();
  rates.rate("a", { at: 0, nanos: 100 });
  assert.equal(rates.rate("a", { at: 5000, nanos: 50 }), undefined);
  assert.equal(rates.rate("a", { at: 10_000, nanos: 5_000_050 }), 1_000_000);
});

test("rate() of a reading that was overtaken is taken from the same base, and breaks nothing", () => {
  const rates = new CpuRates();
  const at = (seconds: number, nanos: number) => rates.rate("a", { at: seconds * 1000, nanos });
  at(0, 0);
  assert.equal(at(10, 10e9), 1_000_000_000);
  assert.equal(at(9.9, 9.9e9), 1_000_000_000);
  assert.equal(at(20, 15e9), 500_000_000);
});

test("rate() starts anew with a clock and a counter that went back", () => {
  const rates = new CpuRates();
  rates.rate("a", { at: 60_000, nanos: 60e9 });
  assert.equal(rates.rate("a", { at: 0, nanos: 1e9 }), undefined);
  assert.equal(rates.rate("a", { at: 10_000, nanos: 2e9 }), 100_000_000);
});

test("keepOnly() forgets what went", () => {
  const rates = new CpuRates();
  for (const key of ["a", "b"]) rates.rate(key, { at: 0, nanos: 0 });
  rates.keepOnly(new Set(["b"]));
  assert.equal(rates.size, 1);
});
