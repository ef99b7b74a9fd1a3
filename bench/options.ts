/** The command line of `npm run bench`. */
import { parseArgs } from "node:util";
import { RELEASES, type Release } from "../test/support/containerd.ts";
import { isRowName, ROW_NAMES, ROW_TITLES, type RowName } from "./result.ts";

export interface Options {
  readonly rows: readonly RowName[];
  /** undefined: without the Go kubelet. "build": the pinned one. Otherwise the path of a program. */
  readonly goKubelet: string | undefined;
  readonly containerd: Release;
  readonly json: string | undefined;
  /** Of rows that repeat one thing. */
  readonly samples: number;
  /** Of rows that start many pods. */
  readonly rounds: number;
  readonly restSeconds: number;
  /** Folder that keeps the kubelets' and the runtimes' logs. */
  readonly keepLogs: string | undefined;
  /** Folder for V8's profiles of kubelet-ts, one for each process that was not killed. */
  readonly cpuProf: string | undefined;
  /** Puts the table into the README. */
  readonly readme: boolean;
}

export const BUILD = "build";

export function usage(): string {
  const rows = ROW_NAMES.map((name) => `  ${name.padEnd(8)} ${ROW_TITLES[name]}`);
  return [
    "usage: npm run bench -- [ROW...] [OPTION...]",
    "",
    "Rows, all of them when none is named:",
    ...rows,
    "",
    "Options:",
    "  --go-kubelet[=PATH]   also measure the Go kubelet, interleaved; built from tools/kubernetes when no path is given",
    `  --containerd=RELEASE  ${RELEASES.join(" or ")}; 1.6 (Debian's) when not given`,
    "  --samples=N           of the rows start, pod and restart (25)",
    "  --rounds=N            of the rows burst and recover (3)",
    "  --rest-seconds=N      how long the row rest looks (60)",
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
      samples: { type: "string", default: "25" },
      rounds: { type: "string", default: "3" },
      "rest-seconds": { type: "string", default: "60" },
      json: { type: "string" },
      "keep-logs": { type: "string" },
      "cpu-prof": { type: "string" },
      readme: { type: "boolean", default: false },
    },
  });
  const unknown = positionals.filter((name) => !isRowName(name));
  if (unknown.length > 0) throw new Error(`unknown row ${unknown.map((name) => JSON.stringify(name)).join(", ")}`);
  const release = RELEASES.find((one) => one === values.containerd);
  if (release === undefined) throw new Error(`--containerd=${values.containerd}: known are ${RELEASES.join(", ")}`);
  return {
    rows: positionals.length === 0 ? ROW_NAMES : ROW_NAMES.filter((name) => positionals.includes(name)),
    goKubelet: values["go-kubelet"],
    containerd: release,
    json: values.json,
    samples: count("--samples", values.samples),
    rounds: count("--rounds", values.rounds),
    restSeconds: count("--rest-seconds", values["rest-seconds"]),
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
