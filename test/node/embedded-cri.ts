/** The few CRI calls that embedded.test.ts makes, apart from the kubelet's own client: an independent eye. */
import { Client, credentials } from "@grpc/grpc-js";
import protobuf from "protobufjs";

const MESSAGES = protobuf.parse(`syntax = "proto3";
message Empty {}
message ImageSpec { string image = 1; }
message ImageStatusRequest { ImageSpec image = 1; }
message ImageInfo { string id = 1; repeated string repo_tags = 2; }
message ImageStatusResponse { ImageInfo image = 1; }
message VersionResponse { string version = 1; string runtime_name = 2; string runtime_version = 3; }
message SandboxMetadata { string name = 1; string uid = 2; string namespace = 3; uint32 attempt = 4; }
message PortMapping { int32 protocol = 1; int32 container_port = 2; int32 host_port = 3; }
message LinuxSandbox { string cgroup_parent = 1; }
message SandboxConfig { SandboxMetadata metadata = 1; string hostname = 2; string log_directory = 3; repeated PortMapping port_mappings = 5; LinuxSandbox linux = 8; }
message RunPodSandboxRequest { SandboxConfig config = 1; }
message SandboxId { string pod_sandbox_id = 1; }
message Network { string ip = 1; }
message SandboxStatus { string id = 1; SandboxMetadata metadata = 2; int32 state = 3; int64 created_at = 4; Network network = 5; }
message PodSandboxStatusResponse { SandboxStatus status = 1; }
message Sandbox { string id = 1; SandboxMetadata metadata = 2; int32 state = 3; }
message ListPodSandboxResponse { repeated Sandbox items = 1; }
`).root;

export class CriCalls {
  readonly #client: Client;

  constructor(endpoint: string) {
    this.#client = new Client(endpoint, credentials.createInsecure(), { "grpc.default_authority": "localhost" });
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  async version(): Promise<string> {
    return (await this.#call("RuntimeService/Version", "Empty", {}, "VersionResponse")).runtimeVersion;
  }

  async hasImage(image: string): Promise<boolean> {
    const request = { image: { image } };
    return (
      (await this.#call("ImageService/ImageStatus", "ImageStatusRequest", request, "ImageStatusResponse")).image != null
    );
  }

  async removeImage(image: string): Promise<void> {
    await this.#call("ImageService/RemoveImage", "ImageStatusRequest", { image: { image } }, "Empty");
  }

  async runSandbox(uid: string, logDirectory: string, cgroupParent: string, hostPort: number): Promise<string> {
    const config = {
      metadata: { name: `pod-${uid}`, uid, namespace: "default", attempt: 0 },
      hostname: "pod",
      logDirectory,
      portMappings: [{ protocol: 0, containerPort: 80, hostPort }],
      linux: { cgroupParent },
    };
    return (await this.#call("RuntimeService/RunPodSandbox", "RunPodSandboxRequest", { config }, "SandboxId"))
      .podSandboxId;
  }

  /** Its address while it is ready, else "". */
  async sandboxIp(podSandboxId: string): Promise<string> {
    const answer = await this.#call(
      "RuntimeService/PodSandboxStatus",
      "SandboxId",
      { podSandboxId },
      "PodSandboxStatusResponse",
    );
    return answer.status.state === 0 ? answer.status.network.ip : "";
  }

  async listSandboxes(): Promise<readonly string[]> {
    const answer = await this.#call("RuntimeService/ListPodSandbox", "Empty", {}, "ListPodSandboxResponse");
    return answer.items.map((item: { id: string }) => item.id);
  }

  async removeSandbox(podSandboxId: string): Promise<void> {
    await this.#call("RuntimeService/StopPodSandbox", "SandboxId", { podSandboxId }, "Empty");
    await this.#call("RuntimeService/RemovePodSandbox", "SandboxId", { podSandboxId }, "Empty");
  }

  // biome-ignore lint/suspicious/noExplicitAny: a decoded answer is read where its message is named
  async #call(method: string, ask: string, request: object, answer: string): Promise<any> {
    const input = MESSAGES.lookupType(ask);
    const output = MESSAGES.lookupType(answer);
    const { promise, resolve, reject } = Promise.withResolvers<protobuf.Message>();
    this.#client.makeUnaryRequest(
      `/runtime.v1.${method}`,
      (value: object) => Buffer.from(input.encode(input.fromObject(value)).finish()),
      (bytes: Buffer) => output.decode(bytes),
      request,
      { deadline: Date.now() + 30_000 },
      (error, value) => (error ? reject(error) : resolve(value as protobuf.Message)),
    );
    return promise;
  }
}
