import { roundedList } from "./defaults-volume.ts";
import { pullPolicyFor } from "./image-name.ts";
import type {
  Container,
  EnvVar,
  EphemeralContainer,
  HTTPGetAction,
  Lifecycle,
  LifecycleHandler,
  Probe,
} from "./kubernetes.ts";
import { defined, orElse } from "./object.ts";

/** What all three kinds of containers get. */
export function defaultContainer<C extends Container | EphemeralContainer>(container: C): C {
  const { resources } = container;
  return defined({
    ...container,
    imagePullPolicy: orElse(container.imagePullPolicy, pullPolicyFor(container.image ?? "")),
    terminationMessagePath: orElse(container.terminationMessagePath, "/dev/termination-log"),
    terminationMessagePolicy: orElse(container.terminationMessagePolicy, "File"),
    ports: container.ports?.map((port) => ({ ...port, protocol: orElse(port.protocol, "TCP") })),
    env: container.env?.map(defaultEnv),
    resources:
      resources &&
      defined({
        ...resources,
        limits: resources.limits && roundedList(resources.limits),
        requests: resources.requests && roundedList(resources.requests),
      }),
    livenessProbe: container.livenessProbe && defaultProbe(container.livenessProbe),
    readinessProbe: container.readinessProbe && defaultProbe(container.readinessProbe),
    startupProbe: container.startupProbe && defaultProbe(container.startupProbe),
    lifecycle: container.lifecycle && defaultLifecycle(container.lifecycle),
  });
}

function defaultEnv(variable: EnvVar): EnvVar {
  const { valueFrom } = variable;
  if (!valueFrom) return variable;
  const { fieldRef, fileKeyRef } = valueFrom;
  return {
    ...variable,
    valueFrom: defined({
      ...valueFrom,
      fieldRef: fieldRef && { ...fieldRef, apiVersion: orElse(fieldRef.apiVersion, "v1") },
      fileKeyRef: fileKeyRef && { ...fileKeyRef, optional: fileKeyRef.optional ?? false },
    }),
  };
}

function defaultProbe(probe: Probe): Probe {
  return defined({
    ...probe,
    // 0 counts as absent, as in Go.
    timeoutSeconds: probe.timeoutSeconds || 1,
    periodSeconds: probe.periodSeconds || 10,
    successThreshold: probe.successThreshold || 1,
    failureThreshold: probe.failureThreshold || 3,
    httpGet: probe.httpGet && defaultHttpGet(probe.httpGet),
    grpc: probe.grpc && { ...probe.grpc, service: probe.grpc.service ?? "" },
  });
}

function defaultLifecycle(lifecycle: Lifecycle): Lifecycle {
  return defined({
    ...lifecycle,
    postStart: lifecycle.postStart && defaultHandler(lifecycle.postStart),
    preStop: lifecycle.preStop && defaultHandler(lifecycle.preStop),
  });
}

const defaultHandler = (handler: LifecycleHandler): LifecycleHandler =>
  handler.httpGet ? { ...handler, httpGet: defaultHttpGet(handler.httpGet) } : handler;

const defaultHttpGet = (action: HTTPGetAction): HTTPGetAction => ({
  ...action,
  path: orElse(action.path, "/"),
  scheme: orElse(action.scheme, "HTTP"),
});
