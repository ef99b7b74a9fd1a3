/**
 * A real control plane as kubeadm sets it up: etcd, kube-apiserver, kube-controller-manager, kube-scheduler, with certificates, RBAC, the Node authorizer
 * and NodeRestriction. All ports are the well-known ones: it wants a network namespace of its own (see own-network.ts), entered before.
 */
import { mkdirSync } from "node:fs";
import { get } from "node:https";
import { join } from "node:path";
import { type Finished, run, tryRun } from "../run.ts";
import { ApiClient } from "./api-client.ts";
import { type ControlPlaneBinaries, controlPlaneBinaries } from "./binaries.ts";
import { apiServerArgs, controllerManagerArgs, etcdArgs, schedulerArgs } from "./control-plane-args.ts";
import { createFirstObjects, newBootstrapToken } from "./first-objects.ts";
import { Pki } from "./pki.ts";
import { Program } from "./program.ts";

export interface ControlPlaneOptions {
  /** Holds certificates, kubeconfigs, etcd's data and the logs; made if it is not there. */
  readonly folder: string;
  /** The address where nodes and pods find the API server; not loopback. */
  readonly address: string;
  /** More names of the API server: for whoever reaches it through a forwarder. */
  readonly hosts?: readonly string[];
  /** Flags of kube-apiserver over those that every cluster has; of a flag given twice the last one counts. */
  readonly apiServerArgs?: readonly string[];
  readonly controllerManagerArgs?: readonly string[];
  /** The API server checks that kubelets' serving certificates are of the cluster's authority, which kubeadm's does not. */
  readonly verifyKubelets?: boolean;
  /** Keeps the programs out of a terminal's process group, and so from its ^C. */
  readonly detached?: boolean;
  /** Told of each program that ended by itself. */
  readonly onEnd?: (program: Program) => void;
}

export const POD_CIDR = "10.244.0.0/16";
export const SERVICE_CIDR = "10.96.0.0/16";
export const DNS_ADDRESS = "10.96.0.10";
const FIRST_SERVICE = "10.96.0.1";
const API_PORT = 6443;

export class ControlPlane implements AsyncDisposable {
  readonly folder: string;
  readonly pki: Pki;
  readonly etcd: Program;
  readonly apiServer: Program;
  readonly controllerManager: Program;
  readonly scheduler: Program;
  /** As kubernetes-admin. */
  readonly api: ApiClient;
  /** Path of the program. */
  readonly kubectlPath: string;
  /** For `--bootstrap-kubeconfig`; never expires. */
  readonly bootstrapToken: string;

  private constructor(options: ControlPlaneOptions, pki: Pki, binaries: ControlPlaneBinaries) {
    const { folder, address } = options;
    this.folder = folder;
    this.pki = pki;
    this.kubectlPath = binaries.kubectl;
    this.bootstrapToken = newBootstrapToken();
    this.api = new ApiClient(this.adminKubeconfig);
    const places = { pki, address, dataDir: join(folder, "etcd"), podCidr: POD_CIDR, serviceCidr: SERVICE_CIDR };
    const verify = options.verifyKubelets ? [`--kubelet-certificate-authority=${pki.path("ca.crt")}`] : [];
    const common = {
      detached: options.detached ?? false,
      ...(options.onEnd === undefined ? {} : { onEnd: options.onEnd }),
    };
    const log = (name: string) => join(folder, "logs", `${name}.log`);
    this.etcd = new Program({
      ...common,
      name: "etcd",
      file: binaries.etcd,
      args: etcdArgs(places),
      log: log("etcd"),
      isReady: () => answersOk("http://127.0.0.1:2381/readyz"),
    });
    this.apiServer = new Program({
      ...common,
      name: "kube-apiserver",
      file: binaries["kube-apiserver"],
      args: [...apiServerArgs(places), ...verify, ...(options.apiServerArgs ?? [])],
      log: log("kube-apiserver"),
      isReady: async () => (await this.api.send("GET", "/readyz")).status === 200,
    });
    this.controllerManager = new Program({
      ...common,
      name: "kube-controller-manager",
      file: binaries["kube-controller-manager"],
      args: [...controllerManagerArgs(places), ...(options.controllerManagerArgs ?? [])],
      log: log("kube-controller-manager"),
      isReady: () => answersTls(10257),
    });
    this.scheduler = new Program({
      ...common,
      name: "kube-scheduler",
      file: binaries["kube-scheduler"],
      args: schedulerArgs(places),
      log: log("kube-scheduler"),
      isReady: () => answersTls(10259),
    });
  }

