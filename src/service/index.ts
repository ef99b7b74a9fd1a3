export {
  flagsUnit,
  kubeadmDropIn,
  packagedUnit,
  SERVICE_PATHS,
  standaloneConfig,
  standaloneUnit,
  WATCHDOG_SECONDS,
} from "./units.ts";
