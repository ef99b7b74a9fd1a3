import type { Problem } from "../base/fault.ts";
import { seconds } from "../base/units.ts";
import type { Judged } from "./judged.ts";
import { isLabelValue, isQualifiedName } from "./syntax.ts";

/** Makes problems out of conditions: the list of those that hold. */
export function problemsOf(
  ...rules: readonly (readonly [field: string, broken: boolean, message: string])[]
): Problem[] {
  return rules.flatMap(([field, broken, message]) => (broken ? [{ field, message }] : []));
}

const needsGate = (gate: string): string => `needs feature gate ${gate}: switch it on, or remove the setting`;

/** Rules of durations and of what hangs on them. */
export function periodProblems({ kubelet, gatesOn }: Judged): Problem[] {
  const { shutdownGracePeriod: grace, shutdownGracePeriodCriticalPods: critical } = kubelet;
  const byPriority = kubelet.shutdownGracePeriodByPodPriority.length > 0;
  const tooShort = (value: number) => value > 0 && value < seconds(1);
  const graceOn = gatesOn.has("GracefulNodeShutdown");
  const minimumAge = kubelet.imageMinimumGCAge;
  const maximumAge = kubelet.imageMaximumGCAge;
  const quota = kubelet.cpuCFSQuotaPeriod;
  const { imageGCHighThresholdPercent: high, imageGCLowThresholdPercent: low } = kubelet;
  return problemsOf(
    [
      "imageGCLowThresholdPercent",
      low <= 100 && high <= 100 && low >= high,
      `must be less than imageGCHighThresholdPercent (${high}), got ${low}`,
    ],
    ["imageMaximumGCAge", maximumAge > 0 && maximumAge <= minimumAge, "must be longer than imageMinimumGCAge"],
    ["imageMaximumGCAge", maximumAge !== 0 && !gatesOn.has("ImageMaximumGCAge"), needsGate("ImageMaximumGCAge")],
    ["cpuCFSQuotaPeriod", quota < 1 || quota > seconds(1), "must be between 1ms and 1s"],
    [
      "cpuCFSQuotaPeriod",
      quota !== 100 && !gatesOn.has("CustomCPUCFSQuotaPeriod"),
      needsGate("CustomCPUCFSQuotaPeriod"),
    ],
    ["containerLogMonitorInterval", kubelet.containerLogMonitorInterval < seconds(3), "must be at least 3s"],
    ["shutdownGracePeriod", graceOn && tooShort(grace), "must be 0 or at least 1s"],
    ["shutdownGracePeriodCriticalPods", graceOn && tooShort(critical), "must be 0 or at least 1s"],
    [
      "shutdownGracePeriodCriticalPods",
      graceOn && critical > grace,
      "must not be longer than shutdownGracePeriod, which holds it",
    ],
    ["shutdownGracePeriod", !graceOn && (grace > 0 || critical > 0), needsGate("GracefulNodeShutdown")],
    [
      "shutdownGracePeriodByPodPriority",
      byPriority && (grace > 0 || critical > 0),
      "cannot stand beside shutdownGracePeriod: remove one of them",
    ],
    [
      "shutdownGracePeriodByPodPriority",
      byPriority && !gatesOn.has("GracefulNodeShutdownBasedOnPodPriority"),
      needsGate("GracefulNodeShutdownBasedOnPodPriority"),
    ],
    ...crashLoopRules(
      kubelet.crashLoopBackOff.maxContainerRestartPeriod as number | undefined,
      gatesOn.has("KubeletCrashLoopBackOffMax"),
    ),
  );
}

function crashLoopRules(period: number | undefined, gate: boolean): (readonly [string, boolean, string])[] {
  const field = "crashLoopBackOff.maxContainerRestartPeriod";
  return [
    [
      field,
      gate && period !== undefined && (period < seconds(1) || period > seconds(300)),
      "must be between 1s and 5m",
    ],
    [field, !gate && period !== undefined, needsGate("KubeletCrashLoopBackOffMax")],
  ];
}

