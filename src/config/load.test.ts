import assert from "node:assert/strict";
import { test } from "node:test";
import { HEADER, load, loadYaml, problemsOfLoad } from "./fake-machine.ts";
import { isGiven } from "./kubelet-config.ts";
import { loadConfig } from "./load.ts";

const CA = "--client-ca-file=/ca.crt";

test("loadConfig() answers --help and --version before anything is read", async () => {
  const deps = {
    facts: { cgroupVersion: 2 as const, hostname: "a", cwd: "/" },
    readFile: assert.fail,
    listConfigDir: assert.fail,
  };
  const help = await loadConfig({ ...deps, argv: ["--config=/missing", "-h"] });
  assert.equal(help.kind, "help");
  assert.deepEqual(await loadConfig({ ...deps, argv: ["--version"] }), {
    kind: "version",
    text: "Kubernetes v1.37.2\n",
  });
  const raw = await loadConfig({ ...deps, argv: ["--version=raw"] });
  assert.match(raw.kind === "version" ? raw.text : "", /GitVersion:"v1\.37\.2"/);
});

test("loadConfig() gives typed, frozen values", async () => {
  const { kubelet, flags, nodeName } = await loadYaml("containerLogMaxSize: 1Mi\nvolumeStatsAggPeriod: -1s\n", [
    "--hostname-override= Node-B ",
  ]);
  assert.equal(kubelet.syncFrequency, 60_000);
  assert.equal(kubelet.containerLogMaxSize, 1024 ** 2);
  assert.equal(kubelet.volumeStatsAggPeriod, "off");
  assert.equal(kubelet.authentication.webhook.cacheTTL, 120_000);
  assert.equal(kubelet.maxParallelImagePulls, undefined);
  assert.equal(flags.rootDir, "/var/lib/kubelet");
  assert.equal(nodeName, "node-b");
  assert.throws(() => Object.assign(kubelet.authentication, { x509: {} }), TypeError);
});

test("flags beat drop-ins, drop-ins beat the file, the file beats defaults", async () => {
  const files = {
    "/etc/k.yaml": `${HEADER}maxPods: 1\nsyncFrequency: 1s\nclusterDomain: file\nstaticPodPath: pods\n`,
    "/etc/d/20.conf": `${HEADER}syncFrequency: 3s\nclusterDomain: twenty\n`,
    "/etc/d/10.conf": `${HEADER}syncFrequency: 2s\nclusterDomain: ten\nstaticPodPath: null\n`,
    "/etc/d/sub/5.conf": `${HEADER}podsPerCore: 3\n`,
    "/etc/d/30.yaml": "not read",
  };
  const config = await load(["--config=/etc/k.yaml", "--config-dir=/etc/d", "--cluster-domain=flag"], { files });
  const { kubelet, origins } = config;
  assert.deepEqual(
    [kubelet.maxPods, kubelet.syncFrequency, kubelet.clusterDomain, kubelet.staticPodPath, kubelet.podsPerCore],
    [1, 3000, "flag", "", 3],
  );
  assert.deepEqual(origins.get("maxPods"), { kind: "file", where: "/etc/k.yaml" });
  assert.deepEqual(origins.get("syncFrequency"), { kind: "drop-in", where: "/etc/d/20.conf" });
  assert.deepEqual(origins.get("clusterDomain"), { kind: "flag", where: "--cluster-domain" });
  assert.deepEqual(origins.get("staticPodPath"), { kind: "default", where: "" });
  assert.deepEqual(origins.get("--config-dir"), { kind: "flag", where: "--config-dir" });
  assert.ok(isGiven(config, "podsPerCore") && !isGiven(config, "port"));
});

test("drop-ins are merged in the order of a walk", async () => {
  const order = ["a-b/1.conf", "a/2.conf", "a/b/0.conf", "a.conf"];
  const files = Object.fromEntries(
    order.map((name) => [`/d/${name}`, `${HEADER}clusterDomain: ${name}\nclusterDNS: [${name}]\n`]),
  );
  const { kubelet } = await load(["--config-dir=/d"], { files });
  // "a" < "a-b" < "a.conf": directories are walked where their names stand.
  assert.equal(kubelet.clusterDomain, "a.conf");
  assert.deepEqual(kubelet.clusterDNS, ["a.conf"]);
});

