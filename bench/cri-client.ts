/** A gRPC connection to a runtime with nothing around it: no queue, no retries, no deadlines. What measures must not be what is measured. */
import { Client, type ClientReadableStream, credentials, Metadata } from "@grpc/grpc-js";
import type { Method } from "../src/adapters/cri/methods.ts";

export class CriClient {
  readonly #client: Client;

  /** @param endpoint "unix:///path" */
  constructor(endpoint: string) {
    this.#client = new Client(endpoint, credentials.createInsecure(), { "grpc.default_authority": "localhost" });
  }

  call<Request, Response>(method: Method<Request, Response>, request: Request): Promise<Response> {
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    const { path, serialize, deserialize } = method;
    this.#client.makeUnaryRequest(path, serialize, deserialize, request, new Metadata(), (error, response) => {
      if (error) reject(new Error(`${method.call}: ${error.message}`, { cause: error }));
      else if (response === undefined) reject(new Error(`${method.call}: no response`));
      else resolve(response);
    });
    return promise;
  }

  stream<Request, Response>(method: Method<Request, Response>, request: Request): ClientReadableStream<Response> {
    return this.#client.makeServerStreamRequest(method.path, method.serialize, method.deserialize, request);
  }

  close(): void {
    this.#client.close();
  }
}
