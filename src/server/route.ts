/** What a request asks for. `no-route` and `moved` are answered without asking who the client is, as upstream does. */
export type Route =
  | { readonly kind: "health"; readonly check: string | undefined }
  | { readonly kind: "metrics" }
  | { readonly kind: "probe-metrics" }
  | { readonly kind: "pods" }
  | { readonly kind: "running-pods" }
  | { readonly kind: "configz" }
  | { readonly kind: "container-logs"; readonly namespace: string; readonly pod: string; readonly container: string }
  | ({ readonly kind: "exec" | "attach" | "run"; readonly container: string } & PodPath)
  | ({ readonly kind: "port-forward" } & PodPath)
  | { readonly kind: "summary" }
  | { readonly kind: "resource-metrics" }
  | { readonly kind: "local"; readonly what: readonly string[] }
  /** Upstream serves it, this release doesn't. */
  | { readonly kind: "not-yet"; readonly what: string }
  | { readonly kind: "wrong-method"; readonly allow: string }
  /** Below a known root, but nothing is there. */
  | { readonly kind: "not-found" }
  | { readonly kind: "no-route" }
  | { readonly kind: "debug-off"; readonly text: string }
  | { readonly kind: "moved"; readonly to: string };

/** A pod as a path names it. */
export interface PodPath {
  readonly namespace: string;
  readonly pod: string;
  readonly uid?: string;
}

/** What a client must be allowed to do with the node: `verb` on one of the subresources, tried left to right. */
export interface Guard {
  readonly verb: string;
  readonly subresources: readonly string[];
}

export interface RouteOptions {
  /** enableDebuggingHandlers */
  readonly debugging: boolean;
  readonly systemLogs: boolean;
  readonly profiling: boolean;
  readonly debugFlags: boolean;
  /** The request came by the local socket. */
  readonly local: boolean;
}

interface Entry {
  /** First segments of the path. */
  readonly root: string;
  /** undefined: any. */
  readonly methods?: readonly string[];
  /** Gone without enableDebuggingHandlers: `405` says so, `404` knows nothing of it. */
  readonly debug?: 404 | 405;
  /** A path below the root is another one, not this one's. */
  readonly exact?: true;
  /** The root alone, without a slash, is moved to it with a slash. */
  readonly slash?: true;
  /** Subresources that open it. Default: `proxy` alone. */
  readonly opens?: readonly string[];
  /** Whoever may only look (`get`) may not: a WebSocket comes as a GET, and what it does is the same. */
  readonly acts?: true;
  readonly route: (rest: readonly string[]) => Route;
}

const GET = ["GET"];
const HEALTH = ["healthz", "proxy"];
const PODS = ["pods", "proxy"];
const NOT_FOUND: Route = { kind: "not-found" };
const alone =
  (route: Route) =>
  (rest: readonly string[]): Route =>
    rest.length === 0 ? route : NOT_FOUND;
const notYet = (what: string) => (): Route => ({ kind: "not-yet", what });
const health = (check?: string): Entry => ({
  root: check === undefined ? "/healthz" : `/healthz/${check}`,
  exact: true,
  opens: HEALTH,
  route: alone({ kind: "health", check }),
});
const metrics = (root: string, route: Route): Entry => ({ root, exact: true, opens: ["metrics"], route: alone(route) });

/** `{ns}/{pod}/{container}` or `{ns}/{pod}/{uid}/{container}` */
const containerRoute =
  (kind: "exec" | "attach" | "run") =>
  ([namespace, pod, ...rest]: readonly string[]): Route => {
    const [uid, container] = rest.length === 2 ? rest : [undefined, rest[0]];
    if (!namespace || !pod || !container || uid === "" || rest.length > 2) return NOT_FOUND;
    return { kind, namespace, pod, container, ...(uid === undefined ? {} : { uid }) };
  };

/** `{ns}/{pod}` or `{ns}/{pod}/{uid}` */
function portForwardRoute([namespace, pod, uid, ...rest]: readonly string[]): Route {
  if (!namespace || !pod || uid === "" || rest.length > 0) return NOT_FOUND;
  return { kind: "port-forward", namespace, pod, ...(uid === undefined ? {} : { uid }) };
}

const stream = (root: string, route: Entry["route"], methods: readonly string[] = ["GET", "POST"]): Entry => ({
  root,
  methods,
  debug: 405,
  slash: true,
  acts: true,
  route,
});