const zeros: readonly [yaml: string, path: string, value: unknown][] = [
  ["maxPods: 0", "maxPods", 110],
  ["port: 0", "port", 10250],
  ['containerLogMaxSize: ""', "containerLogMaxSize", "10Mi"],
  ["registryBurst: 0", "registryBurst", 10],
  ["eventBurst: 0", "eventBurst", 100],
  ["kubeAPIBurst: 0", "kubeAPIBurst", 100],
  ["nodeLeaseDurationSeconds: 0", "nodeLeaseDurationSeconds", 40],
  ["syncFrequency: 0s", "syncFrequency", "1m0s"],
  ["evictionPressureTransitionPeriod: 0s", "evictionPressureTransitionPeriod", "5m0s"],
  ["hairpinMode: ''", "hairpinMode", "promiscuous-bridge"],
  ["syncFrequency: null", "syncFrequency", "1m0s"],
  ["eventRecordQPS: 0", "eventRecordQPS", 0],
  ["registryPullQPS: 0", "registryPullQPS", 0],
  ["kubeAPIQPS: 0", "kubeAPIQPS", 0],
  ["healthzPort: 0", "healthzPort", 0],
  ["oomScoreAdj: 0", "oomScoreAdj", 0],
  ["imageGCLowThresholdPercent: 0", "imageGCLowThresholdPercent", 0],
  ["nodeStatusMaxImages: 0", "nodeStatusMaxImages", 0],
  ["resolvConf: ''", "resolvConf", ""],
  ["enableServer: false", "enableServer", false],
  ["enforceNodeAllocatable: []", "enforceNodeAllocatable", []],
  ["podPidsLimit: -7", "podPidsLimit", -1],
  ["nodeStatusUpdateFrequency: 20s", "nodeStatusReportFrequency", "20s"],
  ["maxParallelImagePulls: 2", "serializeImagePulls", false],
  ["maxParallelImagePulls: 1", "serializeImagePulls", true],
  ["memoryThrottlingFactor: null", "memoryThrottlingFactor", undefined],
  [
    "imagePullCredentialsVerificationPolicy: ''",
    "imagePullCredentialsVerificationPolicy",
    "NeverVerifyPreloadedImages",
  ],
  ["featureGates: {KubeletEnsureSecretPulledImages: false}", "imagePullCredentialsVerificationPolicy", ""],
];
for (const [yaml, path, value] of zeros) {
  test(`a file with "${yaml}" gives ${path} ${JSON.stringify(value)}`, async () => {
    const { fields } = await loadYaml(`${yaml}\n`);
    assert.deepEqual(fields[path], value);
  });
}

test("a flag can set zero where a file cannot", async () => {
  assert.equal((await loadYaml("", ["--max-pods=0", "--event-burst=0"])).kubelet.maxPods, 0);
});

const evictions: readonly [name: string, argv: string[], files: { [path: string]: string }, map: object][] = [
  [
    "a file without it gets the system's",
    ["--config=/k"],
    { "/k": HEADER },
    {
      "memory.available": "100Mi",
      "nodefs.available": "10%",
      "nodefs.inodesFree": "5%",
      "imagefs.available": "15%",
      "imagefs.inodesFree": "5%",
    },
  ],
  [
    "a file with it gets nothing more",
    ["--config=/k"],
    { "/k": `${HEADER}evictionHard: {memory.available: 1Gi}` },
    { "memory.available": "1Gi" },
  ],
  ["no file gets none", [], {}, {}],
  [
    "drop-ins without a file get none but their own",
    ["--config-dir=/d"],
    { "/d/a.conf": `${HEADER}evictionHard: {pid.available: 5%}` },
    { "pid.available": "5%" },
  ],
  [
    "a drop-in merges by signal, null removes",
    ["--config=/k", "--config-dir=/d"],
    {
      "/k": HEADER,
      "/d/a.conf": `${HEADER}evictionHard: {memory.available: 1Gi, imagefs.available: null, nodefs.inodesFree: null, imagefs.inodesFree: null}`,
    },
    { "memory.available": "1Gi", "nodefs.available": "10%" },
  ],
  [
    "a flag replaces the map",
    ["--config=/k", "--eviction-hard=pid.available<10%"],
    { "/k": HEADER },
    { "pid.available": "10%" },
  ],
];
for (const [name, argv, files, map] of evictions) {
  test(`evictionHard: ${name}`, async () => assert.deepEqual((await load(argv, { files })).kubelet.evictionHard, map));
}

test("mergeDefaultEvictionSettings keeps the system's other signals", async () => {
  const { kubelet } = await loadYaml("mergeDefaultEvictionSettings: true\nevictionHard: {memory.available: 1Gi}\n");
  assert.equal(Object.keys(kubelet.evictionHard).length, 5);
  assert.equal(kubelet.evictionHard["memory.available"], "1Gi");
});

test("paths in the file are relative to it; those of drop-ins and flags are left alone", async () => {
  const files = {
    "/etc/kubelet/k.yaml": `${HEADER}staticPodPath: pods\ntlsCertFile: ../tls.crt\nresolvConf: r.conf\nauthentication: {x509: {clientCAFile: ca.crt}}\n`,
    "/work/d/a.conf": `${HEADER}tlsPrivateKeyFile: tls.key\n`,
  };
  const { kubelet } = await load(["--config=../etc/kubelet/k.yaml", "--config-dir=d", "--volume-plugin-dir=v"], {
    files,
  });
  assert.equal(kubelet.staticPodPath, "/etc/kubelet/pods");
  assert.equal(kubelet.tlsCertFile, "/etc/tls.crt");
  assert.equal(kubelet.resolvConf, "/etc/kubelet/r.conf");
  assert.equal(kubelet.authentication.x509.clientCAFile, "/etc/kubelet/ca.crt");
  assert.equal(kubelet.tlsPrivateKeyFile, "tls.key");
  assert.equal(kubelet.volumePluginDir, "v");
});

