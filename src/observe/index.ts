export { Observer, type ObserverDeps } from "./observer.ts";
