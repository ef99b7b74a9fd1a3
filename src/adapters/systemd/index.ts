export { systemdCgroups } from "./cgroups.ts";
export { type LogindOptions, logindShutdowns } from "./logind.ts";
export { systemBus, systemdPlaces } from "./places.ts";
export { openUnits, type UnitsOptions } from "./units.ts";
