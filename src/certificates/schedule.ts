import { type Millis, millis, seconds } from "../base/units.ts";
import { type CertificateFacts, canonicalIp } from "../model/certificate.ts";
import type { CertificateRequest } from "../ports/keys.ts";
import type { Random } from "../ports/random.ts";

/** How long a request waits to be approved and signed; then another one is made. */
export const ISSUE_LIMIT = seconds(15 * 60);
/** Without a certificate for so long, while the server answers: the kubelet ends, and starts anew from its files. */
export const EXIT_AFTER = seconds(5 * 60);

const FIRST_PAUSE = seconds(2);
const DOUBLINGS = 4;
const LAST_PAUSE = seconds(32);

/** When the next certificate is asked for: after 70 to 90 % of this one's life, so that nodes that were made together don't all come at once. */
export function rotationTime({ notBefore, notAfter }: CertificateFacts, random: Pick<Random, "fraction">): Date {
  const life = notAfter.getTime() - notBefore.getTime();
  return new Date(notBefore.getTime() + life * (0.7 + 0.2 * random.fraction()));
}

/** What keeps a certificate from being the one that is wanted; undefined: nothing. It may say more than what is wanted. */
export function shortfall(facts: CertificateFacts, wish: CertificateRequest): string | undefined {
  if (facts.commonName !== wish.commonName)
    return `it is for ${JSON.stringify(facts.commonName)}, not for ${JSON.stringify(wish.commonName)}`;
  const missing = [
    ...without(wish.dnsNames, facts.dnsNames),
    ...without(wish.ipAddresses.map(canonicalIp), facts.ipAddresses),
    ...without(wish.organizations, facts.organizations),
  ];
  return missing.length === 0 ? undefined : `it does not name ${missing.join(", ")}`;
}

const without = (wanted: readonly string[], present: readonly string[]): readonly string[] =>
  wanted.filter((name) => !present.includes(name));

export const isSameWish = (a: CertificateRequest | undefined, b: CertificateRequest | undefined): boolean =>
  JSON.stringify(a) === JSON.stringify(b);

/** The pause after the `failures`-th failure in a row: 2 s, doubled four times, then 32 s; a tenth more by chance. */
export function pauseAfter(failures: number, random: Pick<Random, "fraction">): Millis {
  const pause = failures > DOUBLINGS ? LAST_PAUSE : FIRST_PAUSE * 2 ** (failures - 1);
  return millis(pause * (1 + random.fraction() / 10));
}
