import type { BusPlace } from "./bus.ts";

const SYSTEM_BUS = "/run/dbus/system_bus_socket";
/** systemd itself, for root, also where no bus runs. */
const PRIVATE = "/run/systemd/private";

/** The system bus; another where DBUS_SYSTEM_BUS_ADDRESS names a socket. */
export function systemBus(env: { readonly [name: string]: string | undefined }): BusPlace {
  const path = /(?:^|;)unix:(?:[^;]*,)?path=([^,;]+)/.exec(env.DBUS_SYSTEM_BUS_ADDRESS ?? "")?.[1];
  return { path: decodeURIComponent(path ?? SYSTEM_BUS), kind: "bus" };
}

/** Where systemd answers. */
export const systemdPlaces = (env: { readonly [name: string]: string | undefined }): readonly BusPlace[] => [
  systemBus(env),
  { path: PRIVATE, kind: "peer" },
];
