import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isFault } from "../../base/fault.ts";
import { millis, seconds } from "../../base/units.ts";
import { findBinaries } from "./binaries.ts";
import { ociRuntimeProblem } from "./facts.ts";
import { mountsBelow } from "./mounts.ts";
import { cniConfig } from "./network.ts";
import { networkNames, runtimePaths } from "./paths.ts";
import { hasSysResource } from "./start.ts";
import { firewallRemoval } from "./stop.ts";
import { nextBackoff } from "./supervisor.ts";

const ALL = [
  ...["containerd", "containerd-shim-runc-v2", "ctr", "runc"].map((name) => `/usr/bin/${name}`),
  "/usr/sbin/iptables",
  ...["bridge", "host-local", "portmap", "loopback"].map((name) => `/usr/lib/cni/${name}`),
];
const find = (there: readonly string[], path = "/usr/bin", cniBinDirs: readonly string[] = []) =>
  findBinaries({ path, cniBinDirs }, (program) => there.includes(program));
const without = (...names: string[]) => ALL.filter((path) => !names.some((name) => path.endsWith(`/${name}`)));

describe("findBinaries()", () => {
  test("finds Debian's parts, PATH or not", () => {
    const found = find(ALL, "");
    assert.equal(found.containerd, "/usr/bin/containerd");
    assert.equal(found.cniPlugins.bridge, "/usr/lib/cni/bridge");
  });

  test("prefers PATH over the usual folders, and given CNI folders over the usual ones", () => {
    const there = [...ALL, "/cache/bin/containerd", "/cni/portmap"];
    const found = find(there, "relative:/cache/bin:/usr/bin", ["/cni"]);
    assert.equal(found.containerd, "/cache/bin/containerd");
    assert.equal(found.shim, "/usr/bin/containerd-shim-runc-v2");
    assert.equal(found.cniPlugins.portmap, "/cni/portmap");
  });

  test("puts runc before crun, and takes crun alone", () => {
    const both = [...ALL, "/usr/bin/crun"];
    assert.deepEqual(find(both).ociRuntimes, ["/usr/bin/runc", "/usr/bin/crun"]);
    assert.deepEqual(find(both.filter((path) => path !== "/usr/bin/runc")).ociRuntimes, ["/usr/bin/crun"]);
  });

  const missing: readonly (readonly [string, readonly string[], RegExp])[] = [
    ["a plugin", without("bridge"), /: CNI plugin bridge not found.*install containernetworking-plugins$/],
    ["a runtime", without("runc"), /: runc \(or crun\) not found.*install runc$/],
    ["iptables", without("iptables"), /: iptables not found.*install iptables$/],
    [
      "two kinds",
      without("ctr", "portmap"),
      /: ctr, CNI plugin portmap not.*install containerd containernetworking-plugins$/,
    ],
    [
      "everything",
      [],
      /: containerd, containerd-shim-runc-v2, ctr, runc \(or crun\), iptables, CNI plugin bridge, .*loopback not found .*install containerd runc iptables containernetworking-plugins$/,
    ],
  ];
  for (const [name, there, expected] of missing)
    test(`names all that is missing, with its packages: ${name}`, () => {
      assert.throws(
        () => find(there),
        (error) => isFault(error, "start-refused") && expected.test(error.message),
      );
    });
});

describe("ociRuntimeProblem()", () => {
  const said = (stdout: string, code = 0) => ociRuntimeProblem({ code, stdout, stderr: "boom" });
  test("accepts runc and a crun that is new enough", () => {
    for (const text of [
      "runc version 1.1.5+ds1\n",
      "crun version 1.9\n",
      "crun version 1.14.1\n",
      "crun version 2.0\n",
    ])
      assert.equal(said(text), undefined, text);
  });
  test("says why it refuses another", () => {
    assert.match(said("crun version 1.8.1\n") ?? "", /is crun 1\.8; 1\.9 or newer/);
    assert.match(said("youki version 0.3\n") ?? "", /neither runc nor crun/);
    assert.match(said("", 127) ?? "", /does not run: boom/);
  });
});

