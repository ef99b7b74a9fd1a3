/** The bill of materials: SPDX 2.3 in JSON (https://spdx.github.io/spdx-spec/v2.3/). */
import { createHash } from "node:crypto";
import { PAUSE_IMAGE, pauseArchive } from "../../../src/adapters/containerd/pause-image.ts";
import type { Dependency } from "./dependencies.ts";

export interface Shipped {
  readonly version: string;
  readonly kubelet: Uint8Array;
  readonly dependencies: readonly Dependency[];
  /** What Node itself was built from, by name: `process.versions`. */
  readonly nodeParts: Readonly<Record<string, string | undefined>>;
  readonly time: Date;
}

const ROOT_ID = "SPDXRef-Package-kubelet-ts";
/** Numbers of interfaces, not of programs. */
const NO_PARTS = ["node", "modules", "napi", "unicode", "cldr", "tz"];

export function sbom({ version, kubelet, dependencies, nodeParts, time }: Shipped): string {
  const sum = sha256(kubelet);
  const pause = pauseArchive(process.arch === "arm64" ? "arm64" : "amd64");
  const node = dependencies.find(({ name }) => name.startsWith("node-linux-"));
  const own = {
    ...common("kubelet-ts", version, "Apache-2.0"),
    SPDXID: ROOT_ID,
    downloadLocation: "NOASSERTION",
    packageFileName: "kubelet",
    primaryPackagePurpose: "APPLICATION",
    checksums: [{ algorithm: "SHA256", checksumValue: sum }],
  };
  const image = {
    ...common(PAUSE_IMAGE, version, "Apache-2.0"),
    SPDXID: id("pause-image"),
    downloadLocation: "NOASSERTION",
    comment:
      "The sandbox image, made by the kubelet itself from machine code in its sources; an OCI image layout in a tar.",
    primaryPackagePurpose: "CONTAINER",
    checksums: [{ algorithm: "SHA256", checksumValue: sha256(pause) }],
  };
  const packages = dependencies.map((one) => ({
    ...common(one.name, one.version, one.licence),
    SPDXID: idOf(one),
    downloadLocation: one.source,
    checksums: [{ algorithm: "SHA512", checksumValue: hexOf(one.integrity) }],
    externalRefs: [purl(`pkg:npm/${one.name.replace("@", "%40")}@${one.version}`)],
  }));
  const parts = Object.entries(nodeParts).flatMap(([name, number]) =>
    NO_PARTS.includes(name) || !number
      ? []
      : [
          {
            ...common(name, number, "NOASSERTION"),
            SPDXID: id(`node-part-${name}`),
            downloadLocation: "NOASSERTION",
            comment: "Built into Node; its licence is in Node's.",
          },
        ],
  );
  const contains = (from: string, to: readonly { readonly SPDXID: string }[]) =>
    to.map(({ SPDXID }) => ({ spdxElementId: from, relationshipType: "CONTAINS", relatedSpdxElement: SPDXID }));
  const document = {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: `kubelet-ts-${version}`,
    documentNamespace: `https://spdx.org/spdxdocs/kubelet-ts-${version}-${sum}`,
    creationInfo: {
      created: time.toISOString().replace(/\.\d+Z$/, "Z"),
      creators: [`Tool: kubelet-ts-build-${version}`],
    },
    packages: [own, ...packages, ...parts, image],
    relationships: [
      { spdxElementId: "SPDXRef-DOCUMENT", relationshipType: "DESCRIBES", relatedSpdxElement: ROOT_ID },
      ...contains(ROOT_ID, [...packages, image]),
      ...(node === undefined ? [] : contains(idOf(node), parts)),
    ],
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

const common = (name: string, versionInfo: string, licence: string) => ({
  name,
  versionInfo,
  supplier: "NOASSERTION",
  filesAnalyzed: false,
  licenseConcluded: "NOASSERTION",
  licenseDeclared: licence,
  copyrightText: "NOASSERTION",
});

const purl = (referenceLocator: string) => ({
  referenceCategory: "PACKAGE-MANAGER",
  referenceType: "purl",
  referenceLocator,
});

const id = (name: string): string => `SPDXRef-Package-${name.replace(/[^A-Za-z0-9.-]+/g, "-").replace(/^-/, "")}`;
/** With the version: npm may have installed two of one package. */
const idOf = ({ name, version }: Dependency): string => id(`${name}-${version}`);
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const hexOf = (integrity: string): string => Buffer.from(integrity.replace(/^sha512-/, ""), "base64").toString("hex");
