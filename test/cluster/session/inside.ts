/** What containers find inside: volumes, variables, users; and what they leave. */
import { shellPod } from "../../support/kubelet.ts";
import { type Case, init, NEVER, phase } from "./case.ts";

const settings = {
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "settings" },
  data: { color: "blue", "not-a-name": "x", shape: "round" },
};
const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "secret" }, stringData: { password: "hush" } };

export const INSIDE: Readonly<Record<string, Case>> = {
  volumes: {
    objects: [settings, secret],
    pod: shellPod(
      "volumes",
      "ls -lR /v | grep -v '^total'; grep -r . /v | sort; stat -c '%a %u:%g %n' /v/*; echo end",
      {
        resources: { limits: { cpu: "500m", memory: "64Mi" } },
        volumeMounts: [
          { name: "empty", mountPath: "/v/empty" },
          { name: "memory", mountPath: "/v/memory" },
          { name: "config", mountPath: "/v/config" },
          { name: "one", mountPath: "/v/one", subPath: "here", readOnly: true },
          { name: "secret", mountPath: "/v/secret", readOnly: true },
          { name: "down", mountPath: "/v/down" },
          { name: "mixed", mountPath: "/v/mixed" },
        ],
      },
      {
        ...NEVER,
        securityContext: { fsGroup: 2000 },
        volumes: [
          { name: "empty", emptyDir: {} },
          { name: "memory", emptyDir: { medium: "Memory", sizeLimit: "1Mi" } },
          { name: "config", configMap: { name: "settings" } },
          { name: "one", configMap: { name: "settings", items: [{ key: "color", path: "here" }], defaultMode: 0o400 } },
          { name: "secret", secret: { secretName: "secret" } },
          {
            name: "down",
            downwardAPI: {
              items: [
                { path: "name", fieldRef: { fieldPath: "metadata.name" } },
                { path: "labels", fieldRef: { fieldPath: "metadata.labels" } },
                { path: "cpu", resourceFieldRef: { containerName: "main", resource: "limits.cpu", divisor: "1m" } },
              ],
            },
          },
          {
            name: "mixed",
            projected: {
              sources: [
                { configMap: { name: "settings", items: [{ key: "shape", path: "sub/shape" }] } },
                { secret: { name: "secret" } },
                { downwardAPI: { items: [{ path: "ns", fieldRef: { fieldPath: "metadata.namespace" } }] } },
              ],
            },
          },
        ],
      },
      { labels: { app: "volumes", tier: "test" } },
    ),
    shows: phase("Succeeded"),
    events: [],
    asks: [["logs", "volumes"]],
    // Of folders: it depends on the file system.
    blurred: [[/(root +2000) +\d+/g, "$1 SIZE"]],
  },
  environment: {
    objects: [
      { ...settings, metadata: { name: "environment" } },
      { ...secret, metadata: { name: "environment" } },
    ],
    pod: shellPod(
      "environment",
      "env | sort | grep -v KUBERNETES; pwd; id; hostname; cat /etc/hosts",
      {
        resources: { requests: { cpu: "100m" }, limits: { memory: "64Mi" } },
        workingDir: "/tmp",
        envFrom: [{ configMapRef: { name: "environment" } }, { prefix: "S_", secretRef: { name: "environment" } }],
        env: [
          { name: "PLAIN", value: "a" },
          { name: "EXPANDED", value: "$(PLAIN)-$$(PLAIN)-$(NOBODY)-$(color)" },
          { name: "KEY", valueFrom: { configMapKeyRef: { name: "environment", key: "color" } } },
          { name: "OPTIONAL", valueFrom: { secretKeyRef: { name: "no", key: "no", optional: true } } },
          { name: "PASSWORD", valueFrom: { secretKeyRef: { name: "environment", key: "password" } } },
          { name: "POD", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
          { name: "NODE", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } },
          { name: "ACCOUNT", valueFrom: { fieldRef: { fieldPath: "spec.serviceAccountName" } } },
          { name: "LABEL", valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
          { name: "POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
          { name: "HOST_IP", valueFrom: { fieldRef: { fieldPath: "status.hostIP" } } },
          { name: "CPU", valueFrom: { resourceFieldRef: { resource: "requests.cpu", divisor: "1m" } } },
          { name: "MEMORY", valueFrom: { resourceFieldRef: { resource: "limits.memory" } } },
        ],
      },
      {
        ...NEVER,
        hostAliases: [{ ip: "10.9.8.7", hostnames: ["alias", "other"] }],
        hostname: "named",
        subdomain: "sub",
      },
      { labels: { app: "environment" } },
    ),
    shows: phase("Succeeded"),
    events: [],
    asks: [["logs", "environment"]],
  },
  "as-user": {
    pod: shellPod(
      "as-user",
      "id; touch /x 2>&1; cat /proc/self/status | grep -E 'Cap|NoNew'",
      {
        securityContext: {
          runAsUser: 1000,
          runAsGroup: 3000,
          readOnlyRootFilesystem: true,
          allowPrivilegeEscalation: false,
          capabilities: { drop: ["ALL"], add: ["NET_BIND_SERVICE"] },
        },
      },
      {
        ...NEVER,
        securityContext: { supplementalGroups: [4000], fsGroup: 5000, seccompProfile: { type: "RuntimeDefault" } },
      },
    ),
    shows: phase("Succeeded"),
    events: [],
    asks: [["logs", "as-user"]],
  },
  "last-words": {
    pod: shellPod(
      "last-words",
      "echo in the log; exit 1",
      { terminationMessagePolicy: "FallbackToLogsOnError" },
      {
        ...NEVER,
        initContainers: [init("first", "echo written > /dev/termination-log")],
      },
    ),
    shows: phase("Failed"),
    events: [],
  },
};
