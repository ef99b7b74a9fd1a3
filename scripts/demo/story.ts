/** What the demo shows, in order. Each part only adds to what was missed; a node that does not come up ends it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { busyboxImage } from "../lib/images.ts";
import { waitFor } from "../lib/wait.ts";
import { exampleFacts } from "./facts.ts";
import { Look, page } from "./look.ts";
import { type DemoNode, useMirror } from "./node.ts";
import { heading, quoted } from "./show.ts";
import type { Stage } from "./stage.ts";
import type { Witness } from "./witness.ts";

export const EXAMPLES = join(import.meta.dirname, "../../examples");
export const FILES = ["web", "crash", "volumes", "task", "one-try", "environment", "limits", "sidecar"] as const;
const REPOSITORY = "library/busybox";
const TAG = "1.35";
const HEALTH = "http://127.0.0.1:10248/healthz";

export interface Scene {
  readonly witness: Witness;
  /** The node's address, in its own network namespace. */
  readonly address: string;
  readonly stage: Stage;
}

export async function tell(scene: Scene): Promise<void> {
  if (!(await nodeUp(scene))) return;
  await podsRun(scene);
  await manifestsChange(scene);
  await backOffGoesOn(scene);
  await kubeletDies(scene);
}

async function nodeUp({ stage, witness }: Scene): Promise<boolean> {
  const { place, node } = stage;
  heading("A registry and a node");
  const registry = await witness.step(
    "a registry with an image made of this machine's busybox",
    async () => {
      const started = await stage.startRegistry();
      await started.push(REPOSITORY, TAG, await busyboxImage());
      useMirror(place, started.address);
      return started;
    },
    () => `registry serves this machine's busybox as docker.io/${REPOSITORY}:${TAG}`,
  );
  if (!registry) return false;
  const healthy = await witness.step(
    "kubelet answers at its health port",
    async () => {
      node.start();
      return await untilUp(node, async () => (await (await fetch(HEALTH)).text()) === "ok");
    },
    () => `kubelet runs (process ${node.pid}), ${HEALTH} says ok`,
  );
  if (!healthy) return false;
  const socket = join(place.root, "runtime/containerd.sock");
  const ready = await witness.step("containerd of its own is ready", () =>
    untilUp(node, () => node.logTail(200).includes('"Runtime is ready"') && socket),
  );
  return ready !== undefined;
}

async function podsRun({ stage: { node }, witness, address }: Scene): Promise<void> {
  heading(`${FILES.length} manifests from examples/ go into its folder`);
  for (const name of FILES) node.put(`${name}.yaml`, readFileSync(join(EXAMPLES, `${name}.yaml`), "utf8"));
  await witness.facts(exampleFacts(address));
  quoted("kubelet get pods -o wide", await shown(node, "get", "pods", "-o", "wide"));
  quoted(
    "kubelet logs volumes -c reader --tail 3",
    await shown(node, "logs", "volumes", "-c", "reader", "--tail", "3"),
  );
}

async function manifestsChange({ stage: { node }, witness }: Scene): Promise<void> {
  heading("Manifests change");
  const web = readFileSync(join(EXAMPLES, "web.yaml"), "utf8");
  node.put("web.yaml", web.replace("Hello from", "Good evening from"));
  await witness.fact("an edited manifest takes effect", async (look) => {
    const ip = look.ip("web");
    if (!ip || !look.container("web", "httpd")?.state?.running) return undefined;
    const text = await page(ip);
    return text.startsWith("Good evening") ? `web.yaml edited: a new web says “${text}”` : undefined;
  });
  node.remove("sidecar.yaml");
  await witness.fact("a removed manifest takes its pod away", async (look) => {
    if (look.pod("sidecar")) return undefined;
    const running = await node.runningPods();
    const gone = running.every(({ metadata }) => !metadata?.name?.startsWith("sidecar-"));
    return gone ? "sidecar.yaml removed: its containers ended and are gone" : undefined;
  });
  const before = await Look.at(node).catch(() => undefined);
  node.put(
    "broken.yaml",
    web.replace("name: web", "name: broken").replace("containerPort: 8080", "containerPort: 80800"),
  );
  await witness.fact("a broken manifest harms nobody, and the error names the field", (look) => {
    const problem = look.rejected.find(({ source }) => source.endsWith("broken.yaml"))?.problems[0];
    if (!problem?.field.includes("containerPort") || look.pods.length !== before?.pods.length) return undefined;
    return `broken.yaml refused: ${problem.field} ${problem.message}`;
  });
  node.remove("broken.yaml");
}

async function backOffGoesOn({ stage: { node }, witness }: Scene): Promise<void> {
  heading("The crashing container gets its next try");
  // Its wait began when it ended, a few seconds ago.
  await witness.fact("restart count rising", (look) => {
    const restarts = look.container("crash", "worker")?.restartCount ?? 0;
    return restarts >= 2 ? `crash was restarted again after its 10 s wait: ${restarts} restarts` : undefined;
  });
  quoted("kubelet get pods crash", await shown(node, "get", "pods", "crash"));
}

async function kubeletDies({ stage: { node }, witness }: Scene): Promise<void> {
  heading("The kubelet is killed (kill -9) and started again");
  const before = await Look.at(node).catch(() => undefined);
  const ip = before?.ip("web") ?? "";
  await witness.step(
    "pods go on without a kubelet",
    async () => {
      await node.kill();
      return await page(ip);
    },
    (text) => `no kubelet; web still says “${text}”`,
  );
  node.start();
  // The crashing container may come to its next start in between: that is no harm done by the kill.
  const steady = (look: Look | undefined) => look?.identities.filter((one) => !one.startsWith("crash-")) ?? [];
  const old = steady(before);
  await witness.fact("the same containers after a kill of the kubelet", (look) => {
    const now = new Set(steady(look));
    return old.length > 0 && old.every((one) => now.has(one)) && now.size === old.length
      ? `kubelet is back: the same ${old.length} containers, by id and restart count`
      : undefined;
  });
  node.put("sidecar.yaml", readFileSync(join(EXAMPLES, "sidecar.yaml"), "utf8"));
  await witness.fact("a new pod after the restart", (look) =>
    look.container("sidecar", "app")?.state?.running ? "sidecar.yaml is put back: it runs again" : undefined,
  );
}

/** As waitFor, and fails at once when the kubelet ends. */
async function untilUp<T>(node: DemoNode, probe: () => T | false | Promise<T | false>): Promise<T> {
  const outcome = await waitFor("the kubelet", async () => {
    if (node.ended) return { ended: node.ended };
    const value = await probe();
    return value === false ? undefined : { value };
  });
  if ("ended" in outcome) throw new Error(`the kubelet does not run: ${outcome.ended}`);
  return outcome.value;
}

async function shown(node: DemoNode, ...words: readonly string[]): Promise<string> {
  return await node.verb(...words).catch((error) => String(error));
}
