/** `shell`: a shell, or one command, in the network of the cluster, with kubectl and the cluster's DNS. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dim } from "../lib/progress.ts";
import { type Command, findCluster, type Place } from "./place.ts";

/** Returns the exit code of the shell or command. */
export async function shell(place: Place, words: readonly string[], command: Command): Promise<number> {
  const found = findCluster(place);
  if (found.kind !== "kept" || found.state.phase !== "up") {
    const why = found.kind === "kept" ? `it is ${found.state.phase}` : "no cluster is up";
    console.error(`cluster: ${why}. Start one with: ${command("up")}`);
    return 1;
  }
  const interactive = words.length === 0;
  if (interactive)
    console.log(dim("Inside the cluster's network; pods and services answer here. Leave with exit or ^D."));
  const inside = interactive ? [process.env.SHELL ?? "/bin/sh"] : words;
  // Never `ip netns exec`: it hides mounts and cgroups. The mount namespace only lays the cluster's DNS over this machine's.
  const args = [
    `--net=/proc/${found.state.pid}/ns/net`,
    "--",
    ...(found.state.choice.addOns && existsSync("/etc/resolv.conf")
      ? [
          "unshare",
          "--mount",
          "--propagation=slave",
          "sh",
          "-c",
          `mount --bind ${place.resolvConf} /etc/resolv.conf && exec "$@"`,
          "sh",
        ]
      : []),
    ...inside,
  ];
  const env = { ...process.env, KUBECONFIG: place.insideKubeconfig, PATH: `${place.bin}:${process.env.PATH}` };
  const child = spawn("nsenter", args, { stdio: "inherit", env });
  // ^C is the shell's business.
  for (const name of ["SIGINT", "SIGQUIT"] as const) process.on(name, () => {});
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  child.on("exit", (code, signal) => resolve(code ?? (signal === "SIGINT" ? 130 : 143)));
  child.on("error", (error) => reject(new Error(`start nsenter: ${error.message}`, { cause: error })));
  return await promise;
}
