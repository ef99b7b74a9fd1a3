import { connectServiceManager } from "../adapters/linux/index.ts";
import { messageOf } from "../base/fault.ts";
import { MANAGER_VARIABLES, type ManagerEnv, readManagerEnv, Told, type ToldDeps } from "../service/index.ts";

/**
 * What systemd wants of this process. From here on no child of ours can speak in our name.
 * @throws KubeletError `start-refused` for a watchdog that can't be kept
 */
export function managerEnvHere(): ManagerEnv {
  const read = readManagerEnv(process.env, process.pid);
  for (const name of MANAGER_VARIABLES) delete process.env[name];
  return read;
}

/** undefined where no service manager asked to be told, or none can be. It hears of the end when the signal aborts. */
export async function openTold(
  { socket, watchdog }: ManagerEnv,
  deps: Pick<ToldDeps, "clock" | "log">,
  signal: AbortSignal,
): Promise<Told | undefined> {
  if (socket === undefined) {
    if (watchdog !== undefined)
      deps.log.error("Systemd's watchdog can't be fed: NOTIFY_SOCKET is not set; set Type=notify in the unit");
    return undefined;
  }
  try {
    const told = new Told({ ...deps, manager: await connectServiceManager(socket), watchdog });
    signal.addEventListener("abort", () => told.stopping(), { once: true });
    return told;
  } catch (error) {
    deps.log.error("Systemd will not be told of this kubelet", { err: messageOf(error) });
    return undefined;
  }
}

/** What `systemctl status` says of a node that is well. */
export function nodeStatus(pods: number, networkProblem: string | undefined, registered: boolean | undefined): string {
  const counted = pods === 1 ? "1 pod" : `${pods} pods`;
  if (registered === false) return `${counted}; not registered with the API server yet`;
  return networkProblem === undefined ? counted : `${counted}; not ready: ${networkProblem}`;
}
