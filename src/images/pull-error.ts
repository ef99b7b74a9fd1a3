import { isFault, runtimeText } from "../base/fault.ts";
import { parseImage } from "./reference.ts";

export type PullFailure = "ErrImagePull" | "RegistryUnavailable" | "SignatureValidationFailed";

const CAUSES: readonly { readonly sign: RegExp; readonly say: (image: string, registry: string) => string }[] = [
  {
    sign: /\b401\b|unauthorized|authorization failed|no basic auth credentials|authentication required|\b403\b|denied/i,
    say: (_, registry) => `registry ${registry} wants other credentials than this node has`,
  },
  {
    sign: /not found|\b404\b|manifest unknown|name unknown/i,
    say: (image, registry) => `image ${image} does not exist at registry ${registry}`,
  },
  {
    sign: /connection refused|connection reset|no such host|i\/o timeout|dial tcp|network is unreachable|no route to host|TLS handshake timeout/i,
    say: (_, registry) => `registry ${registry} can't be reached`,
  },
  { sign: /no space left on device/i, say: () => "the disk for images is full" },
];

/** Reason and text for a failed pull: in plain words where the cause is known, then what the runtime said. */
export function explainPullError(
  image: string,
  error: unknown,
): { readonly reason: PullFailure; readonly message: string } {
  const text = runtimeText(error);
  for (const [reason, words] of [
    ["RegistryUnavailable", "the registry is unavailable"],
    ["SignatureValidationFailed", "the signature validation failed"],
  ] as const) {
    const [, rest] = new RegExp(`(?:^|desc = |: )${reason}(.*)$`, "s").exec(text) ?? [];
    if (rest !== undefined) return { reason, message: `image pull failed for ${image} because ${words}${rest}` };
  }
  // Anything else is about the way to the runtime, not about the registry.
  if (!isFault(error, "runtime-refused") && !isFault(error, "runtime-not-found")) {
    return { reason: "ErrImagePull", message: text };
  }
  const reference = parseImage(image);
  const registry = typeof reference === "string" ? "" : reference.registry;
  const cause = CAUSES.find(({ sign }) => sign.test(text))?.say(image, registry);
  return { reason: "ErrImagePull", message: cause === undefined ? text : `${cause}: ${text}` };
}
