import type { Container, Pod, Probe } from "../model/kubernetes.ts";
import { uidOf } from "../model/pod.ts";
import type { Chance } from "./chance.ts";
import { FIRST_PORT } from "./sim-probe-network.ts";
import type { World } from "./world.ts";

/** A random pod with random programs; what it does on the node is set in the world. */
export function randomPod(number: number, chance: Chance, world: World): Pod {
  const uid = `uid-${number}`;
  const restartPolicy = chance.pick(["Always", "Always", "OnFailure", "Never"]);
  const containers = some(chance, 1, 3, (index) => container(`main-${index}`, chance));
  const initContainers = some(chance, 0, 2, (index) => {
    const spec = container(`init-${index}`, chance);
    return chance.happens(0.3) ? { ...spec, restartPolicy: "Always" } : spec;
  });
  for (const spec of initContainers) setProgram(uid, spec, spec.restartPolicy === "Always", chance, world);
  for (const spec of containers) setProgram(uid, spec, restartPolicy === "Always", chance, world);
  const pod: Pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      // Few names: two pods of one name meet now and then.
      name: `pod-${number % 7}`,
      namespace: "default",
      uid,
      annotations: { "kubernetes.io/config.source": "file" },
    },
    spec: {
      restartPolicy,
      terminationGracePeriodSeconds: chance.pick([0, 1, 3, 10, 30]),
      securityContext: {},
      dnsPolicy: "Default",
      hostNetwork: chance.happens(0.1),
      volumes: chance.happens(0.5)
        ? [{ name: "scratch", emptyDir: chance.happens(0.5) ? { medium: "Memory" } : {} }]
        : [],
      initContainers,
      containers,
    },
  };
  return world.hasProbes ? withProbes(pod, chance, world) : pod;
}

/** The same pod with another image in one of its containers. */
export function withNewImage(pod: Pod, chance: Chance): Pod {
  const containers = pod.spec?.containers ?? [];
  const place = chance.between(0, containers.length - 1);
  const changed = containers.map((spec, index) =>
    index === place ? { ...spec, image: `registry/image:${chance.between(10, 99)}` } : spec,
  );
  return { ...pod, spec: { ...pod.spec, containers: changed } };
}

const some = <T>(chance: Chance, low: number, high: number, make: (index: number) => T): T[] =>
  Array.from({ length: chance.between(low, high) }, (_, index) => make(index));

const container = (name: string, chance: Chance): Container => ({
  name,
  image: `registry/image:${chance.between(0, 4)}`,
  imagePullPolicy: chance.pick(["IfNotPresent", "Always"]),
  terminationMessagePath: "/dev/termination-log",
  terminationMessagePolicy: "File",
  resources: {},
});

/** Some containers are asked whether they are well; some of these fall ill. On the host's network nobody knows who answers at a port. */
function withProbes(pod: Pod, chance: Chance, world: World): Pod {
  const { spec } = pod;
  if (!spec || spec.hostNetwork) return pod;
  const containers = spec.containers.map((container, index) => {
    if (!chance.happens(0.3)) return container;
    if (chance.happens(0.3)) world.makeSick(uidOf(pod), container.name, chance.pick([0, 3_000, 20_000]));
    return withProbe(container, index, chance);
  });
  return { ...pod, spec: { ...spec, containers } };
}

function withProbe(container: Container, index: number, chance: Chance): Container {
  const probe = (): Probe => ({
    tcpSocket: { port: FIRST_PORT + index },
    periodSeconds: chance.pick([1, 2, 10]),
    timeoutSeconds: 1,
    failureThreshold: chance.between(1, 3),
    successThreshold: 1,
  });
  return {
    ...container,
    ...(chance.happens(0.3) ? { startupProbe: probe() } : {}),
    ...(chance.happens(0.5) ? { readinessProbe: probe() } : {}),
    ...(chance.happens(0.7) ? { livenessProbe: probe() } : {}),
  };
}

function setProgram(uid: string, spec: Container, keepsRunning: boolean, chance: Chance, world: World): void {
  const ends = !keepsRunning || chance.happens(0.25);
  world.setProgram(uid, spec.name, {
    endsAfter: ends ? chance.pick([50, 1_000, 5_000, 60_000]) : undefined,
    exitCode: chance.happens(0.3) ? 1 : 0,
    obeysAfter: chance.happens(0.8) ? chance.between(0, 500) : undefined,
  });
}
