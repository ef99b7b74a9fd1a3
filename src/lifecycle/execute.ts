import { unreachable } from "../base/fault.ts";
import { sideBySide } from "../base/side-by-side.ts";
import { millis, seconds } from "../base/units.ts";
import type { ImageDesk } from "../images/index.ts";
import type { Pod } from "../model/kubernetes.ts";
import { podSubject } from "../model/subject.ts";
import type { Runtime } from "../ports/runtime.ts";
import { type FinishDeps, finishPod, releasePod, removeContainer, removeSandbox } from "./finish.ts";
import type { Mailbox } from "./mailbox.ts";
import type { Memory } from "./memory.ts";
import { type PrepareDeps, prepare } from "./prepare.ts";
import { type StartDeps, startContainer } from "./start.ts";
import type { Step } from "./step.ts";
import { stopContainers } from "./stop.ts";
import type { Turns } from "./turns.ts";

export type ExecuteDeps = PrepareDeps &
  StartDeps &
  FinishDeps & {
    readonly runtime: Runtime;
    readonly cgroups: PrepareDeps["cgroups"] & FinishDeps["cgroups"];
    readonly volumes: PrepareDeps["volumes"] & FinishDeps["volumes"];
    readonly desk: ImageDesk;
    /** Of pods that have been brought up before, as all have at the kubelet's start: a new pod must not wait behind them. */
    readonly settling: Turns;
    /** What its RuntimeClass means; "" for the default. @throws KubeletError `waiting` */
    readonly runtimeHandler: (pod: Pod, signal: AbortSignal) => Promise<string> | string;
  };

/** A pod that is to stop misses nothing of what was begun for its run. */
const AT_ONCE = millis(0);
/** A sandbox that is nearly there is stopped as any other; one that takes longer waits for something, such as a network plugin that hangs. */
const NEARLY_THERE = seconds(10);

/** Does one step. Decides nothing: what is done was planned. @throws KubeletError, or `signal.reason` */
export async function execute(
  step: Step,
  mailbox: Mailbox,
  memory: Memory,
  deps: ExecuteDeps,
  signal: AbortSignal,
): Promise<void> {
  const { uid, pod } = mailbox.intent;
  switch (step.kind) {
    case "prepare": {
      const wasThere = (deps.see(uid)?.sandboxes ?? []).length > 0;
      return mailbox.whileWanted(AT_ONCE, deps.clock, signal, (wanted) => {
        const work = () => prepare(() => needed(mailbox.intent.pod), memory, deps, wanted);
        return wasThere ? deps.settling.take(work, wanted) : work();
      });
    }
    case "fetch-image":
      deps.desk.ensure({ pod: needed(pod), container: step.container, attempt: step.attempt }, () => mailbox.ring());
      return;
    case "run-sandbox":
      return mailbox.whileWanted(NEARLY_THERE, deps.clock, signal, (wanted) =>
        runSandbox(needed(pod), step, deps, wanted),
      );
    case "stop-containers":
      return mailbox.stopWithin(millis(Math.max(...step.stops.map(({ grace }) => grace))), signal, (hurry) =>
        stopContainers(step.stops, pod, memory, deps, hurry),
      );
    case "stop-sandbox":
      await deps.runtime.stopSandbox(step.id, signal);
      memory.stopped.add(step.id);
      return;
    case "start-container":
      return startContainer(needed(pod), step, memory, deps, signal);
    case "remove-container":
      return removeContainer(uid, step.id, deps, signal);
    case "remove-sandbox":
      return removeSandbox(step.id, memory.stopped, deps.runtime, signal);
    case "release":
      await releasePod(uid, deps, signal);
      memory.released = true;
      return;
    case "finish":
      return finishPod(mailbox.intent, memory.stopped, deps, signal);
    default:
      return unreachable(step);
  }
}

async function runSandbox(
  pod: Pod,
  step: Extract<Step, { kind: "run-sandbox" }>,
  deps: ExecuteDeps,
  signal: AbortSignal,
): Promise<void> {
  if (step.replaces) {
    const message = "Pod sandbox changed, it will be killed and re-created.";
    deps.events.record({ type: "Normal", reason: "SandboxChanged", message, about: podSubject(pod) });
  }
  const [config, handler] = await sideBySide([deps.sandboxConfig(pod, step.attempt), deps.runtimeHandler(pod, signal)]);
  await deps.files.makeDirectory(config.logDirectory, 0o755);
  const id = await deps.runtime.runSandbox(config, handler, signal);
  deps.know(id, config.metadata.uid);
}

/** Steps that need the spec are planned only for pods that have one. */
function needed(pod: Pod | undefined): Pod {
  if (pod) return pod;
  throw new TypeError("A step that needs a pod spec was planned for a pod that only the runtime knows");
}
