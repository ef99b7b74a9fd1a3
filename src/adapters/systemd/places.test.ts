import assert from "node:assert/strict";
import { test } from "node:test";
import { systemBus, systemdPlaces } from "./places.ts";

const CASES: readonly (readonly [address: string | undefined, path: string])[] = [
  [undefined, "/run/dbus/system_bus_socket"],
  ["", "/run/dbus/system_bus_socket"],
  ["tcp:host=x", "/run/dbus/system_bus_socket"],
  ["unix:path=/a%20b/bus", "/a b/bus"],
  ["tcp:host=x;unix:guid=1,path=/x,y=z", "/x"],
];
for (const [address, path] of CASES)
  test(`systemBus() of "${address}" is ${path}`, () =>
    assert.deepEqual(systemBus({ DBUS_SYSTEM_BUS_ADDRESS: address }), { path, kind: "bus" }));

test("systemdPlaces() ends with systemd's own socket", () =>
  assert.deepEqual(systemdPlaces({}).at(-1), { path: "/run/systemd/private", kind: "peer" }));
