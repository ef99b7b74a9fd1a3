export { declaredFeatures } from "./declared-features.ts";
export { GO_ARCH } from "./labels.ts";
export { type RegistrationOptions, registrationOptions } from "./options.ts";
export { Registration, type RegistrationDeps } from "./registration.ts";
