import { type Amounts, isHugePages } from "../model/pod-resources.ts";
import { quantityUnits } from "../model/quantity.ts";

/** 2^62: what the kubelet writes for "no bound of ours". */
const UNBOUNDED = 2 ** 62;
const UNITS = ["B", "KB", "MB", "GB", "TB", "PB"] as const;

/** "hugepages-2Mi" -> "2MB", as the kernel's files are named; undefined for a size of no such name. */
export function pageSizeOf(resource: string): string | undefined {
  if (!isHugePages(resource)) return undefined;
  let size = quantityUnits(resource.slice("hugepages-".length));
  let unit = 0;
  while (size > 0 && size % 1024 === 0 && unit < UNITS.length - 1) {
    size /= 1024;
    unit++;
  }
  return size > 0 ? `${size}${UNITS[unit]}` : undefined;
}

/** A limit for each page size that the host knows, 0 where the amounts ask for none: huge pages are never given unasked. */
export function hugepageLimits(amounts: Amounts, sizes: readonly string[]): { readonly [pageSize: string]: number } {
  const asked = new Map(
    Object.entries(amounts).flatMap(([resource, amount]) => {
      const size = pageSizeOf(resource);
      return size === undefined ? [] : [[size, amount] as const];
    }),
  );
  return Object.fromEntries(sizes.map((size) => [size, asked.get(size) ?? 0]));
}

export const unboundedHugepages = (sizes: readonly string[]): { readonly [pageSize: string]: number } =>
  Object.fromEntries(sizes.map((size) => [size, UNBOUNDED]));