test("nextBackoff() doubles from 100 ms to 10 s and starts anew after a minute of running", () => {
  const waits = [nextBackoff(undefined, millis(0))];
  for (let crash = 0; crash < 8; crash++) waits.push(nextBackoff(waits[crash], seconds(1)));
  assert.deepEqual(waits.map(Number), [100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000]);
  assert.equal(nextBackoff(seconds(10), seconds(60)), 100);
});

describe("networkNames()", () => {
  test("are plain for the usual root directory", () => {
    assert.deepEqual(networkNames("/var/lib/kubelet"), { network: "kubelet", bridge: "kubelet0" });
  });
  test("differ between root directories and fit into an interface name", () => {
    const [one, two] = [networkNames("/tmp/a"), networkNames("/tmp/b")];
    assert.notEqual(one.bridge, two.bridge);
    assert.ok(one.bridge.length <= 15);
  });
});

test("cniConfig() gives each family of the pod CIDR its range and default route", () => {
  const paths = runtimePaths("/r");
  const [bridge, portmap] = JSON.parse(cniConfig("10.1.0.0/24, fd00::/64", networkNames("/r"), paths)).plugins;
  assert.deepEqual(bridge.ipam.ranges, [[{ subnet: "10.1.0.0/24" }], [{ subnet: "fd00::/64" }]]);
  assert.deepEqual(bridge.ipam.routes, [{ dst: "0.0.0.0/0" }, { dst: "::/0" }]);
  assert.equal(bridge.ipam.dataDir, "/r/runtime/cni/networks");
  assert.deepEqual(portmap, { type: "portmap", capabilities: { portMappings: true } });
});

test("mountsBelow() gives what lies below, last mounted first, with odd names made plain", () => {
  const line = (target: string) => `36 35 98:0 / ${target} rw - tmpfs none rw`;
  const table = [line("/"), line("/r"), line("/r/a"), line("/r/a/my\\040dir"), line("/rest"), ""].join("\n");
  assert.deepEqual(mountsBelow("/r", table), ["/r/a/my dir", "/r/a", "/r"]);
});

test("hasSysResource() reads bit 24 of the effective set", () => {
  assert.equal(hasSysResource("Name:\tnode\nCapEff:\t000001ffffffffff\n"), true);
  assert.equal(hasSysResource("CapPrm:\t000001ffffffffff\nCapEff:\t000001fffeffffff\n"), false);
});

test("firewallRemoval() takes the rules of one network and the chains of its containers", () => {
  const comment = (name: string, id: string) => `-m comment --comment "name: \\"${name}\\" id: \\"${id}\\""`;
  const saved = [
    "*nat",
    ":CNI-aaaa - [0:0]",
    `-A POSTROUTING -s 10.88.0.2/32 ${comment("kubelet", "1")} -j CNI-aaaa`,
    `-A POSTROUTING -s 10.99.0.2/32 ${comment("other", "2")} -j CNI-bbbb`,
    `-A CNI-aaaa -d 10.88.0.0/16 ${comment("kubelet", "1")} -j ACCEPT`,
    `-A CNI-aaaa ! -d 224.0.0.0/4 ${comment("kubelet", "1")} -j MASQUERADE`,
    '-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \\"kubelet\\" id: \\"1\\"" -m multiport --dports 8080 -j CNI-DN-cccc',
    "-A CNI-DN-cccc -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.88.0.2:80",
    "COMMIT",
  ].join("\n");
  assert.deepEqual(
    firewallRemoval(saved, "kubelet").map((args) => args.join(" ")),
    [
      '-D POSTROUTING -s 10.88.0.2/32 -m comment --comment name: "kubelet" id: "1" -j CNI-aaaa',
      '-D CNI-HOSTPORT-DNAT -p tcp -m comment --comment dnat name: "kubelet" id: "1" -m multiport --dports 8080 -j CNI-DN-cccc',
      "-F CNI-aaaa",
      "-F CNI-DN-cccc",
      "-X CNI-aaaa",
      "-X CNI-DN-cccc",
    ],
  );
});
