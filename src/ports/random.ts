/** The only source of chance. */
export interface Random {
  /** Uniform in [0, 1). For jitter. */
  fraction(): number;
  /** Lower-case hex digits, unpredictable. For names of files and ids. */
  hex(digits: number): string;
}
