/** Counts what kubelets ask of the API server, by its own audit log: whatever a program says of itself, here is every request. */
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { nodeSubject } from "../../scripts/lib/cluster/pki.ts";

export interface LoggedRequest {
  readonly verb: string;
  readonly resource: string;
  /** Of a watch: what it is of, and how long it is asked to last. */
  readonly watch: { readonly of: string; readonly seconds: number } | undefined;
}

export class RequestLog {
  readonly #file: string;
  readonly #policy: string;

  /** Writes the policy: one line for each request of a node as it comes, and none for the control plane's own. */
  constructor(file: string, policy: string, nodeNames: readonly string[]) {
    this.#file = file;
    this.#policy = policy;
    const users = nodeNames.map((name) => nodeSubject(name).commonName);
    const rules = [{ level: "Metadata", users }, { level: "None" }];
    const omitStages = ["ResponseStarted", "ResponseComplete", "Panic"];
    writeFileSync(policy, JSON.stringify({ apiVersion: "audit.k8s.io/v1", kind: "Policy", omitStages, rules }));
  }

  get apiServerArgs(): readonly string[] {
    return [`--audit-policy-file=${this.#policy}`, `--audit-log-path=${this.#file}`];
  }

  /** Now, as a place in the log. */
  mark(): number {
    return existsSync(this.#file) ? statSync(this.#file).size : 0;
  }

  /** Requests of a node between two marks. */
  between(nodeName: string, from: number, to: number): readonly LoggedRequest[] {
    const { commonName } = nodeSubject(nodeName);
    return readFileSync(this.#file)
      .subarray(from, to)
      .toString()
      .split("\n")
      .filter((line) => line !== "")
      .map((line): AuditEvent => JSON.parse(line))
      .filter(({ user }) => user.username === commonName)
      .map(({ verb, objectRef, requestURI }) => ({
        verb,
        resource: objectRef ? [objectRef.resource, objectRef.subresource].filter(Boolean).join("/") : requestURI,
        watch: verb === "watch" ? watchOf(requestURI) : undefined,
      }));
  }
}

function watchOf(uri: string): LoggedRequest["watch"] {
  const { pathname, searchParams } = new URL(uri, "https://api");
  const seconds = Number(searchParams.get("timeoutSeconds"));
  return { of: `${pathname} ${searchParams.get("fieldSelector") ?? ""}`, seconds };
}

/** As much of audit.k8s.io/v1 Event as is looked at. */
interface AuditEvent {
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username: string };
  readonly objectRef?: { readonly resource?: string; readonly subresource?: string };
}
