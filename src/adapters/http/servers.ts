import { constants, type X509Certificate } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { DEFAULT_CIPHERS, type TLSSocket } from "node:tls";
import type { Log } from "../../base/log.ts";
import type { HttpPeer, HttpServers, TlsSettings } from "../../ports/http-server.ts";
import { type ExchangeDeps, exchangeWith } from "./exchange.ts";
import { LIMITS, listenOnPort, MAX_CONNECTIONS } from "./listen.ts";
import { listenOnSocket } from "./unix-socket.ts";
import { shouldUpgrade, upgradeWith } from "./upgrade.ts";

const OPTIONS = { ...LIMITS, shouldUpgradeCallback: shouldUpgrade };

const LONGEST_CHAIN = 8;

/** Listeners of this machine. */
export function createHttpServers(log: Log): HttpServers {
  return {
    plain(at, handler) {
      const server = createServer(OPTIONS);
      return listenOnPort(server, at, answerOn(server, { handler, peerOf: () => ({ kind: "plain" }), log }));
    },
    local(path, handler) {
      const server = createServer(OPTIONS);
      return listenOnSocket(server, path, answerOn(server, { handler, peerOf: () => ({ kind: "local" }), log }));
    },

    async tls(at, settings, handler) {
      // Not by import(): esbuild takes node:https for a chunk of its own, whose exports are then only a default.
      const https = process.getBuiltinModule("node:https");
      const server = https.createServer({
        ...OPTIONS,
        ...tlsOptions(settings),
        handshakeTimeout: 10_000,
        ALPNProtocols: ["http/1.1"],
      });
      const endUpgraded = answerOn(server, { handler, peerOf: tlsPeer, log });
      server.on("tlsClientError", (error) => log.debug(4, "TLS handshake failed", { err: error.message }));
      const listener = await listenOnPort(server, at, endUpgraded);
      return { ...listener, update: (fresh) => server.setSecureContext(tlsOptions(fresh)) };
    },

    async selfSigned(host, now) {
      const { makeSelfSigned } = await import("./self-signed.ts");
      return makeSelfSigned(host, now);
    },
  };
}

/** Returns what ends the connections that were upgraded. */
function answerOn(server: Server, deps: ExchangeDeps): () => void {
  server.on("request", exchangeWith(deps));
  return upgradeWith(server, deps, (upgraded) => {
    // Streams of those who were let in take no place from others.
    server.maxConnections = MAX_CONNECTIONS + upgraded;
  });
}

function tlsOptions({ pair, clientCa, minVersion, ciphers, curves }: TlsSettings) {
  const old = minVersion === "TLSv1" || minVersion === "TLSv1.1";
  const list = ciphers ?? (old ? DEFAULT_CIPHERS : undefined);
  return {
    ...pair,
    minVersion,
    // Without a resumed session every handshake shows the whole chain, and is judged by the CAs of now.
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
    honorCipherOrder: true,
    ...(list === undefined ? {} : { ciphers: old ? `${list}:@SECLEVEL=0` : list }),
    ...(curves === undefined ? {} : { ecdhCurve: curves }),
    // Asked for, not required: who comes without one may still be anonymous, and is told by a status code.
    requestCert: clientCa !== undefined,
    rejectUnauthorized: false,
    ...(clientCa === undefined ? {} : { ca: clientCa }),
  };
}

const peers = new WeakMap<TLSSocket, HttpPeer>();

function tlsPeer({ socket }: IncomingMessage): HttpPeer {
  const tls = socket as TLSSocket;
  const known = peers.get(tls);
  if (known !== undefined) return known;
  const peer: HttpPeer = { kind: "tls", chain: chainOf(tls.getPeerX509Certificate()), verified: tls.authorized };
  peers.set(tls, peer);
  return peer;
}

function chainOf(leaf: X509Certificate | undefined): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (let at = leaf; at !== undefined && chain.length < LONGEST_CHAIN; at = at.issuerCertificate) {
    if (chain.at(-1)?.fingerprint256 === at.fingerprint256) break;
    chain.push(at);
  }
  return chain;
}
