/** Sets the stage of a cluster, runs its rows, clears the stage. */

import { cpSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { step } from "../../scripts/lib/progress.ts";
import { orAborted } from "../../src/base/abort.ts";
import type { Node, Pod } from "../../src/model/kubernetes.ts";
import { TestCluster } from "../../test/support/cluster.ts";
import { Scratch } from "../../test/support/scratch.ts";
import { BareClient } from "../bare-client.ts";
import { progress } from "../contenders.ts";
import { openLane } from "../lane.ts";
import type { Options } from "../options.ts";
import { buildOwn, goKubelet } from "../programs.ts";
import type { ClusterRowName, Measured } from "../result.ts";
import { Traces } from "../stage.ts";
import { ApiWatch } from "./api-watch.ts";
import { type ClusterContenders, Contender, PODS, type Shared } from "./contender.ts";
import { RequestLog } from "./request-log.ts";
import { burst } from "./rows/burst.ts";
import { configMap } from "./rows/config-map.ts";
import { deletePods } from "./rows/delete.ts";
import { exit } from "./rows/exit.ts";
import { ready } from "./rows/ready.ts";
import { recover } from "./rows/recover.ts";
import { rest } from "./rows/rest.ts";

const ROWS: Readonly<Record<ClusterRowName, (contenders: ClusterContenders) => Promise<readonly Measured[]>>> = {
  ready,
  exit,
  configmap: configMap,
  burst,
  rest,
  recover,
  delete: deletePods,
};

/** Rows of which most is the runtime's work. */
const WITH_FLOOR: ReadonlySet<ClusterRowName> = new Set(["burst", "delete"]);
/** None that a node has. */
const BARE_SUBNET = 9;

/** No disk of the machine is too full to start pods. */
const CONFIG = { evictionHard: { "memory.available": "1Mi", "nodefs.available": "1%", "imagefs.available": "1%" } };

/** Runs what the options ask for; `onRow` hears of each row as it ends. Nothing stays on the machine, also when a row fails or the signal aborts. */
export async function runClusterBench(
  options: Options,
  onRow: (measured: readonly Measured[]) => void,
  signal: AbortSignal,
): Promise<void> {
  const goProgram = await goKubelet(options);
  const traces = new Traces();
  await using scratch = new Scratch("bench");
  await using cleanUp = new AsyncDisposableStack();
  // Not in dist/: whoever works on the sources meanwhile must not change what is measured.
  const launcher = await step("Building kubelet", () => buildOwn(scratch.path("dist"), options.cpuProf !== undefined));
  const requests = new RequestLog(scratch.path("audit.log"), scratch.path("audit-policy.json"), ["ours", "go"]);
  const cluster = await step("Starting a control plane", () =>
    TestCluster.start({ node: false, apiServerArgs: requests.apiServerArgs }),
  );
  cleanUp.defer(() => traces.remove(cluster.scratch.folder));
  cleanUp.use(cluster);
  cleanUp.defer(() => keepLogs(cluster, scratch, options.keepLogs));
  const shared: Shared = {
    api: cluster.api,
    pods: cleanUp.use(await ApiWatch.open<Pod>(cluster.api, PODS)),
    nodes: cleanUp.use(await ApiWatch.open<Node>(cluster.api, "/api/v1/nodes")),
  };
  const runtime = { release: options.containerd };
  const open = async (who: "ours" | "go", file: string, env: Readonly<Record<string, string>>) => {
    const node = await cluster.addNode({ name: who, kubelet: who, runtime, file, env, config: CONFIG });
    return cleanUp.use(new Contender(who, node, shared));
  };
  const env = options.cpuProf === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${options.cpuProf}` };
  const all = await step(`Starting containerd ${options.containerd} and a kubelet for each contender`, async () => [
    await open("ours", launcher, env),
    ...(goProgram === undefined ? [] : [await open("go", goProgram, {})]),
  ]);
  const withFloor = options.clusterRows.some((row) => WITH_FLOOR.has(row));
  const bare = withFloor
    ? new BareClient(
        await openLane({ who: "bare", subnet: BARE_SUBNET, scratch, release: options.containerd }, cleanUp),
      )
    : undefined;
  for (const contender of all) await warm(contender);
  await bare?.runPod("warm");
  await bare?.removeAll();
  for (const name of options.clusterRows) {
    const measured = await orAborted(ROWS[name]({ options, all, bare, requests }), signal);
    progress("");
    onRow(measured);
  }
}

/** What is done once at the first pod is done, and the image is there. */
async function warm(contender: Contender): Promise<void> {
  await contender.run([contender.pod()]);
  await contender.clear();
}

function keepLogs(cluster: TestCluster, scratch: Scratch, into: string | undefined): void {
  if (into === undefined) return;
  mkdirSync(into, { recursive: true });
  const files: Record<string, string> = { "audit.log": scratch.path("audit.log") };
  for (const name of ["etcd", "kube-apiserver"])
    files[`${name}.log`] = cluster.scratch.path("plane/logs", `${name}.log`);
  for (const [index, { name }] of cluster.nodes.entries()) {
    files[`${name}-kubelet.log`] = cluster.scratch.path(`n${index}`, "kubelet.log");
    files[`${name}-containerd.log`] = cluster.scratch.path(`n${index}`, "cd/containerd.log");
  }
  for (const [name, from] of Object.entries(files)) if (existsSync(from)) cpSync(from, join(into, name));
}
