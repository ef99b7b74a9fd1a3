import { LABEL_POD_UID } from "../model/names.ts";
import type { ContainerSummary, SandboxSummary } from "../model/runtime.ts";

/** What the runtime lists: of everything, or of one pod. */
export interface Listing {
  readonly sandboxes: readonly SandboxSummary[];
  readonly containers: readonly ContainerSummary[];
}

/** Pod UID -> its part of a whole listing. Containers that carry no pod's label are nobody's. */
export function groupByPod({ sandboxes, containers }: Listing): ReadonlyMap<string, Listing> {
  const listings = new Map<string, { readonly sandboxes: SandboxSummary[]; readonly containers: ContainerSummary[] }>();
  const of = (uid: string) => {
    const listing = listings.get(uid) ?? { sandboxes: [], containers: [] };
    listings.set(uid, listing);
    return listing;
  };
  for (const sandbox of sandboxes) of(sandbox.metadata.uid).sandboxes.push(sandbox);
  for (const container of containers) {
    const uid = container.labels[LABEL_POD_UID];
    if (uid) of(uid).containers.push(container);
  }
  return listings;
}
