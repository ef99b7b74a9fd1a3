/** The places one demo uses on this machine, and their removal: also by another process, when the demo itself was killed. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stopEmbedded } from "../../src/adapters/containerd/index.ts";
import { createCgroups, createClock, detectHost } from "../../src/adapters/linux/index.ts";
import { silentLog } from "../../src/base/log.ts";
import { listProcesses, type Process, removeCgroup, unmountUnder } from "../lib/machine.ts";
import { waitFor } from "../lib/wait.ts";

/** Short: the path of containerd's sockets below it may have 77 bytes. */
const PARENT = "/tmp";
const PREFIX = "kubelet-ts-demo-";

export interface Place {
  readonly folder: string;
  /** The kubelet's --root-dir. */
  readonly root: string;
  readonly manifests: string;
  readonly registry: string;
  readonly config: string;
  /** What the kubelet says. */
  readonly log: string;
  /** As `cgroupRoot` takes it. */
  readonly cgroup: string;
}

function placeAt(folder: string): Place {
  const at = (name: string) => join(folder, name);
  return {
    folder,
    root: at("root"),
    manifests: at("manifests"),
    registry: at("registry"),
    config: at("config.json"),
    log: at("kubelet.log"),
    cgroup: folder.slice(PARENT.length),
  };
}

/** Makes the folders of a new demo and says whose they are. */
export function makePlace(): Place {
  const place = placeAt(mkdtempSync(join(PARENT, PREFIX)));
  const { pid, started } = self();
  writeFileSync(ownerFile(place), JSON.stringify({ pid, started }));
  for (const folder of [place.root, place.manifests]) mkdirSync(folder, { mode: 0o750 });
  return place;
}

/** The cgroup all pods of this demo are in, in every controller: the kubelet wants to find it there. */
export async function makeCgroup({ cgroup }: Place): Promise<void> {
  const { cgroupVersion: version } = detectHost();
  await createCgroups({ version, root: "/sys/fs/cgroup" }).create(cgroup);
}

export interface FoundDemo {
  readonly place: Place;
  /** The demo that uses the place; undefined when it was killed. */
  readonly owner: Process | undefined;
}

/** Every demo that left something in /tmp, running or not. */
export function findDemos(): readonly FoundDemo[] {
  const processes = listProcesses();
  return readdirSync(PARENT)
    .filter((name) => name.startsWith(PREFIX))
    .map((name) => placeAt(join(PARENT, name)))
    .filter((place) => existsSync(ownerFile(place)))
    .map((place) => {
      const owner: { pid?: number; started?: string } = JSON.parse(readFileSync(ownerFile(place), "utf8"));
      return { place, owner: processes.find(({ pid, started }) => pid === owner.pid && started === owner.started) };
    });
}

/** Ends everything that runs in a place and removes it, whatever state it is in. What was there already gone is fine. */
export async function removePlace(place: Place): Promise<void> {
  for (const { pid } of programsOf(place)) process.kill(pid, "SIGKILL");
  await waitFor(`the demo's programs in ${place.folder} to end`, () => programsOf(place).length === 0);
  if (existsSync(place.root))
    await stopEmbedded(place.root, { log: silentLog, clock: createClock() }, new AbortController().signal);
  await unmountUnder(place.folder);
  await removeCgroup(place.cgroup);
  rmSync(place.folder, { recursive: true, force: true });
}

/** Kubelet and registry of this place. Not whatever else names the folder, such as somebody's `tail -f`. */
function programsOf({ root, registry }: Place): readonly Process[] {
  const isOurs = ({ command, ended }: Process) =>
    !ended &&
    ((/^\S*\/kubelet /.test(command) && command.includes(`--root-dir=${root} `)) ||
      command.includes(`docker-registry serve ${registry}/`));
  return listProcesses().filter(isOurs);
}

const ownerFile = ({ folder }: Place): string => join(folder, "demo.json");

function self(): Process {
  const found = listProcesses().find(({ pid }) => pid === process.pid);
  if (!found) throw new Error(`find process ${process.pid} in /proc: it is not there`);
  return found;
}
