export { type CarryOutDeps, forgetRecord, undo } from "./carry-out.ts";
export { type InstallOptions, install, isInstalled, readRecord } from "./install.ts";
export { MANAGER_VARIABLES, type ManagerEnv, readManagerEnv } from "./manager-env.ts";
export { RECORD_PATH } from "./record.ts";
export { machineRefusals } from "./refusals.ts";
export { flagsOfUnit, startLine } from "./start-line.ts";
export { type Check, Told, type ToldDeps } from "./told.ts";
export {
  flagsUnit,
  kubeadmDropIn,
  PLACES,
  packagedUnit,
  RESOLVED_CONF,
  SERVICE_PATHS,
  standaloneConfig,
  standaloneUnit,
  WATCHDOG_SECONDS,
} from "./units.ts";
export { type Mode, UNIT, UNIT_PATH, type Wish, wantedOf } from "./wish.ts";
