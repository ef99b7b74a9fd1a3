import type { Option, OptionTable, ValuesOf } from "./option.ts";
import { FLAGS } from "./options/flags.ts";
import { LOGGING } from "./options/logging.ts";
import { EVICTION, NODE, RESOURCES, TRACING } from "./options/node.ts";
import { IMAGES, PODS, RUNTIME } from "./options/runtime.ts";
import { ACCESS, SERVER, STATIC_PODS } from "./options/server.ts";

/** Options of the flag table's groups, in the order of `--help`. The first group's options are flags only. */
export const GROUPS: readonly { readonly title: string; readonly options: OptionTable }[] = [
  { title: "Start", options: FLAGS },
  { title: "Static pods", options: STATIC_PODS },
  { title: "Container runtime and network", options: RUNTIME },
  { title: "Images", options: IMAGES },
  { title: "Pods", options: PODS },
  { title: "Server", options: SERVER },
  { title: "Authentication and authorization", options: ACCESS },
  { title: "Node and API server", options: NODE },
  { title: "Cgroups and resources", options: RESOURCES },
  { title: "Eviction", options: EVICTION },
  { title: "Logging", options: LOGGING },
  { title: "Metrics and tracing", options: TRACING },
];

const FIELDS_TABLE = {
  ...STATIC_PODS,
  ...RUNTIME,
  ...IMAGES,
  ...PODS,
  ...SERVER,
  ...ACCESS,
  ...NODE,
  ...RESOURCES,
  ...EVICTION,
  ...LOGGING,
  ...TRACING,
} as const;

/** Every field of KubeletConfiguration, by dotted path. */
export const FIELDS: OptionTable = FIELDS_TABLE;
/** Every option that is a flag only, by its key in `KubeletFlags`. */
export const FLAG_OPTIONS: OptionTable = FLAGS;

/** KubeletConfiguration v1beta1 with typed values: durations are Millis, sizes are Bytes, quantities in maps stay text. */
export type KubeletConfiguration = ValuesOf<typeof FIELDS_TABLE>;
/** Values of the options that are flags only. */
export type KubeletFlags = ValuesOf<typeof FLAGS>;

export interface FlagTarget {
  readonly key: string;
  readonly kind: "field" | "flag";
  readonly option: Option<unknown>;
}

/** Every flag by its long name. */
export const FLAGS_BY_NAME: ReadonlyMap<string, FlagTarget> = new Map([
  ...targets(FIELDS, "field"),
  ...targets(FLAG_OPTIONS, "flag"),
]);

/** The name under which an option's origin is kept and shown: the field's path, or `--flag`. */
export const originKey = ({ key, kind, option }: FlagTarget): string => (kind === "field" ? key : `--${option.flag}`);

function targets(table: OptionTable, kind: "field" | "flag"): [string, FlagTarget][] {
  return Object.entries(table).flatMap(([key, option]): [string, FlagTarget][] =>
    option.flag === undefined ? [] : [[option.flag, { key, kind, option }]],
  );
}
