import type { Rank } from "./gate.ts";
import { containerd, runtime } from "./generated/cri.js";

type Writable = { finish(): Uint8Array };
interface Encoder<Request> {
  encode(message: Request): Writable;
}
interface Decoder<Response> {
  decode(data: Uint8Array): Response;
}

/** One RPC: how it is called on the wire, what goes out, what comes back. */
export interface Method<Request, Response> {
  /** As gRPC and error messages name it: `RunPodSandbox`. */
  readonly call: string;
  readonly path: string;
  readonly serialize: (request: Request) => Buffer;
  readonly deserialize: (data: Buffer) => Response;
}

const method =
  (service: string) =>
  <Request, Response>(
    call: string,
    request: Encoder<Request>,
    response: Decoder<Response>,
  ): Method<Request, Response> => ({
    call,
    path: `/${service}/${call}`,
    // protobufjs writes Buffers in Node, its types only say Uint8Array.
    serialize: (message) => request.encode(message).finish() as Buffer,
    deserialize: (data) => response.decode(data),
  });

const cri = runtime.v1;
const container = method("runtime.v1.RuntimeService");
const image = method("runtime.v1.ImageService");

export const version = container("Version", cri.VersionRequest, cri.VersionResponse);
export const status = container("Status", cri.StatusRequest, cri.StatusResponse);
export const runtimeConfig = container("RuntimeConfig", cri.RuntimeConfigRequest, cri.RuntimeConfigResponse);
export const updateRuntimeConfig = container(
  "UpdateRuntimeConfig",
  cri.UpdateRuntimeConfigRequest,
  cri.UpdateRuntimeConfigResponse,
);
export const getContainerEvents = container("GetContainerEvents", cri.GetEventsRequest, cri.ContainerEventResponse);

export const runPodSandbox = container("RunPodSandbox", cri.RunPodSandboxRequest, cri.RunPodSandboxResponse);
export const stopPodSandbox = container("StopPodSandbox", cri.StopPodSandboxRequest, cri.StopPodSandboxResponse);
export const removePodSandbox = container(
  "RemovePodSandbox",
  cri.RemovePodSandboxRequest,
  cri.RemovePodSandboxResponse,
);
export const podSandboxStatus = container(
  "PodSandboxStatus",
  cri.PodSandboxStatusRequest,
  cri.PodSandboxStatusResponse,
);
export const listPodSandbox = container("ListPodSandbox", cri.ListPodSandboxRequest, cri.ListPodSandboxResponse);

export const createContainer = container("CreateContainer", cri.CreateContainerRequest, cri.CreateContainerResponse);
export const startContainer = container("StartContainer", cri.StartContainerRequest, cri.StartContainerResponse);
export const stopContainer = container("StopContainer", cri.StopContainerRequest, cri.StopContainerResponse);
export const removeContainer = container("RemoveContainer", cri.RemoveContainerRequest, cri.RemoveContainerResponse);
export const containerStatus = container("ContainerStatus", cri.ContainerStatusRequest, cri.ContainerStatusResponse);
export const listContainers = container("ListContainers", cri.ListContainersRequest, cri.ListContainersResponse);
export const updateContainerResources = container(
  "UpdateContainerResources",
  cri.UpdateContainerResourcesRequest,
  cri.UpdateContainerResourcesResponse,
);
export const reopenContainerLog = container(
  "ReopenContainerLog",
  cri.ReopenContainerLogRequest,
  cri.ReopenContainerLogResponse,
);
export const execSync = container("ExecSync", cri.ExecSyncRequest, cri.ExecSyncResponse);
export const exec = container("Exec", cri.ExecRequest, cri.ExecResponse);
export const attach = container("Attach", cri.AttachRequest, cri.AttachResponse);
export const portForward = container("PortForward", cri.PortForwardRequest, cri.PortForwardResponse);
export const listContainerStats = container(
  "ListContainerStats",
  cri.ListContainerStatsRequest,
  cri.ListContainerStatsResponse,
);

export const listImages = image("ListImages", cri.ListImagesRequest, cri.ListImagesResponse);
export const imageStatus = image("ImageStatus", cri.ImageStatusRequest, cri.ImageStatusResponse);
export const pullImage = image("PullImage", cri.PullImageRequest, cri.PullImageResponse);
export const removeImage = image("RemoveImage", cri.RemoveImageRequest, cri.RemoveImageResponse);
export const imageFsInfo = image("ImageFsInfo", cri.ImageFsInfoRequest, cri.ImageFsInfoResponse);

export const subscribe = method("containerd.services.events.v1.Events")(
  "Subscribe",
  containerd.SubscribeRequest,
  containerd.Envelope,
);

/** Calls that fork processes, set up networks or wait for the disk: too many at once only slow each other down. Nobody waits for a removal. */
export const HEAVY: ReadonlyMap<string, Rank> = new Map([
  [runPodSandbox.call, "first"],
  [stopPodSandbox.call, "first"],
  [createContainer.call, "first"],
  [startContainer.call, "first"],
  [removeContainer.call, "last"],
  [removePodSandbox.call, "last"],
]);
