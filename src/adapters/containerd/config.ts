import type { RuntimePaths } from "./paths.ts";
import { PAUSE_IMAGE } from "./pause-image.ts";
import { atLeast, type ContainerdVersion } from "./version.ts";

/** What the generated containerd configuration depends on. */
export interface ConfigInput {
  readonly version: ContainerdVersion;
  readonly paths: RuntimePaths;
  readonly snapshotter: "overlayfs" | "native";
  readonly ociRuntime: string;
  readonly systemdCgroup: boolean;
  readonly restrictOomScoreAdj: boolean;
}

type Value = string | number | boolean | readonly string[];
interface Table {
  readonly name: readonly string[];
  readonly values: { readonly [key: string]: Value };
}

/** Plugins that only cost start time, or would write outside the root directory. An id that a version doesn't know does no harm. */
const UNWANTED = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.blockfile",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.erofs",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.differ.v1.erofs",
  "io.containerd.internal.v1.opt",
  "io.containerd.internal.v1.restart",
  "io.containerd.internal.v1.tracing",
  "io.containerd.tracing.processor.v1.otlp",
];

/** containerd refuses a longer one, and falls back to /run/containerd/s by itself when none is given. */
const SHIM_SOCKET_FOLDER_MAX = 42;

/**
 * The configuration file of containerd, TOML: version 2 for 1.x, 3 for 2.0 to 2.3, 4 from 2.4.
 * https://github.com/containerd/containerd/blob/main/docs/cri/config.md
 */
export function containerdConfig(input: ConfigInput): string {
  const { version, paths } = input;
  const format = version.major === 1 ? 2 : atLeast(version, 2, 4) ? 4 : 3;
  const head = {
    version: format,
    root: paths.root,
    state: paths.state,
    oom_score: 0,
    disabled_plugins: UNWANTED,
  };
  const tables = [...servers(format, paths), ...(format === 2 ? criOfOne(input) : criOfTwo(input))];
  return [
    "# Written by the kubelet at every start: changes are lost.",
    render(head),
    ...tables.map((table) => `[${table.name.map(quote).join(".")}]\n${render(table.values)}`),
  ].join("\n");
}

function servers(format: number, paths: RuntimePaths): Table[] {
  const grpc = { address: paths.socket };
  const ttrpc = { address: paths.ttrpcSocket };
  if (format < 4) return [plain("grpc", grpc), plain("ttrpc", ttrpc)];
  return [plugin("io.containerd.server.v1.grpc", [], grpc), plugin("io.containerd.server.v1.ttrpc", [], ttrpc)];
}

function criOfOne(input: ConfigInput): Table[] {
  const id = "io.containerd.grpc.v1.cri";
  const { paths } = input;
  return [
    plugin(id, [], {
      sandbox_image: PAUSE_IMAGE,
      restrict_oom_score_adj: input.restrictOomScoreAdj,
      netns_mounts_under_state_dir: true,
      // What 2.x has by default: pods behave the same on both.
      enable_unprivileged_ports: true,
      enable_unprivileged_icmp: true,
    }),
    plugin(id, ["cni"], { bin_dir: paths.cniBin, conf_dir: paths.cniConf }),
    plugin(id, ["containerd"], { snapshotter: input.snapshotter, default_runtime_name: "runc" }),
    ...ociRuntime(id, input),
    plugin(id, ["registry"], { config_path: paths.certs }),
  ];
}

function criOfTwo(input: ConfigInput): Table[] {
  const { paths, version } = input;
  const runtime = "io.containerd.cri.v1.runtime";
  const images = "io.containerd.cri.v1.images";
  const plugins = atLeast(version, 2, 1) ? { bin_dirs: [paths.cniBin] } : { bin_dir: paths.cniBin };
  const local = atLeast(version, 2, 1) && input.snapshotter !== "overlayfs" ? { use_local_image_pull: true } : {};
  return [
    plugin(runtime, [], {
      restrict_oom_score_adj: input.restrictOomScoreAdj,
      netns_mounts_under_state_dir: true,
      enable_unprivileged_ports: true,
      enable_unprivileged_icmp: true,
    }),
    plugin(runtime, ["cni"], { ...plugins, conf_dir: paths.cniConf }),
    plugin(runtime, ["containerd"], { default_runtime_name: "runc" }),
    ...ociRuntime(runtime, input),
    // The transfer service unpacks into overlayfs whatever CRI says; only a local pull obeys.
    plugin(images, [], { snapshotter: input.snapshotter, ...local }),
    plugin(images, ["pinned_images"], { sandbox: PAUSE_IMAGE }),
    plugin(images, ["registry"], { config_path: paths.certs }),
    // Its socket lies at a fixed place that belongs to the host's own containerd.
    plugin("io.containerd.nri.v1.nri", [], { disable: true }),
    ...(paths.shimSockets.length <= SHIM_SOCKET_FOLDER_MAX && atLeast(version, 2, 3)
      ? [plugin("io.containerd.shim.v1.manager", [], { socket_dir: paths.shimSockets })]
      : []),
  ];
}

/** crun too goes by the handler name "runc": a pod without a runtime class gets the default handler, whichever program that is. */
function ociRuntime(id: string, input: ConfigInput): Table[] {
  return [
    plugin(id, ["containerd", "runtimes", "runc"], { runtime_type: "io.containerd.runc.v2" }),
    plugin(id, ["containerd", "runtimes", "runc", "options"], {
      BinaryName: input.ociRuntime,
      Root: `${input.paths.state}/runc`,
      SystemdCgroup: input.systemdCgroup,
    }),
  ];
}

const plain = (name: string, values: Table["values"]): Table => ({ name: [name], values });
const plugin = (id: string, path: readonly string[], values: Table["values"]): Table => ({
  name: ["plugins", id, ...path],
  values,
});

const render = (values: Table["values"]): string =>
  Object.entries(values)
    .map(([key, value]) => `${key} = ${literal(value)}\n`)
    .join("");

function literal(value: Value): string {
  if (typeof value === "string") return quote(value);
  if (typeof value === "object") return `[${value.map(quote).join(", ")}]`;
  return String(value);
}

/** A TOML basic string takes every escape that JSON writes. */
const quote = (text: string): string => JSON.stringify(text);