  /** A control plane that is ready: the default service account and the CA for pods are there, so pods can be made. */
  static async start(options: ControlPlaneOptions): Promise<ControlPlane> {
    const binaries = await controlPlaneBinaries();
    mkdirSync(join(options.folder, "logs"), { recursive: true });
    const server = `https://${options.address}:${API_PORT}`;
    const hosts = ["localhost", "127.0.0.1", FIRST_SERVICE, options.address, ...(options.hosts ?? [])];
    const pki = await Pki.make({ folder: options.folder, server, hosts });
    const plane = new ControlPlane(options, pki, binaries);
    try {
      await plane.#start();
    } catch (error) {
      await plane[Symbol.asyncDispose]();
      throw error;
    }
    return plane;
  }

  get adminKubeconfig(): string {
    return join(this.folder, "admin.conf");
  }

  get programs(): readonly Program[] {
    return [this.etcd, this.apiServer, this.controllerManager, this.scheduler];
  }

  /** Runs kubectl as kubernetes-admin; throws with its words unless it succeeds. */
  async kubectl(...args: readonly string[]): Promise<string> {
    return await run(this.kubectlPath, args, { env: this.kubectlEnv });
  }

  /** The same for calls that may fail, or that need input. */
  async tryKubectl(args: readonly string[], input?: string): Promise<Finished> {
    return await tryRun(this.kubectlPath, args, { env: this.kubectlEnv, ...(input === undefined ? {} : { input }) });
  }

  get kubectlEnv(): { readonly KUBECONFIG: string; readonly HOME: string } {
    // kubectl keeps what it discovers under HOME; the person's own is none of a test's business.
    return { KUBECONFIG: this.adminKubeconfig, HOME: this.folder };
  }

  /** Last started, first ended: the controllers do not spend their time on an API server that is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.api[Symbol.dispose]();
    await Promise.all([this.scheduler.stop(), this.controllerManager.stop()]);
    // It would wait for its watchers to leave; nothing it holds is worth that.
    await this.apiServer.kill();
    await this.etcd.stop();
  }

  async #start(): Promise<void> {
    await this.etcd.start();
    await this.apiServer.start();
    using root = new ApiClient(join(this.folder, "super-admin.conf"));
    await Promise.all([
      this.controllerManager.start(),
      this.scheduler.start(),
      createFirstObjects(root, this.bootstrapToken),
    ]);
    // What every pod mounts: a pod without its CA would wait some seconds before it looks again.
    const namespace = "/api/v1/namespaces/default";
    for (const [collection, name] of [
      [`${namespace}/serviceaccounts`, "default"],
      [`${namespace}/configmaps`, "kube-root-ca.crt"],
    ] as const)
      await this.api.until({ collection, name }, (object) => object !== undefined);
  }
}

async function answersOk(url: string): Promise<boolean> {
  const response = await fetch(url);
  await response.body?.cancel();
  return response.ok;
}

/** Their certificates are made by themselves, and /healthz needs none from us. */
async function answersTls(port: number): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  get({ host: "127.0.0.1", port, path: "/healthz", rejectUnauthorized: false, agent: false }, (response) => {
    response.resume();
    resolve(response.statusCode === 200);
  }).on("error", reject);
  return await promise;
}
