/**
 * Pods whose shell is waited for. A container is ready as soon as its process is there; on a busy machine, of which a pod without requests gets little, its
 * shell may not have said or trapped anything yet.
 */
import type { Probe } from "../../src/model/kubernetes.ts";
import { STAY } from "./kubelet.ts";

/** A command as a probe, so patient that a busy machine's answer is not taken for none. */
export const exec = (line: string): Probe => ({ exec: { command: ["sh", "-c", line] }, timeoutSeconds: 60 });

/** For a container: it has started when the line succeeds. It waits instead of failing, so that there is no event of it. */
export const startedOnce = (line: string): { readonly startupProbe: Probe } => ({
  startupProbe: { ...exec(`until ${line}; do sleep 0.1; done`), periodSeconds: 1 },
});

/** Stays as STAY does. With ONCE_UP, started when it would hear that it is to end. */
export const LISTENING = STAY.replace(";", "; touch /tmp/up;");
export const ONCE_UP = startedOnce("[ -e /tmp/up ]");
