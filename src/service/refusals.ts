import type { HostSetup } from "../ports/host-setup.ts";
import type { InstallRecord } from "./record.ts";
import { SERVICE_PATHS } from "./units.ts";
import { UNIT, UNIT_PATH, type Wanted, type Wish } from "./wish.ts";

export interface Offline {
  /** Another root than this machine's: nothing of it runs. */
  readonly offline: boolean;
}

/** Where packages put units, in the order in which systemd looks. */
const PACKAGED_UNITS = [`/usr/lib/systemd/system/${UNIT}`, `/lib/systemd/system/${UNIT}`];

/** Why this machine can't take the service, one sentence each with what to do; nothing was written yet. */
export async function machineRefusals(
  wish: Wish,
  wanted: Wanted,
  before: InstallRecord | undefined,
  host: HostSetup,
  { offline }: Offline,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const found = await Promise.all([
    ...(offline ? [] : [rootProblem(host), systemdProblem(host, signal)]),
    packageProblem(host, offline, signal),
    foreignProblem(wanted, before, host),
    host.executableProblem().then((why) => why && `${host.executable} is not a whole kubelet: ${why}`),
    ...[wanted.executable, UNIT_PATH, SERVICE_PATHS.standaloneConfig].map((path) => writeProblem(path, wish, host)),
  ]);
  return [...new Set(found.filter((problem) => problem !== undefined))];
}

async function rootProblem({ superuser }: HostSetup): Promise<string | undefined> {
  return superuser ? undefined : "you are not root: run it with sudo";
}

async function systemdProblem(host: HostSetup, signal: AbortSignal): Promise<string | undefined> {
  const booted = (await host.kind("/run/systemd/system")) === "directory";
  const there = booted && (await host.run("systemctl", ["--version"], signal))?.code === 0;
  return there ? undefined : "this machine does not run systemd: start the kubelet by whatever runs services here";
}

async function packageProblem(host: HostSetup, offline: boolean, signal: AbortSignal): Promise<string | undefined> {
  const { packaged } = SERVICE_PATHS;
  for (const unit of PACKAGED_UNITS)
    if ((await host.kind(unit)) !== undefined)
      return `${unit} is there: a package brings a kubelet service; use that one, or remove the package (apt-get remove kubelet)`;
  if (offline || (await host.kind(packaged)) === undefined) return undefined;
  const owner = await host.run("dpkg-query", ["--search", packaged], signal);
  if (owner?.code !== 0) return undefined;
  const name = owner.text.split(":")[0];
  return `${packaged} is there, of package ${name}: use that one, or remove it (apt-get remove ${name})`;
}

/** What somebody else put at our places is not overwritten. */
async function foreignProblem(
  { executable, files }: Wanted,
  before: InstallRecord | undefined,
  host: HostSetup,
): Promise<string | undefined> {
  const ours = new Set(before?.done.flatMap((done) => (done.what === "file" ? [done.path] : [])));
  for (const path of [executable, ...files.filter(({ yours }) => !yours).map((file) => file.path)]) {
    if (ours.has(path) || (await host.kind(path)) === undefined) continue;
    if (path === executable && (await host.isExecutable(path))) continue;
    return `${path} is there, and kubelet install did not put it there: move it away${path === executable ? ", or choose another --bin-dir" : ""}`;
  }
  return undefined;
}

async function writeProblem(path: string, { mode }: Wish, host: HostSetup): Promise<string | undefined> {
  if (path === SERVICE_PATHS.standaloneConfig && mode !== "standalone") return undefined;
  const folder = path.slice(0, path.lastIndexOf("/"));
  const why = await host.writeProblem(folder);
  if (why === undefined) return undefined;
  const hint = path.endsWith("/kubelet") ? "; choose another place with --bin-dir" : "";
  return `${path} can't be written: ${why}${hint}`;
}
