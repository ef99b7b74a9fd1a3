/** A plain HTTP(S) GET, for manifests from a URL. */
export interface HttpClient {
  /**
   * @throws Error with a message for people on transport failure, a body larger than `maxBytes`, or time-out
   */
  get(
    url: string,
    headers: { readonly [name: string]: readonly string[] },
    limits: { readonly timeoutMs: number; readonly maxBytes: number },
    signal: AbortSignal,
  ): Promise<{ readonly status: number; readonly body: Uint8Array }>;
}
