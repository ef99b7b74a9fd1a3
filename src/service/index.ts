export { MANAGER_VARIABLES, type ManagerEnv, readManagerEnv } from "./manager-env.ts";
export { type Check, Told, type ToldDeps } from "./told.ts";
export {
  flagsUnit,
  kubeadmDropIn,
  packagedUnit,
  SERVICE_PATHS,
  standaloneConfig,
  standaloneUnit,
  WATCHDOG_SECONDS,
} from "./units.ts";
