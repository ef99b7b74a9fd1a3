/**
 * The process behind a person's cluster: `node keeper.ts NAME CHOICE`, in the background. It makes the network and everything in it, forwards connections
 * from outside, starts again what ends by itself, and removes all of it on SIGTERM.
 */
import { chownSync, copyFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ClusterNode } from "../../test/support/cluster-node.ts";
import { addOnsReady, installAddOns } from "../lib/cluster/add-ons.ts";
import { ControlPlane, DNS_ADDRESS } from "../lib/cluster/control-plane.ts";
import { ADMINS } from "../lib/cluster/pki.ts";
import type { Program } from "../lib/cluster/program.ts";
import { busyboxImage } from "../lib/images.ts";
import { enterOwnNetwork } from "../lib/own-network.ts";
import { Registry } from "../lib/registry.ts";
import { Forwarder } from "./forwarder.ts";
import { type ClusterChoice, type KeeperState, type Place, placeOf, removeFolder, self, writeState } from "./place.ts";

const RESTART_MS = 1000;

class Keeper {
  readonly #place: Place;
  readonly #choice: ClusterChoice;
  readonly #made = new AsyncDisposableStack();
  readonly #stop = new AbortController();
  #state: KeeperState;

  constructor(place: Place, choice: ClusterChoice) {
    this.#place = place;
    this.#choice = choice;
    this.#state = { ...self(), phase: "starting", choice, steps: [] };
    this.#tell({});
    for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(name, () => this.#stop.abort(name));
  }

  /** Resolves when the cluster is gone. */
  async keep(): Promise<void> {
    try {
      await this.#make();
      this.#tell({ phase: "up" });
      await new Promise<void>((resolve) => {
        if (this.#stop.signal.aborted) resolve();
        this.#stop.signal.addEventListener("abort", () => resolve());
      });
    } catch (error) {
      const problem = error instanceof Error ? error.message : `${error}`;
      this.#say(error instanceof Error ? `${error.stack}` : problem);
      await this.#made.disposeAsync();
      // The folder stays, for its logs.
      if (!this.#stop.signal.aborted) return this.#tell({ phase: "failed", problem });
    }
    this.#tell({ phase: "stopping" });
    await this.#made.disposeAsync();
    removeFolder(this.#place);
  }

  async #make(): Promise<void> {
    const place = this.#place;
    const forwarder = this.#made.use(await Forwarder.listen());
    const { address } = await enterOwnNetwork();
    const registry = await this.#step("Starting a registry with an image", async () => {
      const started = this.#made.use(await Registry.start({ folder: place.registry, port: 5000 }));
      const image = await busyboxImage();
      await started.push("busybox", "1", image);
      // What `--image=busybox` means.
      await started.push("library/busybox", "latest", image);
      return started;
    });
    const plane = await this.#step("Starting etcd, API server, controllers, scheduler", async () => {
      const onEnd = (program: Program) => this.#again(program);
      const options = { folder: place.plane, address, detached: true, verifyKubelets: true, onEnd };
      return this.#made.use(await ControlPlane.start(options));
    });
    forwarder.to(address, 6443);
    await this.#forPeople(plane, forwarder.port);
    const { kubelet } = this.#choice;
    await this.#step(`Starting the node with ${kubelet === "go" ? "the Go kubelet" : "kubelet-ts"}`, async () => {
      this.#made.use(await this.#startNode(plane, registry, address));
    });
    if (!this.#choice.addOns) return;
    await this.#step("Starting kube-proxy and CoreDNS", async () => {
      await installAddOns(plane, registry);
      await addOnsReady(plane.api);
    });
  }

  async #startNode(plane: ControlPlane, registry: Registry, address: string): Promise<ClusterNode> {
    const { folder, cgroup } = { folder: this.#place.node, cgroup: this.#place.cgroup };
    const { kubelet, runtime } = this.#choice;
    const imageHosts = ["registry.local", "docker.io"];
    return await ClusterNode.start(
      plane,
      { folder, cgroup, address, registry, imageHosts, index: 0 },
      {
        ...{ name: "node", kubelet, ports: [10250, 10248], detached: true },
        runtime: runtime === "1.6" || runtime === "2.4" ? { release: runtime } : runtime,
        // Of its own, so that building again does not take the running program's files away.
        ...(kubelet === "ours" ? { file: join(this.#place.dist, "kubelet") } : {}),
        onEnd: (program) => this.#again(program),
      },
    );
  }

  /** Files for shells, inside and outside. */
  async #forPeople(plane: ControlPlane, port: number): Promise<void> {
    const place = this.#place;
    const admin = { commonName: "kubernetes-admin", organizations: [ADMINS] };
    const made = await plane.pki.kubeconfigFile("outside.conf", admin, `https://127.0.0.1:${port}`);
    symlinkSync(plane.kubectlPath, join(place.bin, "kubectl"));
    writeFileSync(
      place.resolvConf,
      `search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver ${DNS_ADDRESS}\noptions ndots:5 timeout:2\n`,
    );
    copyFileSync(made, place.kubeconfig);
    const { SUDO_UID, SUDO_GID } = process.env;
    // Who ran `sudo npm run cluster` has an ordinary shell that is not root's.
    if (SUDO_UID !== undefined) chownSync(place.kubeconfig, Number(SUDO_UID), Number(SUDO_GID ?? SUDO_UID));
  }

  /** As a service manager would: starts it again after a moment, for ever. */
  async #again(program: Program): Promise<void> {
    this.#say(`${program.name} ${program.ended}; starting it again`);
    while (!this.#stop.signal.aborted) {
      await sleep(RESTART_MS, undefined, { signal: this.#stop.signal }).catch(() => {});
      try {
        if (!this.#stop.signal.aborted) await program.start();
        return;
      } catch (error) {
        this.#say(`${error instanceof Error ? error.message : error}`);
      }
    }
  }

  async #step<T>(title: string, work: () => Promise<T>): Promise<T> {
    this.#stop.signal.throwIfAborted();
    const before = this.#state.steps;
    this.#tell({ steps: [...before, { title }] });
    const started = performance.now();
    const result = await work();
    this.#tell({ steps: [...before, { title, took: performance.now() - started }] });
    return result;
  }

  #tell(news: Partial<KeeperState>): void {
    this.#state = { ...this.#state, ...news };
    writeState(this.#place, this.#state);
  }

  #say(text: string): void {
    console.log(`${new Date().toISOString()} ${text}`);
  }
}

const [name = "", choice = "{}"] = process.argv.slice(2);
await new Keeper(placeOf(name), JSON.parse(choice)).keep();
// A connection kept alive by fetch is no reason to stay.
process.exit();
