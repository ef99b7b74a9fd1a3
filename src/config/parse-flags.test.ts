import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatGoDuration } from "../base/go-duration.ts";
import type { Json } from "./json.ts";
import { parseFlags } from "./parse-flags.ts";

const read: readonly [argv: string, flag: string, value: Json][] = [
  ["--port=80", "port", 80],
  ["--port 0x50", "port", 80],
  ["--port 0o17", "port", 15],
  ["--port 1_000", "port", 1000],
  ["--max_pods=7", "max-pods", 7],
  ["--max-pods=5 --max-pods=6", "max-pods", 6],
  ["--enable-server", "enable-server", true],
  ["--enable-server=F", "enable-server", false],
  ["--enable-server=1", "enable-server", true],
  ["-v4", "v", 4],
  ["-v=4", "v", 4],
  ["-v 4", "v", 4],
  ["--v=4", "v", 4],
  ["--v 4", "v", 4],
  ["--sync-frequency=90s", "sync-frequency", "1m30s"],
  ["--node-labels=a=b,c --node-labels=d=e", "node-labels", { a: "b", c: "", d: "e" }],
  ["--cluster-dns=10.0.0.1,10.0.0.2 --cluster-dns=10.0.0.3", "cluster-dns", ["10.0.0.1", "10.0.0.2", "10.0.0.3"]],
  ['--allowed-unsafe-sysctls="a,b",c', "allowed-unsafe-sysctls", ["a,b", "c"]],
  ["--cluster-dns=", "cluster-dns", []],
  ["--enforce-node-allocatable=none", "enforce-node-allocatable", ["none"]],
  [
    "--eviction-hard=memory.available<1Gi,nodefs.available<10%",
    "eviction-hard",
    { "memory.available": "1Gi", "nodefs.available": "10%" },
  ],
  ["--system-reserved=cpu=1 --system-reserved=memory=1Gi", "system-reserved", { cpu: "1", memory: "1Gi" }],
  [
    "--cpu-manager-policy-options=a=1,2 --cpu-manager-policy-options=b=3",
    "cpu-manager-policy-options",
    { a: "1,2", b: "3" },
  ],
  ["--topology-manager-policy-options=a=1,b=2", "topology-manager-policy-options", { a: "1", b: "2" }],
  ["--manifest-url-header=a:x,b:y --manifest-url-header=a:z", "manifest-url-header", { a: ["x", "z"], b: ["y"] }],
  ["--feature-gates=PodsAPI=false,EnvFiles=t", "feature-gates", { PodsAPI: false, EnvFiles: true }],
  [
    "--register-with-taints=a=b:NoSchedule,c:NoExecute",
    "register-with-taints",
    [
      { key: "a", value: "b", effect: "NoSchedule" },
      { key: "c", effect: "NoExecute" },
    ],
  ],
  [
    "--register-with-taints=a=b:NoSchedule --register-with-taints=x:NoExecute",
    "register-with-taints",
    [{ key: "x", effect: "NoExecute" }],
  ],
  [
    "--reserved-memory=0:memory=1024Mi,hugepages-2Mi=64Mi;1:memory=1Gi --reserved-memory=2:memory=5",
    "reserved-memory",
    [
      { numaNode: 0, limits: { memory: "1Gi", "hugepages-2Mi": "64Mi" } },
      { numaNode: 1, limits: { memory: "1Gi" } },
      { numaNode: 2, limits: { memory: "5" } },
    ],
  ],
  [
    "--vmodule=a=1,b*=2",
    "vmodule",
    [
      { filePattern: "a", verbosity: 1 },
      { filePattern: "b*", verbosity: 2 },
    ],
  ],
  ["--address=::ffff:1.2.3.4", "address", "::ffff:1.2.3.4"],
  ["--container-runtime-endpoint=embedded", "container-runtime-endpoint", "embedded"],
  ["--log-text-info-buffer-size=1Ki", "log-text-info-buffer-size", "1Ki"],
  ["--config -", "config", "-"],
  ["--kubeconfig=a=b", "kubeconfig", "a=b"],
];
for (const [argv, flag, value] of read) {
  test(`parseFlags() reads ${argv}`, () => {
    const { values, problems } = parseFlags(argv.split(" "));
    assert.deepEqual(problems, []);
    assert.deepEqual(values.get(flag)?.value, value);
  });
}

