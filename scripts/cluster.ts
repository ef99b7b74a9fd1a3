/** `npm run cluster -- up | shell | down`: a one-node cluster to play with, in the background and in a network of its own. */
import { parseArgs } from "node:util";
import { down } from "./cluster/down.ts";
import { type ClusterChoice, DEFAULT_NAME, type Place, placeOf, RUNTIMES } from "./cluster/place.ts";
import { shell } from "./cluster/shell.ts";
import { up } from "./cluster/up.ts";

const USAGE = `usage: npm run cluster -- up [OPTION...]        starts a cluster and prints how to reach it; it stays until "down"
       npm run cluster -- shell [COMMAND...]    a shell inside its network, or one command
       npm run cluster -- down                  removes all of it; also what a killed one left
options of up:
  --kubelet ours|go      whose kubelet is the node's (ours)
  --runtime RUNTIME      embedded, "embedded 2.4", 1.6 or 2.4 (ours: embedded; go: 1.6)
  --no-add-ons           without CoreDNS and kube-proxy
options of all:
  --name NAME            another cluster beside the usual one
KUBE_BIN_DIR=FOLDER uses the programs of Kubernetes and etcd in there instead of building them.`;

type Request =
  | { readonly verb: "up"; readonly place: Place; readonly choice: ClusterChoice }
  | { readonly verb: "shell"; readonly place: Place; readonly words: readonly string[] }
  | { readonly verb: "down"; readonly place: Place }
  | { readonly verb: "help" };

function parse([verb = "", ...args]: readonly string[]): Request {
  if (verb === "shell") {
    // Only --name is ours; the rest is a command of the user's, with options of its own.
    const named = args[0] === "--name";
    return { verb, place: placeOf(named ? (args[1] ?? "") : DEFAULT_NAME), words: args.slice(named ? 2 : 0) };
  }
  const { values } = parseArgs({
    args: [...args],
    allowNegative: true,
    options: {
      name: { type: "string", default: DEFAULT_NAME },
      kubelet: { type: "string", default: "ours" },
      runtime: { type: "string" },
      "add-ons": { type: "boolean", default: true },
    },
  });
  switch (verb) {
    case "up":
      return {
        verb,
        place: placeOf(values.name),
        choice: choiceOf(values.kubelet, values.runtime, values["add-ons"]),
      };
    case "down":
      return { verb, place: placeOf(values.name) };
    case "help":
    case "--help":
      return { verb: "help" };
    default:
      throw new Error(verb === "" ? "up, shell or down?" : `unknown verb "${verb}"`);
  }
}

function choiceOf(kubelet: string, runtime: string | undefined, addOns: boolean): ClusterChoice {
  if (kubelet !== "ours" && kubelet !== "go") throw new Error(`--kubelet is "${kubelet}"; ours or go`);
  const wanted = runtime ?? (kubelet === "go" ? "1.6" : "embedded");
  const known = RUNTIMES.find((one) => one === wanted);
  if (known === undefined) throw new Error(`--runtime is "${runtime}"; one of ${RUNTIMES.join(", ")}`);
  if (kubelet === "go" && known.startsWith("embedded"))
    throw new Error("the Go kubelet has no embedded runtime; give --runtime 1.6 or 2.4");
  return { kubelet, runtime: known, addOns };
}

async function main(argv: readonly string[]): Promise<number> {
  let request: Request;
  try {
    request = parse(argv);
  } catch (error) {
    console.error(`cluster: ${error instanceof Error ? error.message : error}\n${USAGE}`);
    return 2;
  }
  if (request.verb === "help") {
    console.log(USAGE);
    return 0;
  }
  try {
    return await obey(request);
  } catch (error) {
    // What the world refused is told in its own words; a bug shows where it is.
    if (error instanceof TypeError || error instanceof RangeError) throw error;
    console.error(`cluster: ${error instanceof Error ? error.message : error}`);
    return 1;
  }
}

async function obey(request: Exclude<Request, { readonly verb: "help" }>): Promise<number> {
  const { name } = request.place;
  // As it is to be typed: a cluster with a name wants it in each command.
  const command = (words: string) => `npm run cluster -- ${words}${name === DEFAULT_NAME ? "" : ` --name ${name}`}`;
  switch (request.verb) {
    case "up":
      return await up(request.place, request.choice, command);
    case "shell":
      return await shell(request.place, request.words, command);
    case "down":
      return await down(request.place);
  }
}

process.exitCode = await main(process.argv.slice(2));
