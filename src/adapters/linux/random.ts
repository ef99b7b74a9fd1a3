import { randomBytes } from "node:crypto";
import type { Random } from "../../ports/random.ts";

export function createRandom(): Random {
  return {
    fraction: () => Math.random(),
    hex: (digits) =>
      randomBytes(Math.ceil(digits / 2))
        .toString("hex")
        .slice(0, digits),
  };
}
