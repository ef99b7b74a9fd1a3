export { declaredFeatures } from "./declared-features.ts";
export { type RegistrationOptions, registrationOptions } from "./options.ts";
export { Registration, type RegistrationDeps } from "./registration.ts";
