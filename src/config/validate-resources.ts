import type { Problem } from "../base/fault.ts";
import { parseQuantity, QUANTITY_SYNTAX } from "../model/quantity.ts";
import { isMemoryResource } from "./codecs-record.ts";
import type { Judged } from "./judged.ts";
import { isCpuList } from "./syntax.ts";
import { problemsOf } from "./validate-fields.ts";

/** Rules of cgroups, reserved resources, memory and CPUs. */
export function resourceProblems({ kubelet, gatesOn, facts }: Judged): Problem[] {
  const cgroup1 = facts.cgroupVersion === 1;
  const memoryQos = gatesOn.has("MemoryQoS");
  const factor = kubelet.memoryThrottlingFactor;
  const reservedCgroup = kubelet.systemReservedCgroup !== "" || kubelet.kubeReservedCgroup !== "";
  const { swapBehavior } = kubelet.memorySwap;
  return [
    ...problemsOf(
      [
        "failCgroupV1",
        cgroup1 && kubelet.failCgroupV1,
        "is true and this host has cgroup v1: boot it with cgroup v2, or set failCgroupV1: false (cgroup v1 is no longer supported by Kubernetes)",
      ],
      [
        "singleProcessOOMKill",
        cgroup1 && kubelet.singleProcessOOMKill === false,
        "must not be false on a host with cgroup v1",
      ],
      ["systemCgroups", kubelet.systemCgroups !== "" && kubelet.cgroupRoot === "", "needs cgroupRoot"],
      [
        "memorySwap.swapBehavior",
        cgroup1 && swapBehavior === "LimitedSwap",
        "must not be LimitedSwap on a host with cgroup v1",
      ],
      ["memorySwap.swapBehavior", swapBehavior !== "" && !gatesOn.has("NodeSwap"), "needs feature gate NodeSwap"],
      [
        "memoryThrottlingFactor",
        factor !== undefined && !(factor > 0 && factor <= 1),
        `must be above 0 and at most 1, got ${factor}`,
      ],
      // 0.9 was the default before v1.37 and stands in old files.
      ["memoryThrottlingFactor", factor !== undefined && factor !== 0.9 && !memoryQos, "needs feature gate MemoryQoS"],
      [
        "memoryReservationPolicy",
        kubelet.memoryReservationPolicy === "TieredReservation" && !memoryQos,
        "needs feature gate MemoryQoS for TieredReservation",
      ],
      [
        "reservedSystemCPUs",
        kubelet.reservedSystemCPUs !== "" && reservedCgroup,
        "cannot stand beside systemReservedCgroup or kubeReservedCgroup",
      ],
      [
        "reservedSystemCPUs",
        kubelet.reservedSystemCPUs !== "" && !isCpuList(kubelet.reservedSystemCPUs),
        `must be a list of CPUs like 0-3,8, got "${kubelet.reservedSystemCPUs}"`,
      ],
    ),
    ...enforcementProblems(kubelet),
    ...reservedProblems("systemReserved", kubelet.systemReserved),
    ...reservedProblems("kubeReserved", kubelet.kubeReserved),
    ...qosReservedProblems(kubelet.qosReserved),
    ...reservedMemoryProblems(kubelet.reservedMemory),
  ];
}

const ENFORCEMENTS: readonly string[] = [
  "none",
  "pods",
  ...["system", "kube"].flatMap((who) => [`${who}-reserved`, `${who}-reserved-compressible`]),
];

function enforcementProblems(kubelet: Judged["kubelet"]): Problem[] {
  const field = "enforceNodeAllocatable";
  const list = kubelet.enforceNodeAllocatable;
  const cgroups = { system: kubelet.systemReservedCgroup, kube: kubelet.kubeReservedCgroup };
  const real = list.filter((entry) => entry !== "none" && ENFORCEMENTS.includes(entry));
  return [
    ...list.flatMap((entry, index) =>
      problemsOf(
        [
          `${field}[${index}]`,
          !ENFORCEMENTS.includes(entry),
          `must be one of ${ENFORCEMENTS.join(", ")}, got "${entry}"`,
        ],
        [`${field}[${index}]`, list.indexOf(entry) !== index, `repeats "${entry}"`],
      ),
    ),
    ...problemsOf(
      [field, list.includes("none") && list.length > 1, 'must hold nothing else beside "none"'],
      [
        "cgroupsPerQOS",
        real.length > 0 && !kubelet.cgroupsPerQOS,
        `must be true while enforceNodeAllocatable holds ${real.join(", ")}`,
      ],
    ),
    ...(["system", "kube"] as const).flatMap((who) => {
      const plain = `${who}-reserved`;
      const compressible = `${plain}-compressible`;
      return problemsOf(
        [field, list.includes(plain) && list.includes(compressible), `must not hold both ${plain} and ${compressible}`],
        [
          `${who}ReservedCgroup`,
          cgroups[who] === "" && (list.includes(plain) || list.includes(compressible)),
          `must be set for ${plain} in enforceNodeAllocatable`,
        ],
      );
    }),
  ];
}

const RESERVABLE: readonly string[] = ["cpu", "memory", "ephemeral-storage", "pid"];

function reservedProblems(field: string, map: { readonly [name: string]: string }): Problem[] {
  return Object.entries(map).flatMap(([name, value]) => {
    const amount = parseQuantity(value);
    return problemsOf(
      [`${field}.${name}`, !RESERVABLE.includes(name), `cannot be reserved; what can is ${RESERVABLE.join(", ")}`],
      [`${field}.${name}`, amount === undefined, `${QUANTITY_SYNTAX}, got "${value}"`],
      [`${field}.${name}`, amount !== undefined && amount.nano < 0n, `must not be negative, got "${value}"`],
    );
  });
}

function qosReservedProblems(map: { readonly [name: string]: string }): Problem[] {
  return Object.entries(map).flatMap(([name, value]) =>
    problemsOf(
      [`qosReserved.${name}`, name !== "memory", "cannot be reserved; only memory can"],
      [
        `qosReserved.${name}`,
        !/^\d+%$/.test(value) || Number(value.slice(0, -1)) > 100,
        `must be a percentage from 0% to 100%, got "${value}"`,
      ],
    ),
  );
}

function reservedMemoryProblems(reservations: Judged["kubelet"]["reservedMemory"]): Problem[] {
  const seen = new Set<string>();
  return reservations.flatMap(({ numaNode, limits }, index) =>
    Object.entries(limits).flatMap(([name, value]) => {
      const field = `reservedMemory[${index}].limits.${name}`;
      const key = `${numaNode} ${name}`;
      const twice = seen.has(key);
      seen.add(key);
      return problemsOf(
        [field, !isMemoryResource(name), "is no kind of memory: use memory or hugepages-SIZE"],
        [field, parseQuantity(value)?.nano === 0n, "must not be zero"],
        [field, twice, `is given twice for NUMA node ${numaNode}`],
      );
    }),
  );
}
