/** A TCP relay on loopback that can be slow, silent or broken: a registry or API server behind a bad network. */
import { connect, createServer, type Server, type Socket } from "node:net";

export type Weather =
  | { readonly kind: "clear" }
  /** Each piece of the answer comes this many milliseconds late. */
  | { readonly kind: "slow"; readonly delay: number }
  /** Connections are taken, and nothing is ever answered. */
  | { readonly kind: "silent" }
  /** Connections are cut as soon as they are made. */
  | { readonly kind: "broken" };

export class SlowProxy {
  /** May be changed at any time; it holds for what arrives after. */
  weather: Weather = { kind: "clear" };
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(target: string) {
    this.#server = createServer((client) => this.#relay(client, target));
  }

  /** A relay to "HOST:PORT". */
  static async start(target: string): Promise<SlowProxy> {
    const proxy = new SlowProxy(target);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    proxy.#server.once("error", reject).listen(0, "127.0.0.1", resolve);
    await promise;
    return proxy;
  }

  get address(): string {
    const address = this.#server.address();
    if (typeof address !== "object" || address === null) throw new Error("the proxy is closed");
    return `127.0.0.1:${address.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    await promise;
  }

  #relay(client: Socket, target: string): void {
    this.#keep(client);
    if (this.weather.kind === "broken") {
      client.destroy();
      return;
    }
    const [host = "", port = ""] = target.split(":");
    const server = connect(Number(port), host);
    this.#keep(server);
    client.pipe(server);
    server.on("data", (piece) => this.#pass(() => client.write(piece)));
    server.on("end", () => this.#pass(() => client.end()));
    client.on("close", () => server.destroy());
  }

  /** The end of an answer is as late as its pieces, or it would overtake them. */
  #pass(send: () => void): void {
    switch (this.weather.kind) {
      case "clear":
        send();
        break;
      case "slow":
        setTimeout(send, this.weather.delay);
        break;
      case "silent":
      case "broken":
        break;
    }
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    // Cut connections are this thing's purpose, not an error.
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
  }
}
