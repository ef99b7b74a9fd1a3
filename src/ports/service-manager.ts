/** Who started this process and watches over it: systemd, or what speaks its protocol. */
export interface ServiceManager {
  /** Tells it lines of `NAME=value` as sd_notify(3) has them. Never waits. @throws KubeletError `file-failed` when it can't be told now */
  notify(state: string): void;
}
