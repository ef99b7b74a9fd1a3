/**
 * V8's compiled code for the bundle, made by running it: a function that ran is in it, one that did not is compiled when it is first called. So nothing is read
 * at each start that a node does not need.
 */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FAKE_IMAGE, FakeCri } from "../../../test/support/fake-cri.ts";
import { nodeSettings } from "../../../test/support/quiet-node.ts";
import { freePort } from "../free-port.ts";
import { run, stopChild, tryRun } from "../run.ts";
import { waitFor } from "../wait.ts";
import { assemble, type Contents } from "./assemble.ts";

/** A machine under load takes its time, and nothing here is measured. Milliseconds. */
const PATIENCE = 180_000;

/** Nobody listens there: a node that tries to reach its API server has compiled all that it needs for that. */
const KUBECONFIG = {
  apiVersion: "v1",
  kind: "Config",
  clusters: [{ name: "c", cluster: { server: "https://127.0.0.1:9" } }],
  users: [{ name: "u", user: { token: "t" } }],
  contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
  "current-context": "c",
};

/**
 * Runs the program of `contents` in the ways that matter: a start with one pod against a runtime that has no processes, and looks at it by the verbs. Who may
 * not make a mount namespace (an ordinary user, a locked container) gets only what `--version` needs.
 * @returns by name of the script
 */
export async function compile(
  base: string,
  contents: Omit<Contents, "compiled" | "train">,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const folder = mkdtempSync(join(tmpdir(), "kubelet-compile-"));
  try {
    const program = join(folder, "kubelet");
    const out = join(folder, "compiled");
    mkdirSync(out);
    assemble(base, program, { ...contents, compiled: new Map(), train: out });
    const { code } = await tryRun(APART[0], [...APART.slice(1), "true"]);
    if (code === 0) await runNode(program, folder);
    else {
      await run(program, ["--version"]);
      console.warn(
        "build: no right to make a mount namespace, so no node was run to compile its code: starts take longer",
      );
    }
    return new Map(readdirSync(out).map((name) => [`./${name}`, readFileSync(join(out, name))]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Mounts of its own, so that the kubelet's go with it, and an empty /var/log, where it links the logs of containers. */
const APART = [
  "unshare",
  "--mount",
  "--propagation=private",
  "sh",
  "-c",
  'mount -t tmpfs tmpfs /var/log && exec "$0" "$@"',
] as const;

async function runNode(program: string, folder: string): Promise<void> {
  const at = (name: string) => join(folder, name);
  const runtime = new FakeCri({ answers: ANSWERS });
  await runtime.listen(at("cri.sock"));
  const ports = { port: await freePort(), healthzPort: await freePort() };
  mkdirSync(at("manifests"));
  writeFileSync(at("manifests/pod.json"), JSON.stringify(POD));
  writeFileSync(at("kubeconfig"), JSON.stringify(KUBECONFIG));
  const root = at("root");
  const args = [...nodeSettings(folder, ports), `--kubeconfig=${at("kubeconfig")}`];
  const [unshare, ...apart] = APART;
  const child = spawn(unshare, [...apart, program, ...args], { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    log += text;
  });
  const explain = () => log.slice(-3000);
  try {
    const started = () => child.exitCode !== null || runtime.calls.includes("StartContainer");
    await waitFor("the kubelet to start its pod", started, { explain, timeout: PATIENCE });
    if (child.exitCode !== null) throw new Error(`the kubelet ended while its code was compiled:\n${log}`);
    const seen = async () =>
      (await run(program, ["get", "pods", `--root-dir=${root}`], { timeout: PATIENCE })).includes("Running");
    await waitFor("the pod to run", seen, { explain, timeout: PATIENCE });
  } finally {
    await stopChild(child, PATIENCE);
    runtime.kill();
  }
}

/** A runtime whose pods have a network. */
const ANSWERS = {
  Status: () => ({
    status: {
      conditions: [
        { type: "RuntimeReady", status: true },
        { type: "NetworkReady", status: true },
      ],
    },
  }),
  PodSandboxStatus: (answer: object) => ({
    ...answer,
    status: { ...("status" in answer ? (answer.status as object) : {}), network: { ip: "10.0.0.2" } },
  }),
};

const POD = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "compile" },
  spec: { containers: [{ name: "main", image: FAKE_IMAGE, imagePullPolicy: "IfNotPresent", command: ["forever"] }] },
};
