/** Kubeconfig files as text. They are JSON, which is YAML too: what every client of Kubernetes reads. */

export interface Identity {
  /** Of user and context, for people. */
  readonly name: string;
  readonly user:
    | { readonly certificate: string; readonly key: string }
    | { readonly certificateFile: string; readonly keyFile: string }
    | { readonly token: string }
    | { readonly tokenFile: string };
}

export interface Access {
  readonly server: string;
  /** PEM. */
  readonly ca: string;
  readonly identity: Identity;
}

export function kubeconfig({ server, ca, identity }: Access): string {
  const context = `${identity.name}@kubernetes`;
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "kubernetes", cluster: { server, "certificate-authority-data": base64(ca) } }],
    users: [{ name: identity.name, user: userOf(identity.user) }],
    contexts: [{ name: context, context: { cluster: "kubernetes", user: identity.name } }],
    "current-context": context,
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}

function userOf(user: Identity["user"]): Readonly<Record<string, string>> {
  if ("certificate" in user)
    return { "client-certificate-data": base64(user.certificate), "client-key-data": base64(user.key) };
  if ("certificateFile" in user) return { "client-certificate": user.certificateFile, "client-key": user.keyFile };
  return "token" in user ? { token: user.token } : { tokenFile: user.tokenFile };
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");
