/** What a hostPath volume asks of the path; "" asks nothing. */
export const HOST_PATH_TYPES = [
  "",
  "DirectoryOrCreate",
  "Directory",
  "FileOrCreate",
  "File",
  "Socket",
  "CharDevice",
  "BlockDevice",
] as const;
export type HostPathType = (typeof HOST_PATH_TYPES)[number];
