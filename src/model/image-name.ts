/**
 * Tag of an image reference: `latest` where it has neither tag nor digest, undefined where it has only a digest, is empty, or is a
 * bare image id, which is no name.
 */
export function imageTag(reference: string): string | undefined {
  if (reference === "" || /^[0-9a-f]{64}$/.test(reference)) return undefined;
  const at = reference.indexOf("@");
  const name = at < 0 ? reference : reference.slice(0, at);
  const colon = name.lastIndexOf(":");
  // A colon before the last slash belongs to the registry's port.
  if (colon > name.lastIndexOf("/")) return name.slice(colon + 1);
  return at < 0 ? "latest" : undefined;
}

/** A moving tag is looked up each time, a fixed one once. */
export const pullPolicyFor = (image: string): string => (imageTag(image) === "latest" ? "Always" : "IfNotPresent");
