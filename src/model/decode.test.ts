import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodePod, decodePodList } from "./decode.ts";
import { POD_SCHEMA } from "./pod-schema.ts";

const base = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web" },
  spec: { containers: [{ name: "c", image: "i" }] },
};
const withSpec = (spec: object): unknown => ({ ...base, spec: { ...base.spec, ...spec } });
const problemsOf = (value: unknown) => {
  const decoded = decodePod(value);
  return decoded.kind === "invalid" ? decoded.problems.map(({ field, message }) => `${field} ${message}`) : [];
};

test("decodePod() takes a pod as it is, nulls left out, quantities canonical", () => {
  const decoded = decodePod(
    withSpec({
      nodeName: null,
      containers: [{ name: "c", image: "i", resources: { limits: { memory: "1024Mi", cpu: 2 } } }],
    }),
  );
  assert.equal(decoded.kind, "decoded");
  assert.deepEqual(decoded.kind === "decoded" && decoded.value, {
    ...base,
    spec: { containers: [{ name: "c", image: "i", resources: { limits: { memory: "1Gi", cpu: "2" } } }] },
  });
});

const wrong: readonly (readonly [unknown, string])[] = [
  [null, " must be an object of kind Pod, is empty"],
  [[1], " must be an object of kind Pod, is a list"],
  [{ ...base, kind: "Deployment" }, 'kind must be "Pod", is "Deployment"'],
  [{ kind: "Pod" }, 'apiVersion must be "v1", is absent'],
  [withSpec({ containers: {} }), "spec.containers must be a list, is an object"],
  [withSpec({ containers: [null] }), "spec.containers[0] must be an object, is empty"],
  [withSpec({ containers: [{ name: 1 }] }), 'spec.containers[0].name must be a string, is 1: write "1" in quotes'],
  [withSpec({ hostNetwork: "yes" }), 'spec.hostNetwork must be true or false, is "yes"'],
  [withSpec({ priority: 2 ** 31 }), "spec.priority must be a whole number of 32 bits, is 2147483648"],
  [
    withSpec({ terminationGracePeriodSeconds: 1.5 }),
    "spec.terminationGracePeriodSeconds must be a whole number of 64 bits, is 1.5",
  ],
  [
    withSpec({ terminationGracePeriodSeconds: 2 ** 64 }),
    "spec.terminationGracePeriodSeconds must be a whole number of 64 bits, is 18446744073709552000",
  ],
  [
    withSpec({ nodeSelector: { a: true } }),
    "spec.nodeSelector[a] must be a string, is true: write it in quotes (y, yes, on and true are no strings in YAML)",
  ],
  [
    { ...base, metadata: { name: "x", creationTimestamp: "today" } },
    'metadata.creationTimestamp must be a time like 2006-01-02T15:04:05Z, is "today"',
  ],
];

test("decodePod() names the field that has a wrong type", () => {
  for (const [value, want] of wrong) assert.deepEqual(problemsOf(value), [want]);
  const [quantity] = problemsOf(withSpec({ containers: [{ name: "c", resources: { limits: { cpu: "1 core" } } }] }));
  assert.match(quantity ?? "", /^spec.containers\[0\].resources.limits\[cpu\] must be a quantity.*is "1 core"$/);
  assert.equal(problemsOf(withSpec({ containers: [{ name: 1, image: 2 }], hostPID: 3 })).length, 3);
});

test("decodePod() takes whole numbers of 64 bits, which JSON gives inexactly, for the largest that is exact", () => {
  const spec = `{"terminationGracePeriodSeconds":9223372036854775807,"tolerations":[{"tolerationSeconds":-9223372036854775808}]}`;
  const decoded = decodePod(withSpec(JSON.parse(spec) as object));
  const { terminationGracePeriodSeconds, tolerations } = (decoded.kind === "decoded" && decoded.value.spec) || {};
  assert.equal(terminationGracePeriodSeconds, Number.MAX_SAFE_INTEGER);
  assert.deepEqual(tolerations, [{ tolerationSeconds: -Number.MAX_SAFE_INTEGER }]);
});

test("decodePod() collects unknown fields with what was meant", () => {
  const decoded = decodePod(withSpec({ contaniers: [], restartpolicy: "Never", zzz: 1, __proto__: 1 }));
  assert.deepEqual(decoded.kind === "decoded" && decoded.unknownFields, [
    { field: "spec.contaniers", message: 'is not a field of PodSpec and has no effect; did you mean "containers"?' },
    {
      field: "spec.restartpolicy",
      message: 'is not a field of PodSpec and has no effect; did you mean "restartPolicy"?',
    },
    { field: "spec.zzz", message: "is not a field of PodSpec and has no effect" },
  ]);
});

test("decodePod() gives required fields their zero value and empty map entries the empty text", () => {
  const decoded = decodePod({ ...base, metadata: { labels: { app: null } }, spec: { volumes: [{ hostPath: {} }] } });
  assert.deepEqual(decoded.kind === "decoded" && decoded.value, {
    ...base,
    metadata: { labels: { app: "" } },
    spec: { containers: [], volumes: [{ name: "", hostPath: { path: "" } }] },
  });
});

test("decodePodList() gives its pods", () => {
  const decoded = decodePodList({ apiVersion: "v1", kind: "PodList", items: [{ metadata: { name: "a" } }] });
  assert.deepEqual(decoded.kind === "decoded" && decoded.value, [
    { apiVersion: "v1", kind: "Pod", metadata: { name: "a" } },
  ]);
});

test("decodePod() answers any JSON, and what it decodes decodes again to itself", () => {
  const fields = Object.keys(POD_SCHEMA).flatMap((type) => Object.keys(POD_SCHEMA[type] ?? {}));
  const tree = fc.letrec<{ node: unknown }>((tie) => ({
    node: fc.oneof(
      { depthSize: "medium", withCrossShrink: true },
      fc.oneof(fc.constantFrom<unknown>("web", 1, true, null, "1Gi", -1, 2.5, ""), fc.jsonValue()),
      fc.dictionary(fc.constantFrom(...fields), tie("node"), { maxKeys: 6 }),
      fc.array(tie("node"), { maxLength: 3 }),
    ),
  })).node;
  fc.assert(
    fc.property(tree, tree, (metadata, spec) => {
      const decoded = decodePod({ apiVersion: "v1", kind: "Pod", metadata, spec });
      if (decoded.kind !== "decoded") return assert.ok(decoded.problems.length > 0);
      const again = decodePod(decoded.value);
      assert.deepEqual(again, { kind: "decoded", value: decoded.value, unknownFields: [] });
    }),
    { numRuns: 500 },
  );
});
