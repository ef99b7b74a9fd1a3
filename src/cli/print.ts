import type { VerbIo } from "./io.ts";

/** A value for programs: nothing else goes to standard output then. The YAML writer is loaded only when it is asked for. */
export async function printValue(value: unknown, format: "json" | "yaml", io: VerbIo): Promise<void> {
  if (format === "json") return io.write(`${JSON.stringify(value, undefined, 2)}\n`);
  const { stringify } = await import("yaml");
  return io.write(stringify(value, { aliasDuplicateObjects: false }));
}
