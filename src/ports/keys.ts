/** Who a certificate is asked for. */
export interface CertificateRequest {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

/** Makes keys and asks with them; both off the loop. Reading certificates needs no port: `src/model/certificate.ts`. */
export interface Keys {
  /** A new EC key on P-256, PEM (`EC PRIVATE KEY`, as the Go kubelet writes it). Never log. */
  make(): Promise<string>;
  /** A PKCS#10 request, PEM, signed with `key`. @throws Error when the key can't be read */
  request(key: string, wish: CertificateRequest): Promise<string>;
}
