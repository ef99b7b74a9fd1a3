/** The end of a demo that stays: how to look around and how to stop. */
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { bold, dim, red } from "../lib/progress.ts";
import { Look } from "./look.ts";
import { heading } from "./show.ts";
import type { Stage } from "./stage.ts";
import { EXAMPLES } from "./story.ts";

/** Tells what can be done and stays until the person has seen enough, or the kubelet has ended. */
export async function lookAround(stage: Stage, launcher: string, interrupted: AbortSignal): Promise<void> {
  if (interrupted.aborted) return;
  const { node, place } = stage;
  const ip = (await Look.at(node).catch(() => undefined))?.ip("web") ?? "POD_IP";
  heading("The node keeps running. Look around, in any root shell of this machine:");
  const commands = [
    ["", `export PATH=${dirname(launcher)}:$PATH KUBELET_ROOT=${place.root}`],
    ["all pods", "kubelet get pods -o wide"],
    ["what one waits for", "kubelet describe pod crash"],
    ["follow a log (^C ends)", "kubelet logs -f volumes -c reader"],
    ["what happened", "kubelet events"],
    ["where options come from", "kubelet config view --effective"],
    ["be where the pods are", `nsenter --net=/proc/${process.pid}/ns/net wget -qO- http://${ip}:8080/`],
    ["remove a pod", `rm ${place.manifests}/volumes.yaml`],
    ["and put it back", `cp ${join(EXAMPLES, "volumes.yaml")} ${place.manifests}/`],
    ["the kubelet's own log", `tail -f ${place.log}`],
  ];
  for (const [what, command] of commands) console.log(`  ${command}${what ? dim(`   # ${what}`) : ""}`);
  console.log(dim("  Its network leads nowhere but to the registry: the one image is docker.io/library/busybox:1.35."));
  console.log(`\n${bold("To stop:")} ^C here, or \`npm run demo -- --stop\` elsewhere. Everything is removed then.`);
  while (!interrupted.aborted) {
    await sleep(500, undefined, { signal: interrupted }).catch(() => undefined);
    if (node.ended === undefined) continue;
    console.log(`\n${red("The kubelet does not run any more")}: ${node.ended}\n${dim(node.logTail())}`);
    return;
  }
}
