import { KubeletError, messageOf } from "../../base/fault.ts";

/** Node's and OpenSSL's codes, in words that say what to look at. */
const WORDS: { readonly [code: string]: string } = {
  ECONNREFUSED: "connection refused: nothing listens there",
  ECONNRESET: "the connection was closed by the other side",
  EPIPE: "the connection was closed by the other side",
  ETIMEDOUT: "no answer in time",
  EHOSTUNREACH: "there is no route to that host",
  ENETUNREACH: "there is no route to that network",
  ENETDOWN: "the network is down",
  ENOTFOUND: "its name is not known to DNS",
  EAI_AGAIN: "DNS does not answer",
  EADDRNOTAVAIL: "no local address or port is left for a connection",
  CERT_HAS_EXPIRED: "the server's certificate has expired (or this machine's clock is wrong)",
  CERT_NOT_YET_VALID: "the server's certificate is not valid yet: compare this machine's clock with the server's",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    "the server's certificate is signed by an authority that is not in certificate-authority",
  UNABLE_TO_GET_ISSUER_CERT: "the server's certificate is signed by an authority that is not in certificate-authority",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    "the server's certificate is signed by an authority that is not in certificate-authority",
  SELF_SIGNED_CERT_IN_CHAIN: "the server's certificate is signed by an authority that is not in certificate-authority",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the server's certificate is signed by itself and not in certificate-authority",
  CERT_SIGNATURE_FAILURE:
    "the server's certificate is not signed by the authority it names: another CA of the same name?",
  CERT_REVOKED: "the server's certificate is revoked",
  INVALID_PURPOSE: "the server's certificate is not made for a server",
  ERR_SSL_WRONG_VERSION_NUMBER: "it does not speak TLS there: is the port right?",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: "the server wants a client certificate and got none",
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: "the server refuses our client certificate",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: "the server says that our client certificate has expired",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: "the server refuses our client certificate",
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: "the server does not know the authority of our client certificate",
  ERR_OSSL_X509_KEY_VALUES_MISMATCH: "client certificate and client key do not belong together",
  ERR_OSSL_PEM_NO_START_LINE: "client certificate, client key or certificate-authority is no PEM",
  ERR_HTTP2_STREAM_CANCEL: "the connection was closed by the other side",
  ERR_HTTP2_SESSION_ERROR: "the connection was closed by the other side",
  ERR_HTTP2_GOAWAY_SESSION: "the server ended the connection",
  ERR_HTTP2_ERROR: "the server broke the rules of HTTP/2",
};

/** `action` reads after "Cannot". */
export function unavailable(action: string, server: string, error: unknown): KubeletError {
  return new KubeletError(
    `Cannot ${action}: no answer from the API server at ${server}: ${reasonOf(error)}`,
    { code: "api-unavailable", server },
    { cause: error },
  );
}

export function reasonOf(error: unknown): string {
  const code = codeOf(error);
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return `the server's certificate is made for other names: ${messageOf(error).replace(/^.*altnames: /, "")}`;
  }
  // Several addresses were tried.
  if (error instanceof AggregateError && error.errors.length > 0) {
    return [...new Set(error.errors.map(reasonOf))].join("; ");
  }
  return (code === undefined ? undefined : WORDS[code]) ?? messageOf(error);
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return undefined;
  return error.code;
}
