import { constants } from "node:fs";
import * as fs from "node:fs/promises";
import * as http from "node:http";
import * as https from "node:https";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import type { Clock } from "../../ports/clock.ts";
import type { MachineReader } from "../../ports/machine-reader.ts";
import { programDirs } from "../containerd/binaries.ts";
import { holderOfPort } from "../http/port-holder.ts";
import { createFiles } from "./files.ts";
import { libc } from "./libc.ts";
import { createNodeFacts } from "./node-facts.ts";

const MAX_TEXT = 1024 * 1024;

export function createMachineReader(cgroupVersion: 1 | 2, clock: Clock, path: string): MachineReader {
  const files = createFiles();
  const facts = createNodeFacts(cgroupVersion, clock);
  const folders = programDirs(path);
  return {
    async text(file) {
      const content = await files.read(file, MAX_TEXT).catch(() => undefined);
      return content && new TextDecoder().decode(content);
    },
    names: async (folder) => (await fs.readdir(folder).catch(() => [])).sort(),
    async hasProgram(name) {
      const found = folders.map((folder) =>
        fs.access(join(folder, name), constants.X_OK).then(
          () => true,
          () => false,
        ),
      );
      return (await Promise.all(found)).includes(true);
    },
    portHolder: async (host, port) => ((await canListen(host, port)) ? undefined : ((await holderOfPort(port)) ?? {})),
    isClockSynchronized: () =>
      libc()
        .then((c) => c.isClockSynchronized())
        .catch(() => undefined),
    async space(file, signal) {
      let there = file;
      while ((await files.statFollow(there).catch(() => undefined)) === undefined && there !== dirname(there))
        there = dirname(there);
      return facts.space(there, signal);
    },
    lookup: (name, signal) => facts.lookup(name, signal),
    ask,
  };
}

function canListen(host: string, port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  // An address that this machine does not have is another finding's matter.
  server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code !== "EADDRINUSE"));
  server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  return promise;
}

const ask: MachineReader["ask"] = (url, { ca, serverName, insecure }, signal) => {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; date: string | undefined }>();
  const options = {
    signal,
    agent: false,
    rejectUnauthorized: !insecure,
    ...(ca === undefined ? {} : { ca }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  } as const;
  // A kubeconfig may name a server without TLS.
  const { request } = url.startsWith("http:") ? http : https;
  const asked = request(url, options, (reply) => {
    reply.resume();
    resolve({ status: reply.statusCode ?? 0, date: reply.headers.date });
    asked.destroy();
  });
  asked.on("error", reject);
  asked.end();
  return promise;
};
