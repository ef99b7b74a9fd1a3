/** The part of tar-stream that we use; the package brings no types. */
declare module "tar-stream" {
  interface Header {
    readonly name: string;
    readonly type?: "file" | "directory" | "symlink";
    readonly mode?: number;
    readonly uid?: number;
    readonly gid?: number;
    readonly mtime?: Date;
    readonly linkname?: string;
    readonly size?: number;
  }
  interface Pack extends AsyncIterable<Uint8Array> {
    entry(header: Header, content?: Uint8Array): void;
    finalize(): void;
  }
  export function pack(): Pack;
}
