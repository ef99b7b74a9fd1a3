import assert from "node:assert/strict";
import { runVerb } from "./index.ts";
import type { VerbIo } from "./io.ts";

/** Runs a verb as a person would, for tests. A door that `doors` does not give must not be opened. */
export async function runFake(line: string, doors: Partial<VerbIo>, signal: AbortSignal) {
  let out = "";
  const complaints: string[] = [];
  const io: VerbIo = {
    write: async (content) => {
      out += Buffer.from(content).toString();
    },
    complain: (message) => complaints.push(message),
    env: {},
    now: () => new Date(0),
    connect: () => assert.fail("this verb asks no kubelet"),
    configDeps: () => assert.fail("this verb reads no configuration"),
    host: () => assert.fail("this verb looks at no machine"),
    ...doors,
  };
  const code = await runVerb(line.split(" ").filter(Boolean), io, signal);
  return { code, out, complaints: complaints.join("\n") };
}
