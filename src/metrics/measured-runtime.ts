import { KubeletError } from "../base/fault.ts";
import type { Clock } from "../ports/clock.ts";
import type { Images, Runtime } from "../ports/runtime.ts";
import type { KubeletMetrics } from "./kubelet-metrics.ts";

export type OperationMetrics = Pick<
  KubeletMetrics,
  "runtimeOperations" | "runtimeOperationErrors" | "runtimeOperationSeconds"
>;

/** The same runtime; each call is counted and timed under upstream's name for it (instrumented_services.go). */
export function measuredRuntime(runtime: Runtime, metrics: OperationMetrics, clock: Clock): Runtime {
  const timed = stopwatch(metrics, clock);
  return {
    version: timed("version", (signal) => runtime.version(signal)),
    status: timed("status", (signal) => runtime.status(signal)),
    cgroupDriver: timed("runtime_config", (signal) => runtime.cgroupDriver(signal)),
    updatePodCidr: timed("update_runtime_config", (cidr, signal) => runtime.updatePodCidr(cidr, signal)),
    runSandbox: timed("run_podsandbox", (config, handler, signal) => runtime.runSandbox(config, handler, signal)),
    stopSandbox: timed("stop_podsandbox", (id, signal) => runtime.stopSandbox(id, signal)),
    removeSandbox: timed("remove_podsandbox", (id, signal) => runtime.removeSandbox(id, signal)),
    sandboxStatus: timed("podsandbox_status", (id, signal) => runtime.sandboxStatus(id, signal)),
    listSandboxes: timed("list_podsandbox", (uid, signal) => runtime.listSandboxes(uid, signal)),
    createContainer: timed("create_container", (sandbox, container, config, signal) =>
      runtime.createContainer(sandbox, container, config, signal),
    ),
    startContainer: timed("start_container", (id, signal) => runtime.startContainer(id, signal)),
    stopContainer: timed("stop_container", (id, grace, signal) => runtime.stopContainer(id, grace, signal)),
    removeContainer: timed("remove_container", (id, signal) => runtime.removeContainer(id, signal)),
    containerStatus: timed("container_status", (id, signal) => runtime.containerStatus(id, signal)),
    listContainers: timed("list_containers", (uid, signal) => runtime.listContainers(uid, signal)),
    updateContainerResources: timed("update_container", (id, resources, signal) =>
      runtime.updateContainerResources(id, resources, signal),
    ),
    reopenContainerLog: timed("reopen_container_log", (id, signal) => runtime.reopenContainerLog(id, signal)),
    execSync: timed("exec_sync", (id, command, timeout, signal) => runtime.execSync(id, command, timeout, signal)),
    exec: timed("exec", (id, request, signal) => runtime.exec(id, request, signal)),
    attach: timed("attach", (id, request, signal) => runtime.attach(id, request, signal)),
    portForward: timed("port_forward", (id, ports, signal) => runtime.portForward(id, ports, signal)),
    containerStats: timed("list_container_stats", (uid, signal) => runtime.containerStats(uid, signal)),
    // Lasts for ever: there is nothing to time.
    events: (signal, isNews) => runtime.events(signal, isNews),
  };
}

/** The same images service, counted and timed likewise. */
export function measuredImages(images: Images, metrics: OperationMetrics, clock: Clock): Images {
  const timed = stopwatch(metrics, clock);
  return {
    imageStatus: timed("image_status", (image, signal) => images.imageStatus(image, signal)),
    pullImage: timed("pull_image", (image, auth, sandbox, signal) => images.pullImage(image, auth, sandbox, signal)),
    listImages: timed("list_images", (signal) => images.listImages(signal)),
    removeImage: timed("remove_image", (image, signal) => images.removeImage(image, signal)),
    imageFilesystems: timed("image_fs_info", (signal) => images.imageFilesystems(signal)),
  };
}

function stopwatch(metrics: OperationMetrics, clock: Clock) {
  return <A extends unknown[], R>(type: string, call: (...args: A) => Promise<R>) => {
    const labels = { operation_type: type };
    return async (...args: A): Promise<R> => {
      metrics.runtimeOperations.add(labels);
      const begun = clock.monotonic();
      try {
        return await call(...args);
      } catch (error) {
        // Being aborted is no error of the runtime's.
        if (error instanceof KubeletError) metrics.runtimeOperationErrors.add(labels);
        throw error;
      } finally {
        metrics.runtimeOperationSeconds.observe((clock.monotonic() - begun) / 1000, labels);
      }
    };
  };
}
