import { test } from "node:test";
import { Bell } from "../base/bell.ts";
import { silentLog } from "../base/log.ts";
import { seconds } from "../base/units.ts";
import type { ServingPair, TlsSettings } from "../ports/http-server.ts";
import { openServer, type ServerDeps, type ServerOptions } from "./index.ts";

const CERT = "/tls.crt";
const KEY = "/tls.key";
const OPTIONS: ServerOptions = {
  health: undefined,
  main: { host: "127.0.0.1", port: 0 },
  socketPath: "/kubelet.sock",
  access: {
    clientCaFile: "",
    anonymous: false,
    webhookAuthentication: false,
    authorizationMode: "AlwaysAllow",
    standalone: true,
  },
  reviews: { nodeName: "n1", tokenTtl: seconds(1), allowedTtl: seconds(1), deniedTtl: seconds(1) },
  pair: { certFile: CERT, keyFile: KEY, certDirectory: "/pki", hostName: "n1" },
  tls: { minVersion: "VersionTLS12", cipherSuites: [], curves: [] },
  routes: { debugging: true, systemLogs: true, profiling: true, debugFlags: true },
  splitStreams: false,
  webSocketStreams: true,
};

/** Files in memory, and a listener that takes a pair only where both are of the same number. */
function fakes() {
  const files = new Map([
    [CERT, "cert 1"],
    [KEY, "key 1"],
  ]);
  const bells = new Map([CERT, KEY].map((path) => [path, new Bell()]));
  const tried: (ServingPair | undefined)[] = [];
  const listener = { address: "", async [Symbol.asyncDispose]() {} };
  const deps = {
    log: silentLog,
    files: {
      read: async (path: string) => Buffer.from(files.get(path) ?? ""),
      async *watch(path: string, signal: AbortSignal) {
        for (;;) {
          yield;
          await bells.get(path)?.wait(signal);
        }
      },
    },
    http: {
      local: async () => listener,
      tls: async () => ({
        ...listener,
        update: ({ pair }: TlsSettings) => {
          tried.push(pair);
          if (pair?.cert.at(-1) !== pair?.key.at(-1)) throw new Error("key values mismatch");
        },
      }),
    },
  } as unknown as ServerDeps;
  const write = (path: string, text: string) => {
    files.set(path, text);
    bells.get(path)?.ring();
  };
  const until = async (isSo: (newest: ServingPair | undefined) => boolean) => {
    while (!isSo(tried.at(-1))) await new Promise((resolve) => setImmediate(resolve));
  };
  return { deps, until, write };
}

for (const [first, last] of [
  [CERT, KEY],
  [KEY, CERT],
] as const)
  test(`a renewed serving pair is served, also when ${last} comes later than ${first}`, {
    timeout: 60_000,
  }, async () => {
    const { deps, until, write } = fakes();
    await using server = await openServer(OPTIONS, deps, new AbortController().signal);
    await server.main;
    const renewed = { [CERT]: "cert 2", [KEY]: "key 2" };
    write(first, renewed[first]);
    await until((newest) => newest !== undefined);
    write(last, renewed[last]);
    await until((newest) => newest?.cert === "cert 2" && newest.key === "key 2");
  });
