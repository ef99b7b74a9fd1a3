import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { type PauseArch, pauseProgram } from "./pause-program.ts";
import { tar } from "./tar.ts";

/** Never pulled: no registry has that name. Image garbage collection must spare it; containerd 1.6 doesn't report it as pinned. */
export const PAUSE_IMAGE = "kubelet.local/pause:1";

const CONFIG_TYPE = "application/vnd.oci.image.config.v1+json";
const LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar";
const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";

/**
 * The sandbox image as an OCI image layout in one tar, for `ctr images import`. The same bytes at every call.
 * https://github.com/opencontainers/image-spec/blob/main/image-layout.md
 */
export function pauseArchive(arch: PauseArch): Uint8Array {
  const layer = tar([{ name: "pause", mode: 0o755, content: pauseProgram(arch) }]);
  const config = json({
    architecture: arch,
    os: "linux",
    created: "1970-01-01T00:00:00Z",
    config: { Entrypoint: ["/pause"], User: "65535:65535" },
    rootfs: { type: "layers", diff_ids: [digest(layer)] },
  });
  const manifest = json({
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: descriptor(CONFIG_TYPE, config),
    layers: [descriptor(LAYER_TYPE, layer)],
  });
  const index = json({
    schemaVersion: 2,
    manifests: [
      {
        ...descriptor(MANIFEST_TYPE, manifest),
        platform: { architecture: arch, os: "linux" },
        annotations: { "io.containerd.image.name": PAUSE_IMAGE, "org.opencontainers.image.ref.name": "1" },
      },
    ],
  });
  const blobs = [layer, config, manifest].map((content) => ({
    name: `blobs/sha256/${digest(content).slice("sha256:".length)}`,
    mode: 0o644,
    content,
  }));
  return tar([
    { name: "oci-layout", mode: 0o644, content: json({ imageLayoutVersion: "1.0.0" }) },
    { name: "index.json", mode: 0o644, content: index },
    ...blobs,
  ]);
}

const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
const digest = (content: Uint8Array): string => `sha256:${createHash("sha256").update(content).digest("hex")}`;
const descriptor = (mediaType: string, content: Uint8Array) => ({
  mediaType,
  digest: digest(content),
  size: content.length,
});
