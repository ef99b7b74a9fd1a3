import { isDnsSubdomain } from "../model/check.ts";
import type { DnsConfig } from "../model/runtime.ts";
import { type Finding, ok, problem, warning } from "./finding.ts";

export interface PortFacts {
  /** Option that names it. */
  readonly option: string;
  readonly port: number;
  /** undefined: it is free. */
  readonly taken: { readonly pid?: number; readonly name?: string } | undefined;
  /** Of the kubelet that runs on the root directory. */
  readonly ownPid: number | undefined;
}

export function judgePort({ option, port, taken, ownPid }: PortFacts): readonly Finding[] {
  const about = `port ${port}`;
  if (taken === undefined) return [ok(about, `free, for ${option}`)];
  const holder = taken.pid === undefined ? "another program" : `${taken.name} (pid ${taken.pid})`;
  if (taken.name === "kubelet" || (taken.pid !== undefined && taken.pid === ownPid))
    return [ok(about, `in use by ${holder}, which runs already`)];
  return [problem(about, `in use by ${holder}`, `stop that program, or set ${option} to another port`)];
}

/** @param resolver undefined: the file can't be read or parsed, for the reason `trouble` */
export function judgeResolver(
  path: string,
  resolver: DnsConfig | undefined,
  trouble: string,
  limits: readonly string[],
): readonly Finding[] {
  const about = "DNS";
  if (path === "") return [ok(about, "resolvConf is empty: pods get no resolver of the node's")];
  if (resolver === undefined)
    return [problem(about, `${path}: ${trouble}`, "set resolvConf to the node's resolver file")];
  const { servers } = resolver;
  const loops = servers.filter((server) => /^(127\.|::1$)/.test(server));
  if (loops.length > 0) {
    const stub = loops.includes("127.0.0.53");
    return [
      problem(
        about,
        `${path} names ${loops.join(", ")}, which in a pod is the pod itself: its queries, and CoreDNS', go round in a loop`,
        stub
          ? "set resolvConf: /run/systemd/resolve/resolv.conf, which systemd-resolved writes"
          : "set resolvConf to a file that names the servers behind it",
      ),
    ];
  }
  return [
    servers.length === 0
      ? warning(
          about,
          `${path} names no server`,
          "pods with dnsPolicy Default will find no names; put a nameserver line there",
        )
      : ok(about, `${path}: ${servers.join(", ")}`),
    ...limits.map((text) => warning(about, text, "shorten the search line")),
  ];
}

/** @param addresses what the system's resolver makes of it */
export function judgeNodeName(name: string, addresses: readonly string[], standalone: boolean): readonly Finding[] {
  const about = "node name";
  if (!isDnsSubdomain(name))
    return [
      problem(
        about,
        `${JSON.stringify(name)} is no DNS name`,
        "rename the machine (hostnamectl hostname NAME: a-z, 0-9, - and .), or set --hostname-override",
      ),
    ];
  if (/^localhost(\.|$)/.test(name))
    return [warning(about, name, "give this machine a name of its own: hostnamectl hostname NAME")];
  if (addresses.length > 0 || standalone)
    return [ok(about, addresses.length > 0 ? `${name}, ${addresses.join(", ")}` : name)];
  return [
    warning(
      about,
      `${name} has no address here`,
      "put it into /etc/hosts or DNS: others may look for this node by its name",
    ),
  ];
}

export interface ClockFacts {
  /** As the kernel says, undefined: it does not. */
  readonly synchronized: boolean | undefined;
  readonly now: Date;
}

/** When this was written: a clock before that is wrong. */
const PAST = Date.UTC(2026, 0, 1);

export function judgeClock({ synchronized, now }: ClockFacts): readonly Finding[] {
  const about = "clock";
  if (now.getTime() < PAST)
    return [
      problem(
        about,
        `${now.toISOString()} is in the past: certificates will not be valid`,
        "set it: timedatectl set-ntp true",
      ),
    ];
  if (synchronized === false)
    return [
      warning(
        about,
        `${now.toISOString()}, not synchronised`,
        "run a time service: apt-get install systemd-timesyncd (or chrony)",
      ),
    ];
  return [ok(about, `${now.toISOString()}${synchronized ? ", synchronised" : ""}`)];
}

export interface ServerFacts {
  readonly url: string;
  /** Why it did not answer. */
  readonly trouble?: string;
  readonly status?: number;
  /** Its clock; whole seconds. */
  readonly date?: Date;
  /** Our clock when we asked, and when the answer came. */
  readonly asked: Date;
  readonly answered: Date;
}

/** Milliseconds. Tokens and certificates are dated; kube-apiserver makes them valid from a little before. */
const SKEW_WARNING = 5000;
const SKEW_PROBLEM = 60_000;

export function judgeServer({ url, trouble, status, date, asked, answered }: ServerFacts): readonly Finding[] {
  const about = "API server";
  if (trouble !== undefined) return [problem(about, `${url}: ${trouble}`, adviceFor(trouble))];
  const found = ok(about, `${url} answers (${status})`);
  if (date === undefined || Number.isNaN(date.getTime())) return [found];
  // The header has whole seconds, cut off.
  const early = asked.getTime() - (date.getTime() + 999);
  const late = date.getTime() - answered.getTime();
  const skew = Math.max(0, early, late);
  const seconds = `${Math.round(skew / 1000)} s ${early > late ? "ahead of" : "behind"} that of ${url}`;
  const advice = "run a time service on both: apt-get install systemd-timesyncd (or chrony)";
  if (skew >= SKEW_PROBLEM) return [found, problem("clock", seconds, advice)];
  return skew >= SKEW_WARNING ? [found, warning("clock", seconds, advice)] : [found];
}

function adviceFor(trouble: string): string {
  if (/CERT|self.signed|unable to (get|verify)|altname/i.test(trouble))
    return "certificate-authority-data of the kubeconfig is not the CA of this server; take it from the cluster's ca.crt";
  if (/ENOTFOUND|EAI_AGAIN/.test(trouble))
    return "the name is not known here: look at DNS, or at cluster.server of the kubeconfig";
  return "look at cluster.server of the kubeconfig, at firewalls on the way, and whether the API server runs";
}