/** The routes of kubelet-surface.md 3.2. The longest root wins. */
const ENTRIES: readonly Entry[] = [
  health(),
  health("ping"),
  health("log"),
  health("syncloop"),
  { root: "/healthz/device-plugin", exact: true, opens: HEALTH, route: notYet("/healthz/device-plugin") },
  metrics("/metrics", { kind: "metrics" }),
  metrics("/metrics/resource", { kind: "resource-metrics" }),
  metrics("/metrics/probes", { kind: "probe-metrics" }),
  ...["/metrics/cadvisor", "/metrics/slis"].map((what) => metrics(what, { kind: "not-yet", what })),
  {
    root: "/stats",
    methods: ["GET", "POST"],
    opens: ["stats"],
    route: ([what, ...rest]) => (what === "summary" && rest.length === 0 ? { kind: "summary" } : NOT_FOUND),
  },
  { root: "/pods", methods: GET, opens: PODS, route: alone({ kind: "pods" }) },
  { root: "/runningpods", methods: GET, debug: 405, slash: true, opens: PODS, route: alone({ kind: "running-pods" }) },
  { root: "/configz", debug: 404, exact: true, opens: ["configz", "proxy"], route: alone({ kind: "configz" }) },
  {
    root: "/containerLogs",
    methods: GET,
    debug: 405,
    route: ([namespace, pod, container, ...rest]) =>
      namespace && pod && container && rest.length === 0
        ? { kind: "container-logs", namespace, pod, container }
        : NOT_FOUND,
  },
  stream("/exec", containerRoute("exec")),
  stream("/attach", containerRoute("attach")),
  stream("/portForward", portForwardRoute),
  stream("/run", containerRoute("run"), ["POST"]),
  { root: "/checkpoint", methods: ["POST"], debug: 404, opens: ["checkpoint"], route: notYet("/checkpoint") },
  { root: "/logs", methods: GET, debug: 405, slash: true, opens: ["log"], route: notYet("/logs") },
  { root: "/debug/pprof", methods: GET, debug: 405, route: notYet("/debug/pprof") },
  { root: "/debug/flags/v", debug: 404, exact: true, route: notYet("/debug/flags/v") },
  { root: "/flagz", debug: 404, exact: true, opens: ["configz"], route: notYet("/flagz") },
  { root: "/statusz", debug: 404, exact: true, opens: ["statusz"], route: notYet("/statusz") },
];
const LOCAL: Entry = { root: "/local", methods: GET, route: (what) => ({ kind: "local", what }) };

/** Finds what `path` (percent-encoded, no query) asks for. Pure. */
export function routeOf(method: string, path: string, options: RouteOptions): Route {
  const entry = entryOf(path, options.local ? [...ENTRIES, LOCAL] : ENTRIES);
  if (entry === undefined) return { kind: "no-route" };
  const off = switchedOff(entry, options);
  if (off !== undefined) return off;
  if (entry.slash && path === entry.root) return { kind: "moved", to: `${entry.root}/` };
  const rest = segments(path.slice(entry.root.length));
  const route = rest === undefined ? NOT_FOUND : entry.route(rest);
  if (route.kind === "not-found" || entry.methods === undefined || entry.methods.includes(method)) return route;
  return { kind: "wrong-method", allow: entry.methods.join(", ") };
}

const VERBS: { readonly [method: string]: string } = {
  POST: "create",
  GET: "get",
  PUT: "update",
  PATCH: "patch",
  DELETE: "delete",
};

/** What whoever asks this must be allowed to do (kubelet-surface.md 3.3). It is read from the same entry as the route. Pure. */
export function guardOf(method: string, path: string): Guard {
  const entry = entryOf(path, ENTRIES);
  const verb = Object.hasOwn(VERBS, method) ? (VERBS[method] ?? "") : "";
  return { verb: entry?.acts && verb === "get" ? "create" : verb, subresources: entry?.opens ?? ["proxy"] };
}

const entryOf = (path: string, entries: readonly Entry[]): Entry | undefined =>
  entries.filter((one) => covers(one, path)).sort((a, b) => b.root.length - a.root.length)[0];

const covers = ({ root, exact }: Entry, path: string): boolean =>
  path === root || (!exact && path.startsWith(`${root}/`));

function switchedOff({ root, debug }: Entry, options: RouteOptions): Route | undefined {
  if (debug !== undefined && !options.debugging) {
    return debug === 404 ? { kind: "no-route" } : { kind: "debug-off", text: "Debug endpoints are disabled." };
  }
  const closed = (what: string): Route => ({ kind: "debug-off", text: `${what} endpoint is disabled.` });
  if (root === "/logs" && !options.systemLogs) return closed("logs");
  if (root === "/debug/pprof" && !options.profiling) return closed("profiling");
  if (root === "/debug/flags/v" && !options.debugFlags) return closed("flags");
  return undefined;
}

/** undefined: not percent-encoded UTF-8. A trailing slash counts for nothing. */
function segments(rest: string): readonly string[] | undefined {
  try {
    return rest
      .split("/")
      .slice(1)
      .filter((part, at, all) => part !== "" || at < all.length - 1)
      .map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

/** The `path` label of the request metrics: the first segment when it is a known one (`metrics/<x>` whole), else `other`. */
export function pathLabel(path: string): string {
  if (ENTRIES.some(({ root, exact }) => exact && root.startsWith("/metrics/") && root === path)) return path.slice(1);
  const first = path.split("/")[1] ?? "";
  return ENTRIES.some(({ root }) => root.split("/")[1] === first) ? first : "other";
}

const METHOD_LABELS = ["OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "CONNECT"];

/** The `method` label, of a closed set too. */
export const methodLabel = (method: string): string => (METHOD_LABELS.includes(method) ? method : "other");
