/** An image name taken apart, the registry and the `library/` that short names leave out filled in. */
export interface ImageReference {
  /** Host with port: `docker.io`, `127.0.0.1:5000`. */
  readonly registry: string;
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

const LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
const REGISTRY = new RegExp(`^(?:${LABEL}(?:\\.${LABEL})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`);
const PART = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
const REPOSITORY = new RegExp(`^${PART}(?:/${PART})*$`);
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})$/;
const LENGTH_MAX = 255;

/** Reads an image name as registries do; a text for people when it is none. */
export function parseImage(image: string): ImageReference | string {
  if (/^[a-f0-9]{64}$/.test(image)) return "it is an image id, not a name";
  const [named = "", digest, ...more] = image.split("@");
  if (more.length > 0 || (digest !== undefined && !DIGEST.test(digest))) return "invalid reference format: bad digest";
  const colon = named.lastIndexOf(":");
  const tagged = colon > named.lastIndexOf("/");
  const tag = tagged ? named.slice(colon + 1) : undefined;
  if (tag !== undefined && !TAG.test(tag)) return "invalid reference format: bad tag";
  const { registry, repository } = split(tagged ? named.slice(0, colon) : named);
  if (repository !== repository.toLowerCase()) {
    return `invalid reference format: repository name (${repository}) must be lowercase`;
  }
  if (!REGISTRY.test(registry) || !REPOSITORY.test(repository)) return "invalid reference format";
  if (registry.length + repository.length >= LENGTH_MAX) return "repository name must not be more than 255 characters";
  return { registry, repository, tag, digest };
}

/** The first part is a registry only if it can't be a user's name. */
function split(name: string): { readonly registry: string; readonly repository: string } {
  const slash = name.indexOf("/");
  const first = name.slice(0, Math.max(slash, 0));
  const isRegistry = /[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase();
  const registry = isRegistry ? first : "docker.io";
  const path = isRegistry ? name.slice(slash + 1) : name;
  if (registry !== "docker.io" && registry !== "index.docker.io") return { registry, repository: path };
  return { registry: "docker.io", repository: path.includes("/") ? path : `library/${path}` };
}

/** The name as given, with `:latest` where it has neither tag nor digest; nothing else is filled in. */
export const withDefaultTag = (image: string, { tag, digest }: ImageReference): string =>
  tag === undefined && digest === undefined ? `${image}:latest` : image;
