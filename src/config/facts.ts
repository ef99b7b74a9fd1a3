/** What of the machine decides on the configuration. */
export interface HostFacts {
  readonly cgroupVersion: 1 | 2;
  /** The host's name as the system tells it. */
  readonly hostname: string;
  /** Working directory, absolute: relative paths given by flags start there. */
  readonly cwd: string;
}
