/** What has to be seen of the example pods, in whatever order it comes true. */
import { type Look, page } from "./look.ts";
import { NODE_NAME } from "./node.ts";

export interface Fact {
  /** Completes "not seen: ...". */
  readonly name: string;
  /** What to tell once it is true; undefined: not yet. One that throws is not yet true either. */
  readonly check: (look: Look) => string | undefined | Promise<string | undefined>;
}

/** Containers that run for good, by pod. */
const RUNNERS = {
  web: ["httpd"],
  volumes: ["writer", "reader"],
  environment: ["show"],
  limits: ["modest"],
  sidecar: ["shipper", "app"],
} as const;

const IN_TURN = [
  ["web", "page"],
  ["volumes", "first"],
  ["volumes", "second"],
] as const;

export function exampleFacts(nodeAddress: string): readonly Fact[] {
  return [
    {
      name: "an image pulled from the registry",
      check: ({ events }) => {
        const pulled = events.find(({ message }) => message.startsWith("Successfully pulled image"));
        return pulled && `image pulled: ${/"(.+?)" in (\S+)/.exec(pulled.message)?.slice(1).join(" in ")}`;
      },
    },
    {
      name: "a sandbox with an address of its own",
      check: (look) => look.ip("web") && `sandbox of web has address ${look.ip("web")}`,
    },
    {
      name: "init containers run in turn",
      check: (look) =>
        IN_TURN.every(([pod, name]) => look.container(pod, name)?.state?.terminated?.exitCode === 0)
          ? "init containers ended well, one after another"
          : undefined,
    },
    {
      name: "all containers Running",
      check: (look) => {
        const all = Object.entries(RUNNERS).flatMap(([pod, names]) => names.map((name) => look.container(pod, name)));
        return all.every((one) => one?.state?.running)
          ? `${all.length} containers Running in ${Object.keys(RUNNERS).length} pods`
          : undefined;
      },
    },
    {
      name: "the web server answers on its pod address",
      check: async (look) => {
        const ip = look.ip("web");
        if (!ip || !look.container("web", "httpd")?.state?.running) return undefined;
        const text = await page(ip);
        return text === `Hello from web-${NODE_NAME} at ${ip}` ? `http://${ip}:8080/ says “${text}”` : undefined;
      },
    },
    {
      name: "the web server answers on the node's address, by its hostPort",
      check: async (look) => {
        if (!look.container("web", "httpd")?.state?.running) return undefined;
        return (await page(nodeAddress)).startsWith("Hello") ? `http://${nodeAddress}:8080/ (hostPort) too` : undefined;
      },
    },
    {
      name: "volumes shared by the containers of a pod",
      check: logged("volumes", "reader", /second was here, after: first was here[\s\S]*\d\d:\d\d:\d\d/, () => {
        return "emptyDir on disk and in memory shared by four containers of volumes";
      }),
    },
    {
      name: "environment with $(VAR) and fields of the pod",
      check: logged("environment", "show", /^started as environment-demo on demo$[\s\S]*^MEMORY_LIMIT_MIB=32$/m, () => {
        return "environment: $(VAR), pod fields and limits filled in";
      }),
    },
    {
      name: "limits and rights in force",
      check: logged("limits", "modest", /memory limit: 16777216[\s\S]*CapEff:\s*0{16}[\s\S]*read-only/, () => {
        return "limits: 16 MiB in its cgroup, no capabilities, read-only root";
      }),
    },
    {
      name: "a sidecar beside its main container",
      check: logged("sidecar", "shipper", /request 1 served/, () => "sidecar shows what its main container writes"),
    },
    {
      name: "a task restarted until it succeeds",
      check: (look) => {
        const [task] = look.containers("task");
        return task?.state?.terminated?.exitCode === 0 && task.restartCount > 0
          ? `task failed, was restarted (OnFailure) and is ${look.pod("task")?.status?.phase}`
          : undefined;
      },
    },
    {
      name: "a task that is never restarted",
      check: (look) => {
        const [task] = look.containers("one-try");
        return look.pod("one-try")?.status?.phase === "Failed" && task?.restartCount === 0
          ? `one-try failed, was not restarted (Never) and is Failed`
          : undefined;
      },
    },
    {
      name: "a crashing container restarted",
      check: (look) => {
        const worker = look.container("crash", "worker");
        const last = worker?.lastState?.terminated;
        return worker && worker.restartCount > 0 && last
          ? `crash ended with exit code ${last.exitCode} (“${last.message?.trim().split("\n").at(-1)}”), restarted`
          : undefined;
      },
    },
    {
      name: "CrashLoopBackOff",
      check: (look) => {
        const waiting = look.container("crash", "worker")?.state?.waiting;
        if (waiting?.reason !== "CrashLoopBackOff") return undefined;
        return `crash is in CrashLoopBackOff: ${/back-off \S+/.exec(waiting.message ?? "")?.[0] ?? "waits"} before the next start`;
      },
    },
  ];
}

/** True when what a container wrote, read by `kubelet logs`, matches. */
function logged(pod: string, container: string, expected: RegExp, tell: () => string): Fact["check"] {
  return async (look) => {
    if (!look.container(pod, container)?.state?.running) return undefined;
    return expected.test(await look.node.verb("logs", pod, "-c", container)) ? tell() : undefined;
  };
}
