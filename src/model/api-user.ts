/** A PEM text, or the file that it lies in. */
export type Pem = { readonly text: string } | { readonly file: string };

/** A program that hands out credentials, by the protocol client.authentication.k8s.io. */
export interface ExecPlugin {
  readonly apiVersion: ExecApiVersion;
  /** A path, or a name that is looked up in PATH. */
  readonly command: string;
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
  /** For a person, where the program is missing; "": none. */
  readonly installHint: string;
  /** undefined: the program is not told which cluster it is for. `config`: the cluster's extension of the protocol's name, any JSON. */
  readonly clusterInfo: { readonly config: unknown } | undefined;
}
export type ExecApiVersion = (typeof EXEC_API_VERSIONS)[number];
export const EXEC_API_VERSIONS = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"] as const;

/** How a kubeconfig's user proves who it is. All absent: it does not. Never log. */
export interface ApiUser {
  readonly certificate?: { readonly cert: Pem; readonly key: Pem } | undefined;
  /** Used as long as `tokenFile` can't be read. */
  readonly token?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly basic?: { readonly username: string; readonly password: string } | undefined;
  readonly exec?: ExecPlugin | undefined;
}
