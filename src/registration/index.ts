export { machineCapacity, reservationProblems } from "./capacity.ts";
export { declaredFeatures } from "./declared-features.ts";
export { heartbeatPatience, type RegistrationOptions, registrationOptions } from "./options.ts";
export { Registration, type RegistrationDeps } from "./registration.ts";