test("feature gates of file and flag are united, the flag wins", async () => {
  const { kubelet, gatesOn } = await loadYaml("featureGates: {PodsAPI: false, EnvFiles: false}\n", [
    "--feature-gates=EnvFiles=true",
  ]);
  assert.deepEqual(kubelet.featureGates, { PodsAPI: false, EnvFiles: true });
  assert.ok(!gatesOn.has("PodsAPI") && gatesOn.has("EnvFiles"));
});

test("--seccomp-default switches seccompDefault on, and cannot switch it off", async () => {
  assert.equal((await loadYaml("", ["--seccomp-default"])).kubelet.seccompDefault, true);
  assert.equal((await loadYaml("seccompDefault: true\n", ["--seccomp-default=false"])).kubelet.seccompDefault, true);
});

test("unknown and doubled fields of --config are ignored with a warning that names them", async () => {
  const { kubelet, warnings } = await loadYaml(
    "maxPod: 1\nMaxPods: 2\nauthentication: {x508: {}}\nregisterWithTaints: [{kee: a, key: b}]\nport: 1\nport: 2\n",
  );
  assert.equal(kubelet.maxPods, 110);
  assert.equal(kubelet.port, 2);
  const text = warnings.join("\n");
  for (const part of [
    "/etc/k.yaml: maxPod is no known field; did you mean maxPods?; ignored",
    "MaxPods is no known field; did you mean maxPods?",
    "authentication.x508 is no known field; did you mean x509?",
    "registerWithTaints[0].kee is no known field; did you mean key?",
    "port stands twice, the last one counts",
  ])
    assert.ok(text.includes(part), `${part} in\n${text}`);
});

test("one warning names what has no effect yet, one the deprecated flags; defaults are not named", async () => {
  const { warnings } = await loadYaml("enableContentionProfiling: true\nrotateCertificates: true\n", [
    "--lock-file=/l",
    "--max-pods=5",
    "-v1",
  ]);
  assert.deepEqual(warnings, [
    "Deprecated flags, which still work: --max-pods; set them in the file that --config names",
    "Without effect in this release: enableContentionProfiling, --lock-file",
    "Without effect, because there is no --kubeconfig: rotateCertificates",
  ]);
});

const refusedFiles: readonly [name: string, argv: string[], files: { [path: string]: string }, problems: RegExp[]][] = [
  ["a missing file", ["--config=/x"], {}, [/^--config cannot be read at \/x: ENOENT/]],
  ["an empty file", ["--config=/x"], { "/x": "" }, [/^--config file \/x is empty/]],
  [
    "another kind",
    ["--config=/x"],
    { "/x": "apiVersion: v1\nkind: Pod\n" },
    [/^apiVersion must be "kubelet/, /^kind must be "KubeletConfiguration", got "Pod" \(in \/x\)/],
  ],
  ["a drop-in without kind", ["--config-dir=/d"], { "/d/a.conf": "maxPods: 1\n" }, [/^apiVersion/, /^kind/]],
  [
    "a doubled key in a drop-in",
    ["--config-dir=/d"],
    { "/d/a.conf": `${HEADER}maxPods: 1\nmaxPods: 2\n` },
    [/^maxPods stands twice.*\/d\/a\.conf/],
  ],
  [
    "every wrong type at once",
    ["--config=/x", "--prot=1"],
    {
      "/x": `${HEADER}maxPods: many\nport: 1.5\nclusterDomain: 5\nenableServer: "true"\nclusterDNS: a\nsystemReserved: {cpu: 2}\nauthentication: 5\nsyncFrequency: 5\noomScoreAdj: 5000\nlogging: {vmodule: [{verbosity: x}]}\n`,
    },
    [
      /^--prot/,
      /^maxPods must be a whole number/,
      /^port must be a whole number/,
      /^clusterDomain must be a string/,
      /^enableServer must be true or false/,
      /^clusterDNS must be a list/,
      /^systemReserved must be a map of strings.*quote numbers/,
      /^authentication must be an object/,
      /^syncFrequency must be a duration/,
      /^logging\.vmodule\[0\]\.verbosity/,
      /^oomScoreAdj must be between -1000 and 1000, got 5000 \(from \/x\)/,
      /^logging\.vmodule\[0\]\.filePattern/,
    ],
  ],
];
for (const [name, argv, files, expected] of refusedFiles) {
  test(`loadConfig() refuses ${name}`, async () => {
    const problems = await problemsOfLoad(load(argv, { files }));
    const lines = problems.map(({ field, message }) => `${field} ${message}`);
    assert.equal(lines.length, expected.length, lines.join("\n"));
    for (const pattern of expected)
      assert.ok(
        lines.some((line) => pattern.test(line)),
        `${pattern} in\n${lines.join("\n")}`,
      );
  });
}

test("the message of a refusal lists every problem on a line of its own", async () => {
  await assert.rejects(load(["--port=x", "--max-pods=-1", CA]), {
    message:
      'Cannot start with this configuration, 2 problems:\n  --port must be a whole number from -2147483648 to 2147483647, got "x"\n  maxPods must be at least 0, got -1 (from --max-pods)',
  });
});
