const LEAST_SHARES = 2;
const MOST_SHARES = 262144;
const SHARES_OF_ONE_CPU = 1024;
const LEAST_QUOTA = 1000;

/** CFS shares of thousandths of a core; nothing asked for is 2, because the kernel takes "unset" for a whole core. */
export function sharesOf(millicores: number): number {
  const shares = Math.floor((millicores * SHARES_OF_ONE_CPU) / 1000);
  return Math.min(Math.max(shares, LEAST_SHARES), MOST_SHARES);
}

/** CFS quota in microseconds per period; 0 (unset) without a limit, never below the kernel's 1 ms. */
export function quotaOf(millicores: number, periodMicros: number): number {
  if (millicores === 0) return 0;
  return Math.max(Math.floor((millicores * periodMicros) / 1000), LEAST_QUOTA);
}
