import { headers, int32s, texts } from "../codecs-list.ts";
import { bool, duration, int32, ip, text } from "../codecs-scalar.ts";
import { option } from "../option.ts";
import { oneOf, PORT, PORT_OR_OFF } from "../rules.ts";
import { ciphersProblem, curvesProblem } from "../tls-names.ts";

export const SERVER = {
  enableServer: option(bool, true, { flag: "enable-server", effect: "yes", help: "Serve the authenticated port" }),
  address: option(ip, "0.0.0.0", { flag: "address", effect: "yes", help: "Address that the pod API ports listen on" }),
  port: option(int32, 10250, { flag: "port", effect: "yes", zero: "unset", help: "The authenticated port", ...PORT }),
  readOnlyPort: option(int32, 0, {
    flag: "read-only-port",
    effect: "not-yet",
    help: "Port without authentication, 0 for none",
    ...PORT_OR_OFF,
  }),
  healthzPort: option(int32, 10248, {
    flag: "healthz-port",
    effect: "yes",
    help: "Port of the local health endpoint, 0 for none",
    ...PORT_OR_OFF,
  }),
  healthzBindAddress: option(ip, "127.0.0.1", {
    flag: "healthz-bind-address",
    effect: "yes",
    help: "Address of the local health endpoint",
  }),
  tlsCertFile: option(text, "", {
    flag: "tls-cert-file",
    effect: "yes",
    path: true,
    help: "Serving certificate, with its chain; empty: self-signed",
  }),
  tlsPrivateKeyFile: option(text, "", {
    flag: "tls-private-key-file",
    effect: "yes",
    path: true,
    help: "Private key of the serving certificate",
  }),
  tlsCipherSuites: option(texts, [], {
    flag: "tls-cipher-suites",
    effect: "yes",
    help: "Cipher suites up to TLS 1.2, by their Go names; empty: the runtime's choice",
    rule: "names that Go knows",
    check: ciphersProblem,
  }),
  tlsCurvePreferences: option(int32s, [], {
    effect: "yes",
    help: "Key exchange groups, by their numbers in the TLS registry; the order means nothing",
    rule: "1 to 65535, known to Go, no duplicates",
    check: curvesProblem,
  }),
  tlsMinVersion: option(text, "", {
    flag: "tls-min-version",
    effect: "yes",
    help: "Lowest TLS version; empty means VersionTLS12",
    ...oneOf("", "VersionTLS10", "VersionTLS11", "VersionTLS12", "VersionTLS13"),
  }),
  rotateCertificates: option(bool, false, {
    flag: "rotate-certificates",
    effect: "yes",
    help: "Renew the client certificate through the API server",
  }),
  serverTLSBootstrap: option(bool, false, {
    flag: "rotate-server-certificates",
    effect: "yes",
    help: "Ask the API server for the serving certificate",
    rule: "needs gate RotateKubeletServerCertificate",
  }),
  enableDebuggingHandlers: option(bool, true, {
    flag: "enable-debugging-handlers",
    effect: "yes",
    help: "Serve logs, exec and the other handlers that look into pods",
  }),
  enableContentionProfiling: option(bool, false, {
    flag: "contention-profiling",
    effect: "not-yet",
    help: "Profile lock contention (Go only)",
  }),
  enableProfilingHandler: option(bool, true, { effect: "not-yet", help: "Serve /debug/pprof/" }),
  enableDebugFlagsHandler: option(bool, true, { effect: "not-yet", help: "Serve /debug/flags/v" }),
  enableSystemLogHandler: option(bool, true, { effect: "not-yet", help: "Serve the files of /var/log at /logs/" }),
  enableSystemLogQuery: option(bool, false, {
    effect: "not-yet",
    help: "Answer log queries at /logs/",
    rule: "needs enableSystemLogHandler",
  }),
  streamingConnectionIdleTimeout: option(duration, "4h0m0s", {
    flag: "streaming-connection-idle-timeout",
    effect: "not-yet",
    help: "Without effect since v1.34, upstream too",
  }),
} as const;

export const STATIC_PODS = {
  staticPodPath: option(text, "", {
    flag: "pod-manifest-path",
    effect: "yes",
    path: true,
    help: "File or directory of static pods; files that begin with a dot are skipped",
  }),
  fileCheckFrequency: option(duration, "20s", {
    flag: "file-check-frequency",
    effect: "yes",
    help: "Period between looks at staticPodPath, beside watching it",
  }),
  staticPodURL: option(text, "", { flag: "manifest-url", effect: "yes", help: "URL that serves more static pods" }),
  staticPodURLHeader: option(
    headers,
    {},
    { flag: "manifest-url-header", effect: "yes", secret: true, help: "Headers of the requests to staticPodURL" },
  ),
  httpCheckFrequency: option(duration, "20s", {
    flag: "http-check-frequency",
    effect: "yes",
    help: "Period between requests to staticPodURL",
  }),
} as const;

export const ACCESS = {
  "authentication.x509.clientCAFile": option(text, "", {
    flag: "client-ca-file",
    effect: "yes",
    path: true,
    help: "CA bundle that client certificates are checked against",
  }),
  "authentication.anonymous.enabled": option(bool, false, {
    flag: "anonymous-auth",
    effect: "yes",
    help: "Let requests without credentials in as system:anonymous",
  }),
  "authentication.webhook.enabled": option(bool, true, {
    flag: "authentication-token-webhook",
    effect: "yes",
    help: "Check bearer tokens with the API server",
  }),
  "authentication.webhook.cacheTTL": option(duration, "2m0s", {
    flag: "authentication-token-webhook-cache-ttl",
    effect: "yes",
    help: "How long an answer on a token is kept",
  }),
  "authorization.mode": option(text, "Webhook", {
    flag: "authorization-mode",
    effect: "yes",
    help: "Who may do what: AlwaysAllow, or ask the API server (Webhook)",
    ...oneOf("AlwaysAllow", "Webhook"),
  }),
  "authorization.webhook.cacheAuthorizedTTL": option(duration, "5m0s", {
    flag: "authorization-webhook-cache-authorized-ttl",
    effect: "yes",
    help: "How long a yes of the API server is kept",
  }),
  "authorization.webhook.cacheUnauthorizedTTL": option(duration, "30s", {
    flag: "authorization-webhook-cache-unauthorized-ttl",
    effect: "yes",
    help: "How long any other answer of the API server is kept",
  }),
} as const;