/** Rules of pods, images, the node and the server. */
export function podProblems({ kubelet, gatesOn }: Judged): Problem[] {
  const parallel = kubelet.maxParallelImagePulls;
  const policy = kubelet.imagePullCredentialsVerificationPolicy;
  const allowlist = kubelet.preloadedImagesVerificationAllowlist;
  const policyGate = gatesOn.has("KubeletEnsureSecretPulledImages");
  const policies = ["NeverVerify", "NeverVerifyPreloadedImages", "NeverVerifyAllowlistedImages", "AlwaysVerify"];
  const ids = kubelet.userNamespaces.idsPerPod;
  return [
    ...problemsOf(
      [
        "maxParallelImagePulls",
        parallel !== undefined && parallel > 1 && kubelet.serializeImagePulls,
        "must be 1 unless serializeImagePulls is false",
      ],
      [
        "imagePullCredentialsVerificationPolicy",
        policyGate && !policies.includes(policy),
        `must be one of ${policies.join(", ")}, got "${policy}"`,
      ],
      [
        "imagePullCredentialsVerificationPolicy",
        !policyGate && policy !== "",
        needsGate("KubeletEnsureSecretPulledImages"),
      ],
      [
        "preloadedImagesVerificationAllowlist",
        allowlist.length > 0 && policy !== "NeverVerifyAllowlistedImages",
        "needs imagePullCredentialsVerificationPolicy: NeverVerifyAllowlistedImages",
      ],
      [
        "serverTLSBootstrap",
        kubelet.serverTLSBootstrap && !gatesOn.has("RotateKubeletServerCertificate"),
        needsGate("RotateKubeletServerCertificate"),
      ],
      ["enableSystemLogQuery", kubelet.enableSystemLogQuery && !gatesOn.has("NodeLogQuery"), needsGate("NodeLogQuery")],
      [
        "enableSystemLogQuery",
        kubelet.enableSystemLogQuery && !kubelet.enableSystemLogHandler,
        "needs enableSystemLogHandler: true",
      ],
      [
        "userNamespaces.idsPerPod",
        ids !== undefined && (ids < 65536 || ids % 65536 !== 0 || ids > 4294967295),
        `must be a multiple of 65536 from 65536 to 4294967295, got ${ids}`,
      ],
    ),
    ...taintProblems(kubelet.registerWithTaints),
    ...sysctlProblems(Object.keys(kubelet.defaultPodSysctls), gatesOn.has("DefaultPodSysctls")),
  ];
}

function taintProblems(taints: Judged["kubelet"]["registerWithTaints"]): Problem[] {
  const effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
  return taints.flatMap((taint, index) =>
    problemsOf(
      [
        `registerWithTaints[${index}].key`,
        !isQualifiedName(taint.key),
        `must be a valid label key, got "${taint.key}"`,
      ],
      [
        `registerWithTaints[${index}].value`,
        !isLabelValue(taint.value),
        `must be a valid label value, got "${taint.value}"`,
      ],
      [
        `registerWithTaints[${index}].effect`,
        taint.effect !== "" && !effects.includes(taint.effect),
        `must be one of ${effects.join(", ")}, got "${taint.effect}"`,
      ],
      [`registerWithTaints[${index}].timeAdded`, taint.timeAdded !== undefined, "must not be set"],
    ),
  );
}

/** Sysctls that belong to a namespace of the kernel, so that a pod can have its own. */
const NAMESPACED: readonly RegExp[] = [/^kernel\.(sem$|shm)/, /^kernel\.msg/, /^fs\.mqueue\./, /^net\./];

function sysctlProblems(names: readonly string[], gate: boolean): Problem[] {
  if (names.length > 0 && !gate) return [{ field: "defaultPodSysctls", message: needsGate("DefaultPodSysctls") }];
  const seen = new Set<string>();
  return names.flatMap((name) => {
    const field = `defaultPodSysctls.${name}`;
    if (name.length > 253 || !/^([a-z\d]([-_a-z\d]*[a-z\d])?[./])*[a-z\d]([-_a-z\d]*[a-z\d])?$/.test(name)) {
      return [{ field, message: "is no valid sysctl name" }];
    }
    const dotted = normalizeSysctl(name);
    const twice = seen.has(dotted);
    seen.add(dotted);
    return problemsOf(
      [
        field,
        !NAMESPACED.some((pattern) => pattern.test(dotted)),
        "is not known to belong to a namespace, so pods cannot have their own",
      ],
      [field, twice, "is given twice, once with dots and once with slashes"],
    );
  });
}

/** Where the first separator is a slash, slashes separate and dots belong to names. */
function normalizeSysctl(name: string): string {
  const first = /[./]/.exec(name)?.[0];
  return first === "/" ? name.replace(/[./]/g, (separator) => (separator === "/" ? "." : "/")) : name;
}

export function loggingProblems({ kubelet: { logging }, gatesOn }: Judged): Problem[] {
  const alpha = gatesOn.has("LoggingAlphaOptions");
  const json = logging.format === "json";
  return [
    ...problemsOf(
      ["logging.format", json && !gatesOn.has("LoggingBetaOptions"), needsGate("LoggingBetaOptions")],
      ["logging.vmodule", json && logging.vmodule.length > 0, "works with format text only"],
    ),
    ...logging.vmodule.flatMap(({ filePattern }, index) =>
      problemsOf([
        `logging.vmodule[${index}].filePattern`,
        filePattern === "" || /[=,]/.test(filePattern),
        "must not be empty or hold = or ,",
      ]),
    ),
    ...(["text", "json"] as const).flatMap((format) =>
      problemsOf(
        [
          `logging.options.${format}.splitStream`,
          logging.options[format].splitStream && !alpha,
          needsGate("LoggingAlphaOptions"),
        ],
        [
          `logging.options.${format}.infoBufferSize`,
          logging.options[format].infoBufferSize !== 0 && !alpha,
          needsGate("LoggingAlphaOptions"),
        ],
      ),
    ),
  ];
}
