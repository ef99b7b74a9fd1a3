/** The command line of `npm run bench`. */
import { parseArgs } from "node:util";
import { RELEASES, type Release } from "../test/support/containerd.ts";
import {
  CLUSTER_ROW_NAMES,
  CLUSTER_ROW_TITLES,
  type ClusterRowName,
  isClusterRowName,
  isRowName,
  ROW_NAMES,
  ROW_TITLES,
  type RowName,
} from "./result.ts";

export interface Options {
  /** Rows of a standalone node. Either these or those of a cluster's are empty. */
  readonly rows: readonly RowName[];
  readonly clusterRows: readonly ClusterRowName[];
  /** undefined: without the Go kubelet. "build": the pinned one. Otherwise the path of a program. */
  readonly goKubelet: string | undefined;
  readonly containerd: Release;
  readonly json: string | undefined;
  /** Of rows that repeat one thing. */
  readonly samples: number;
  /** Of rows that start many pods. */
  readonly rounds: number;
  readonly restSeconds: number;
  /** Seconds before that, until what the last pod caused is over. */
  readonly settleSeconds: number;
  /** Folder that keeps the kubelets' and the runtimes' logs. */
  readonly keepLogs: string | undefined;
  /** Folder for V8's profiles of kubelet-ts, one for each process that was not killed. */
  readonly cpuProf: string | undefined;
  /** Puts the table into the README. */
  readonly readme: boolean;
}

export const BUILD = "build";

const USUAL = { samples: "25", rounds: "3", restSeconds: "60", settleSeconds: 20 };
/** There are few requests in a minute, and those that a pod's start causes go on for a while. */
const CLUSTER = { ...USUAL, restSeconds: "240", settleSeconds: 60 };
const QUICK = { samples: "3", rounds: "1", restSeconds: "20", settleSeconds: 5 };

export function usage(): string {
  const line = (name: string, title: string) => `  ${name.padEnd(9)} ${title}`;
  return [
    "usage: npm run bench -- [cluster] [ROW...] [OPTION...]",
    "",
    "Rows of a standalone node, all of them when none is named:",
    ...ROW_NAMES.map((name) => line(name, ROW_TITLES[name])),
    "",
    'Rows of a node of a real cluster, after the word "cluster":',
    ...CLUSTER_ROW_NAMES.map((name) => line(name, CLUSTER_ROW_TITLES[name])),
    "",
    "Options:",
    "  --go-kubelet[=PATH]   also measure the Go kubelet, interleaved; built from tools/kubernetes when no path is given",
    `  --containerd=RELEASE  ${RELEASES.join(" or ")}; 1.6 (Debian's) when not given`,
    "  --samples=N           of the rows that repeat one thing (25)",
    "  --rounds=N            of the rows burst, recover and delete (3)",
    "  --rest-seconds=N      how long the row rest looks (60; of a cluster 240)",
    "  --quick               few samples, short spans: shows that it works, and figures that are worth little",
    "  --json=FILE           also write every sample and facts of the machine",
    "  --keep-logs=FOLDER    copy the logs of kubelets and runtimes there at the end",
    "  --readme              put the table into README.md",
    "  --cpu-prof=FOLDER     have V8 write a profile of kubelet-ts there (slows it down)",
  ].join("\n");
}

/** @throws Error with what is wrong, for the person who typed it */
export function parseOptions(argv: readonly string[]): Options {
  // An option with an optional value is nothing that parseArgs knows.
  const args = argv.map((arg) => (arg === "--go-kubelet" ? `--go-kubelet=${BUILD}` : arg));
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      "go-kubelet": { type: "string" },
      containerd: { type: "string", default: "1.6" },
      samples: { type: "string" },
      rounds: { type: "string" },
      "rest-seconds": { type: "string" },
      quick: { type: "boolean", default: false },
      json: { type: "string" },
      "keep-logs": { type: "string" },
      "cpu-prof": { type: "string" },
      readme: { type: "boolean", default: false },
    },
  });
  const cluster = positionals[0] === "cluster";
  const named = cluster ? positionals.slice(1) : positionals;
  const unknown = named.filter((name) => !(cluster ? isClusterRowName(name) : isRowName(name)));
  if (unknown.length > 0) throw new Error(`unknown row ${unknown.map((name) => JSON.stringify(name)).join(", ")}`);
  const chosen = <Name extends string>(all: readonly Name[]) =>
    named.length === 0 ? all : all.filter((name) => named.includes(name));
  const release = RELEASES.find((one) => one === values.containerd);
  if (release === undefined) throw new Error(`--containerd=${values.containerd}: known are ${RELEASES.join(", ")}`);
  const usual = values.quick ? QUICK : cluster ? CLUSTER : USUAL;
  return {
    rows: cluster ? [] : chosen(ROW_NAMES),
    clusterRows: cluster ? chosen(CLUSTER_ROW_NAMES) : [],
    goKubelet: values["go-kubelet"],
    containerd: release,
    json: values.json,
    samples: count("--samples", values.samples ?? usual.samples),
    rounds: count("--rounds", values.rounds ?? usual.rounds),
    restSeconds: count("--rest-seconds", values["rest-seconds"] ?? usual.restSeconds),
    settleSeconds: usual.settleSeconds,
    keepLogs: values["keep-logs"],
    cpuProf: values["cpu-prof"],
    readme: values.readme,
  };
}

function count(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${option}=${text}: need a whole number from 1`);
  return value;
}
