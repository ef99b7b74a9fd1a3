import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ConfigInput, containerdConfig } from "./config.ts";
import { runtimePaths } from "./paths.ts";
import { parseContainerdVersion } from "./version.ts";

const BASE: Omit<ConfigInput, "version"> = {
  paths: runtimePaths("/var/lib/kubelet"),
  snapshotter: "overlayfs",
  ociRuntime: "/usr/sbin/runc",
  systemdCgroup: false,
  restrictOomScoreAdj: false,
};

function generate(version: string, more: Partial<ConfigInput> = {}): string {
  const parsed = parseContainerdVersion(`containerd github.com/containerd/containerd ${version} abc`);
  assert.ok(parsed);
  return containerdConfig({ ...BASE, version: parsed, ...more });
}

const CRI1 = 'plugins"."io.containerd.grpc.v1.cri"';
const RUNTIME2 = 'plugins"."io.containerd.cri.v1.runtime"';
const IMAGES2 = 'plugins"."io.containerd.cri.v1.images"';

const CASES: readonly {
  readonly name: string;
  readonly version: string;
  readonly more?: Partial<ConfigInput>;
  readonly has: readonly string[];
  readonly lacks?: readonly string[];
}[] = [
  {
    name: "1.6 in format 2",
    version: "1.6.20~ds1",
    has: [
      "version = 2\n",
      '["grpc"]\naddress = "/var/lib/kubelet/runtime/containerd.sock"\n',
      `["${CRI1}]\nsandbox_image = "kubelet.local/pause:1"\n`,
      `["${CRI1}."cni"]\nbin_dir = "/var/lib/kubelet/runtime/cni/bin"\n`,
      `["${CRI1}."containerd"]\nsnapshotter = "overlayfs"\n`,
      `["${CRI1}."containerd"."runtimes"."runc"."options"]\nBinaryName = "/usr/sbin/runc"\nRoot = "/var/lib/kubelet/runtime/state/runc"\nSystemdCgroup = false\n`,
      `["${CRI1}."registry"]\nconfig_path = "/var/lib/kubelet/runtime/certs.d"\n`,
    ],
    lacks: ["cri.v1", "io.containerd.runtime.v1.linux", "socket_dir"],
  },
  {
    name: "2.0 in format 3 with one folder of plugins",
    version: "v2.0.1",
    has: ["version = 3\n", '["grpc"]\n', `["${RUNTIME2}."cni"]\nbin_dir = "/var/lib/kubelet/runtime/cni/bin"\n`],
    lacks: ["bin_dirs", "use_local_image_pull", "socket_dir"],
  },
  {
    name: "2.1 in format 3",
    version: "v2.1.0",
    has: [
      "version = 3\n",
      `["${RUNTIME2}."cni"]\nbin_dirs = ["/var/lib/kubelet/runtime/cni/bin"]\n`,
      `["${IMAGES2}."pinned_images"]\nsandbox = "kubelet.local/pause:1"\n`,
      '["plugins"."io.containerd.nri.v1.nri"]\ndisable = true\n',
    ],
    lacks: ["server.v1", "socket_dir"],
  },
  {
    name: "2.4 in format 4 with servers as plugins",
    version: "v2.4.2",
    has: [
      "version = 4\n",
      '["plugins"."io.containerd.server.v1.grpc"]\naddress = "/var/lib/kubelet/runtime/containerd.sock"\n',
      '["plugins"."io.containerd.server.v1.ttrpc"]\naddress = "/var/lib/kubelet/runtime/containerd.sock.ttrpc"\n',
      'socket_dir = "/var/lib/kubelet/runtime/s"\n',
    ],
    lacks: ['["grpc"]', "use_local_image_pull"],
  },
  {
    name: "2.4 under a root directory too long for shim sockets",
    version: "v2.4.2",
    more: { paths: runtimePaths("/a/root/directory/of/more/than/some/letters") },
    has: ["version = 4\n"],
    lacks: ["socket_dir"],
  },
  {
    name: "native snapshots, systemd, restricted OOM score on 2.4",
    version: "v2.4.2",
    more: { snapshotter: "native", systemdCgroup: true, restrictOomScoreAdj: true },
    has: [
      'snapshotter = "native"\nuse_local_image_pull = true\n',
      "SystemdCgroup = true\n",
      `["${RUNTIME2}]\nrestrict_oom_score_adj = true\n`,
    ],
  },
  {
    name: "a path with quotes and backslash",
    version: "1.6.20",
    more: { ociRuntime: '/opt/"x"\\runc' },
    has: ['BinaryName = "/opt/\\"x\\"\\\\runc"\n'],
  },
];

describe("containerdConfig()", () => {
  for (const { name, version, more, has, lacks = [] } of CASES)
    test(`writes ${name}`, () => {
      const text = generate(version, more);
      for (const part of has) assert.ok(text.includes(part), `lacks ${part} in:\n${text}`);
      for (const part of lacks) assert.ok(!text.includes(part), `has ${part} in:\n${text}`);
    });
});

test("parseContainerdVersion() reads what distributions print, and nothing else", () => {
  const read = (output: string) => {
    const version = parseContainerdVersion(output);
    return version && [version.major, version.minor, version.text];
  };
  assert.deepEqual(read("containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+b1"), [
    1,
    6,
    "1.6.20~ds1",
  ]);
  assert.deepEqual(read("containerd github.com/containerd/containerd/v2 v2.4.2 \n"), [2, 4, "2.4.2"]);
  assert.deepEqual(read("containerd containerd.io 1.7.27 05044ec0a9a7"), [1, 7, "1.7.27"]);
  assert.equal(read("dockerd 27.1"), undefined);
});