const refused: readonly [argv: readonly string[], field: string, message: RegExp][] = [
  [["--prot=1"], "--prot", /did you mean --port\?/],
  [["--nonsense-of-all-kinds", "x"], "--nonsense-of-all-kinds", /is no known flag; see --help/],
  [["--port=x"], "--port", /must be a whole number/],
  [["--port=09"], "--port", /must be a whole number/],
  [["--port=2147483648"], "--port", /must be a whole number/],
  [["--port"], "--port", /needs a value/],
  [["--sync-frequency=5"], "--sync-frequency", /must be a duration like/],
  [["--enable-server=maybe"], "--enable-server", /must be true or false/],
  [["--enable-server", "false"], "false", /takes its value after =/],
  [["run"], "run", /is no flag and no command/],
  [["--", "--port=1"], "--port=1", /is no flag/],
  [["-x"], "-x", /has no flag -x/],
  [["-port=1"], "-port", /did you mean --port\?/],
  [["--address=localhost"], "--address", /must be an IP address/],
  [["--address=1.2.3.400"], "--address", /must be an IP address/],
  [["--feature-gates=PodsAPI"], "--feature-gates", /Gate=true/],
  [["--eviction-hard=memory.available=1Gi"], "--eviction-hard", /key<value/],
  [["--system-reserved=cpu"], "--system-reserved", /key=value/],
  [["--manifest-url-header=a"], "--manifest-url-header", /name:value/],
  [["--register-with-taints=a=b"], "--register-with-taints", /key=value:Effect/],
  [["--register-with-taints=a"], "--register-with-taints", /key=value:Effect/],
  [["--register-with-taints=a:"], "--register-with-taints", /key=value:Effect/],
  [["--register-with-taints=a:NoSchedule,a=b:NoSchedule"], "--register-with-taints", /got a:NoSchedule twice/],
  [["--reserved-memory=0:cpu=1"], "--reserved-memory", /types memory and hugepages-SIZE/],
  [["--reserved-memory=memory=1Gi"], "--reserved-memory", /numaNode:type=quantity/],
  [["--vmodule=a"], "--vmodule", /pattern=N/],
  [['--cluster-dns="a'], "--cluster-dns", /double quote closed/],
  [["--log-json-info-buffer-size=1Q"], "--log-json-info-buffer-size", /must be a quantity/],
  [["--version=v1.36.0"], "--version", /must begin with v1\.37\.2/],
  [["--version=vanilla"], "--version", /must begin with/],
  [["--help=x"], "--help", /must be true or false/],
  [["--pod-infra-container-image=x"], "--pod-infra-container-image", /any more: set the pause image/],
  [["--tls-curve-preferences=23"], "--tls-curve-preferences", /is no known flag/],
  [["--logtostderr"], "--logtostderr", /any more/],
];
for (const [argv, field, message] of refused) {
  test(`parseFlags() refuses ${argv.join(" ")}`, () => {
    const { problems } = parseFlags(argv);
    assert.equal(problems.length, 1);
    assert.equal(problems[0]?.field, field);
    assert.match(problems[0]?.message ?? "", message);
  });
}

test("parseFlags() reports everything wrong at once", () => {
  const { problems } = parseFlags(["--prot", "1", "--port=x", "stray", "--max-pods=1"]);
  assert.deepEqual(
    problems.map(({ field }) => field),
    ["--prot", "--port", "stray"],
  );
});

test("parseFlags() knows help and version in all their forms", () => {
  for (const argv of [["-h"], ["--help"], ["--help=true"], ["-hv3"]])
    assert.equal(parseFlags(argv).help, true, argv.join());
  assert.equal(parseFlags(["--help=false"]).help, false);
  assert.equal(parseFlags(["--version"]).version, "true");
  assert.equal(parseFlags(["--version=0"]).version, "false");
  assert.equal(parseFlags(["--version=raw"]).version, "raw");
  assert.equal(parseFlags(["--version=v1.37.2-ts.1"]).version, "v1.37.2-ts.1");
});

test("flags survive writing and reading", () => {
  const word = fc.stringMatching(/^[a-z][a-z0-9.]{0,8}$/);
  const map = fc.dictionary(word, word, { minKeys: 1, noNullPrototype: true });
  const pairs = (value: { [key: string]: string }, by: string) =>
    Object.entries(value).map(([key, item]) => `${key}${by}${item}`);
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 65535 }),
      fc.bigInt({ min: 0n, max: 10n ** 15n }),
      fc.array(word, { minLength: 1 }),
      map,
      fc.boolean(),
      (port, nanos, list, labels, on) => {
        const argv = [
          `--port=${port}`,
          `--sync-frequency=${formatGoDuration(nanos)}`,
          ...list.map((item) => `--cluster-dns=${item}`),
          `--system-reserved=${pairs(labels, "=").join(",")}`,
          ...pairs(labels, "<").map((pair) => `--eviction-hard=${pair}`),
          `--fail-swap-on=${on}`,
        ];
        const { values, problems } = parseFlags(argv);
        assert.deepEqual(problems, []);
        const value = (name: string) => values.get(name)?.value;
        assert.deepEqual(
          [
            value("port"),
            value("sync-frequency"),
            value("cluster-dns"),
            value("system-reserved"),
            value("eviction-hard"),
            value("fail-swap-on"),
          ],
          [port, formatGoDuration(nanos), list, labels, labels, on],
        );
      },
    ),
  );
});

test("parseFlags() never throws", () => {
  fc.assert(fc.property(fc.array(fc.string()), (argv) => void parseFlags(argv)));
});
