import { createHash } from "node:crypto";
import { isFault, messageOf } from "../base/fault.ts";
import { KUBERNETES_VERSION, loadConfig } from "../config/index.ts";
import { judgeSwap, swapsOf } from "../fitness/index.ts";
import type { HostSetup } from "../ports/host-setup.ts";
import {
  forgetRecord,
  type InstallOptions,
  install,
  isInstalled,
  type Mode,
  machineRefusals,
  PLACES,
  RESOLVED_CONF,
  readRecord,
  SERVICE_PATHS,
  standaloneConfig,
  startLine,
  undo,
  type Wish,
  wantedOf,
} from "../service/index.ts";
import { parseVerbArgs } from "./args.ts";
import { VerbError, type VerbIo } from "./io.ts";
import { checkSum } from "./sha256-sums.ts";

/** `kubelet install`: makes this machine run this very file as a service. All or nothing. */
export async function installVerb(argv: readonly string[], io: VerbIo, signal: AbortSignal): Promise<number> {
  const end = argv.indexOf("--");
  const { options, words } = parseVerbArgs(end < 0 ? argv : argv.slice(0, end), {
    standalone: { type: "boolean" },
    kubeadm: { type: "boolean" },
    "bin-dir": { type: "string" },
    sha256: { type: "string" },
    "no-start": { type: "boolean" },
    "dry-run": { type: "boolean" },
    root: { type: "string" },
  });
  if (words.length > 0)
    throw new VerbError(
      `Cannot use ${words.map((word) => JSON.stringify(word)).join(" ")}: the kubelet's own flags follow after --, as in \`kubelet install -- --config=/etc/my.yaml\``,
    );
  const flags = end < 0 ? [] : argv.slice(end + 1);
  const root = absolute(options.root ?? "", "--root");
  const host = (await io.host()).setup(root);
  const wish: Wish = {
    mode: await modeOf(options, flags, host),
    binDir: absolute(options["bin-dir"] ?? SERVICE_PATHS.local.replace(/\/kubelet$/, ""), "--bin-dir"),
    flags,
    start: root === "" && !options["no-start"],
    resolvConf: await resolvConfOf(host),
  };
  const wanted = wantedOf(wish);
  const lines: string[] = [];
  const deps = { host, systemctl: root === "" ? [] : [`--root=${root}`], say: (line: string) => void lines.push(line) };
  const show = async () =>
    void (await io.write(
      lines
        .splice(0)
        .map((line) => `${line}\n`)
        .join(""),
    ));

  const found = await readRecord(deps);
  const before = found?.complete ? found : undefined;
  const ready = wish.mode !== "kubeadm" || (await host.kind(SERVICE_PATHS.kubeadmConfig)) === "file";
  const problems = [
    ...(await machineRefusals(wish, wanted, found, host, { offline: root !== "" }, signal)),
    ...(await checkSum(options.sha256, host)),
    ...(await configProblems(wish, ready, host, io, root !== "")),
  ];
  if (problems.length > 0) {
    throw new VerbError(
      `Cannot install the kubelet, and nothing was changed:\n${problems.map((one) => `  ${one}`).join("\n")}`,
    );
  }
  const work: InstallOptions = {
    wish,
    wanted,
    before,
    head: { formatVersion: 1, kubelet: KUBERNETES_VERSION, at: io.now().toISOString() },
    digest: (text) => createHash("sha256").update(text).digest("hex"),
    startable: wish.start && ready,
  };
  if (await isInstalled(work, deps)) {
    await io.write(
      `This kubelet (${KUBERNETES_VERSION}) is installed already as ${wanted.executable}: nothing to do\n`,
    );
    return 0;
  }
  if (options["dry-run"]) {
    await io.write(plan(work));
    return 0;
  }
  if (found !== undefined && !found.complete) {
    const left = await undo(found.done, deps);
    if (left.length > 0)
      throw new VerbError(
        `Cannot undo an installation that was cut short:\n${left.map((one) => `  ${one}`).join("\n")}`,
      );
    await forgetRecord(host);
    lines.splice(0, lines.length, "undid an installation that had been cut short");
  }
  try {
    await install(work, deps, signal);
  } catch (error) {
    await show();
    throw new VerbError(`Cannot install the kubelet: ${messageOf(error)}`, { cause: error });
  }
  await show();
  await io.write(nextSteps(wish.mode, wanted.executable));
  return 0;
}

function absolute(path: string, option: string): string {
  const plain = path === "/" ? "" : path.replace(/\/+$/, "");
  if (path === "" || path.startsWith("/")) return plain;
  throw new VerbError(`Cannot use ${option} ${JSON.stringify(path)}: give an absolute path`);
}

