/** A way into the cluster's network: connections to a port of loopback outside go on to the API server inside. */
import { connect, createServer, type Server, type Socket } from "node:net";

export class Forwarder implements AsyncDisposable {
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  #target: { readonly host: string; readonly port: number } | undefined;

  private constructor() {
    // Half-open connections stay as they are on both sides: `kubectl exec` closes its input before it has read all output.
    this.#server = createServer({ allowHalfOpen: true }, (from) => this.#forward(from));
  }

  /** Listens on a free port. To be called before the process enters the cluster's network: the socket stays outside, what it connects to is inside. */
  static async listen(): Promise<Forwarder> {
    const forwarder = new Forwarder();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    forwarder.#server.once("error", reject);
    forwarder.#server.listen(0, "127.0.0.1", resolve);
    await promise;
    return forwarder;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new TypeError("the forwarder does not listen");
    return address.port;
  }

  /** Where connections go from now on. */
  to(host: string, port: number): void {
    this.#target = { host, port };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#open) socket.destroy();
    await closed;
  }

  #forward(from: Socket): void {
    if (this.#target === undefined) {
      from.destroy();
      return;
    }
    const to = connect({ ...this.#target, allowHalfOpen: true });
    const pair = [from, to];
    for (const socket of pair) {
      this.#open.add(socket);
      socket.setNoDelay(true);
      // One side's failure is the other's end: the client sees a broken connection, as it would without us.
      socket.on("error", () => {
        for (const one of pair) one.destroy();
      });
      socket.on("close", () => {
        this.#open.delete(socket);
        for (const one of pair) if (one.writableEnded || one.destroyed || socket.destroyed) one.destroySoon();
      });
    }
    from.pipe(to);
    to.pipe(from);
  }
}
