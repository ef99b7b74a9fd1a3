import { KubeletError } from "../base/fault.ts";

/** A container whose spec can't be told to the runtime: it waits with this reason until the spec or the node changes. */
export const configError = (message: string): KubeletError =>
  new KubeletError(message, { code: "waiting", reason: "CreateContainerConfigError" });