/** systemd-resolved's list, where the usual file names no server but its own, which is on the node's loopback; undefined: the usual file. */
async function resolvConfOf(host: HostSetup): Promise<string | undefined> {
  const isStub = /^\s*nameserver\s+127\.0\.0\.53\b/m.test((await host.read("/etc/resolv.conf")) ?? "");
  return isStub && (await host.kind(RESOLVED_CONF)) === "file" ? RESOLVED_CONF : undefined;
}

/** Without a word from the person: a node for itself, unless kubeadm's or another cluster's files say that this may be meant otherwise. */
async function modeOf(
  { standalone, kubeadm }: { readonly standalone: boolean; readonly kubeadm: boolean },
  flags: readonly string[],
  host: HostSetup,
): Promise<Mode> {
  if (standalone && kubeadm) throw new VerbError("Cannot use --standalone and --kubeadm together: choose one");
  if (kubeadm && flags.length > 0)
    throw new VerbError(
      `Cannot use flags with --kubeadm: put them into KUBELET_EXTRA_ARGS in ${SERVICE_PATHS.extraArgs}`,
    );
  if (standalone) return "standalone";
  if (kubeadm) return "kubeadm";
  if (flags.length > 0) return "flags";
  const { kubeconfig, bootstrapKubeconfig, kubeadmConfig } = SERVICE_PATHS;
  for (const path of [kubeadmConfig, kubeconfig, bootstrapKubeconfig])
    if ((await host.kind(path)) !== undefined)
      throw new VerbError(
        `Cannot tell what this node is to be, as ${path} is there: say --kubeadm (a node of that cluster) or --standalone`,
      );
  return "standalone";
}

/** The kubelet would not start with it: told now, not by a service that fails every ten seconds. */
async function configProblems(
  wish: Wish,
  ready: boolean,
  host: HostSetup,
  io: VerbIo,
  offline: boolean,
): Promise<readonly string[]> {
  const argv = await startLine(wish, ready, host);
  if (argv === undefined) return [];
  const readFile = async (path: string) => {
    const text = await host.read(path);
    if (text !== undefined) return text;
    if (wish.mode === "standalone" && path === SERVICE_PATHS.standaloneConfig) return standaloneConfig(wish.resolvConf);
    throw new VerbError("there is no such file");
  };
  try {
    const deps = io.configDeps();
    // What runs here says nothing about the machine whose files lie there.
    const facts = offline ? { ...deps.facts, cgroupVersion: 2 as const } : deps.facts;
    const loaded = await loadConfig({ ...deps, facts, argv, readFile });
    if (loaded.kind !== "run") return ["--help and --version start no kubelet: leave them out"];
    const { kubelet, flags } = loaded.config;
    if (!flags.rootDir.startsWith("/")) return [`--root-dir must be an absolute path, got ${flags.rootDir}`];
    const swaps = offline ? undefined : await host.read("/proc/swaps");
    return judgeSwap(kubelet.failSwapOn, swapsOf(swaps ?? "")).flatMap(({ level, found, advice }) =>
      level === "problem" ? [`swap is ${found}: ${advice}`] : [],
    );
  } catch (error) {
    if (!isFault(error, "config-invalid")) throw error;
    const lines = error.fault.problems.map(({ field, message }) => `${field} ${message}`);
    const given = "its options: flags after --, as in kubelet install --standalone -- --max-pods=20";
    const places = {
      standalone: `${given}, ${PLACES.standalone}`,
      kubeadm: `its options: ${PLACES.kubeadm}`,
      flags: `${given}, or KUBELET_EXTRA_ARGS in ${SERVICE_PATHS.extraArgs}`,
    };
    return [...lines, `(${places[wish.mode]})`];
  }
}

function plan({ wanted, startable }: InstallOptions): string {
  const lines = [
    `would copy this kubelet to ${wanted.executable}`,
    ...wanted.directories.map(({ path }) => `would make ${path}`),
    ...wanted.files.map(({ path, yours }) => `would write ${path}${yours ? ", unless it is there" : ""}`),
    `would enable ${startable ? "and start " : ""}kubelet.service`,
  ];
  return `${lines.join("\n")}\n`;
}

function nextSteps(mode: Mode, executable: string): string {
  const next: { readonly [mode in Mode]: string } = {
    standalone: `Put pods into ${SERVICE_PATHS.standalonePods}; options are in ${SERVICE_PATHS.standaloneConfig}`,
    kubeadm: "Go on with kubeadm init or kubeadm join",
    flags: `More flags: KUBELET_EXTRA_ARGS in ${SERVICE_PATHS.extraArgs}`,
  };
  return `\n${next[mode]}
What it does:   systemctl status kubelet, journalctl -u kubelet, ${executable} get pods
Undo all this:  ${executable} uninstall
`;
}
