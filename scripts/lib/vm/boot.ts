import type { Emulator } from "./emulator.ts";

/** The longest that a boot of the emulated machine may take, in milliseconds. */
export const BOOT_MS = 300_000;

/** Until the agent speaks and systemd has started everything. */
export async function waitForBoot(emulator: Emulator): Promise<void> {
  const timeout = Promise.withResolvers<never>();
  const why = () => new Error(`the virtual machine did not boot within ${BOOT_MS / 1000} s\n${emulator.console()}`);
  const timer = setTimeout(() => timeout.reject(why()), BOOT_MS);
  try {
    await Promise.race([emulator.agent.ready, timeout.promise]);
    const { stdout } = await Promise.race([
      emulator.agent.run("systemctl is-system-running --wait; systemctl --failed --no-legend", BOOT_MS / 1000),
      timeout.promise,
    ]);
    if (!stdout.toString().startsWith("running"))
      throw new Error(`the virtual machine booted badly: ${stdout}\n${emulator.console()}`);
  } finally {
    clearTimeout(timer);
  }
}
