import { findBinaries } from "../adapters/containerd/binaries.ts";
import { runtimePaths } from "../adapters/containerd/index.ts";
import { listens } from "../adapters/containerd/process.ts";
import { connectCri } from "../adapters/cri/index.ts";
import { createClock, createFiles, createRandom, type HostFacts } from "../adapters/linux/index.ts";
import { createMachineReader } from "../adapters/linux/machine-reader.ts";
import { KubeletError, messageOf } from "../base/fault.ts";
import { silentLog } from "../base/log.ts";
import { seconds } from "../base/units.ts";
import type { KubeletConfig } from "../config/index.ts";
import type { Examiner, IdentityFacts, RuntimeFacts, Server } from "../fitness/index.ts";
import { readCertificates } from "../model/certificate.ts";
import type { Clock } from "../ports/clock.ts";
import type { Files } from "../ports/files.ts";
import { certificateText, endpointOf, loadKubeconfig, whyUnfit } from "./identity-files.ts";
import { reservedTooMuch } from "./reservations.ts";
import { chooseRuntime } from "./runtime.ts";

/** Looks at this machine in the way in which a kubelet with this configuration would. */
export function createExaminer(config: KubeletConfig, host: HostFacts): Examiner {
  const clock = createClock();
  const files = createFiles();
  let asked: ReturnType<typeof runtime> | undefined;
  return {
    config,
    host: { ...host, glibc: glibc() },
    machine: createMachineReader(host.cgroupVersion, clock, process.env.PATH ?? ""),
    clock,
    runtime: (signal) => {
      asked ??= runtime(config, host, clock, signal);
      return asked;
    },
    identity: () => identity(config, files, clock),
    reservations: (signal) => reservedTooMuch(config, host, clock, signal),
    clientCaTrouble: async (path) => {
      try {
        const content = await files.read(path, 4 * 1024 * 1024);
        if (content === undefined) return "there is no such file";
        const expired = readCertificates(Buffer.from(content).toString("latin1")).filter(
          ({ notAfter }) => notAfter < clock.wall(),
        );
        return expired[0] && `${expired[0].commonName} has expired at ${expired[0].notAfter.toISOString()}`;
      } catch (error) {
        return messageOf(error);
      }
    },
  };
}

/** As Node found it when it started. */
function glibc(): string {
  const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return header?.glibcVersionRuntime ?? "";
}

const PATIENCE = seconds(5);
const CNI_CONFIGS = "/etc/cni/net.d";

async function runtime(config: KubeletConfig, { cgroupVersion }: HostFacts, clock: Clock, signal: AbortSignal) {
  const deps = { clock, random: createRandom(), log: silentLog, cgroupVersion };
  let facts: RuntimeFacts = { embedded: false, endpoint: config.kubelet.containerRuntimeEndpoint };
  let driver: string | undefined;
  try {
    const choice = await chooseRuntime(config, deps, signal);
    if (choice.kind === "embedded") {
      const { socket, endpoint } = runtimePaths(config.flags.rootDir);
      const runs = await listens(socket);
      facts = { embedded: true, endpoint: runs ? endpoint : "" };
      findBinaries({ path: process.env.PATH ?? "", cniBinDirs: [] });
      if (!runs) return { facts, driver };
    } else {
      facts = { embedded: false, endpoint: choice.endpoint };
    }
    const cri = connectCri({ ...deps, endpoint: facts.endpoint, requestTimeout: PATIENCE });
    try {
      const version = await cri.runtime.version(signal);
      const { runtime: ready, network } = await cri.runtime.status(signal);
      facts = { ...facts, version, ready, network };
      driver = await cri.runtime.cgroupDriver(signal);
    } finally {
      cri.close();
    }
    if (!facts.embedded) {
      const machine = createMachineReader(2, clock, "");
      facts = {
        ...facts,
        cniConfigs: (await machine.names(CNI_CONFIGS)).filter((name) => /\.(conf|conflist|json)$/.test(name)),
      };
    }
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof KubeletError)) throw error;
    facts = { ...facts, trouble: error.message };
  }
  return { facts, driver };
}

async function identity({ flags, kubelet, standalone }: KubeletConfig, files: Files, clock: Clock) {
  if (standalone) return undefined;
  const { kubeconfig, bootstrapKubeconfig } = flags;
  const trouble = await whyUnfit(kubeconfig, { files, clock });
  const there = bootstrapKubeconfig !== "" && (await files.statFollow(bootstrapKubeconfig)) !== undefined;
  const facts: IdentityFacts = {
    kubeconfig,
    trouble,
    notAfter: trouble === undefined ? await endOfCertificate(kubeconfig, files) : undefined,
    bootstrap: bootstrapKubeconfig === "" ? undefined : { path: bootstrapKubeconfig, there },
    rotates: kubelet.rotateCertificates,
    now: clock.wall(),
  };
  const used = trouble === undefined ? kubeconfig : there ? bootstrapKubeconfig : undefined;
  return { facts, server: used === undefined ? undefined : await serverOf(used, files).catch(() => undefined) };
}

async function serverOf(path: string, files: Files): Promise<Server> {
  const { server, ca, tlsServerName, insecureSkipTlsVerify, proxyUrl } = await endpointOf(
    await loadKubeconfig(path, "--kubeconfig", files),
    files,
  );
  const proxied = proxyUrl !== undefined || Boolean(process.env.HTTPS_PROXY ?? process.env.https_proxy);
  return { url: server, ca, serverName: tlsServerName, insecure: insecureSkipTlsVerify === true, proxied };
}

async function endOfCertificate(path: string, files: Files): Promise<Date | undefined> {
  const text = await certificateText(await loadKubeconfig(path, "--kubeconfig", files), files);
  const ends = text === undefined ? [] : readCertificates(text).map(({ notAfter }) => notAfter.getTime());
  return ends.length === 0 ? undefined : new Date(Math.min(...ends));
}
