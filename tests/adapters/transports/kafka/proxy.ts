/** Stands between clients and a broker, and cuts what goes through it. */
export class Proxy implements AsyncDisposable {
  readonly port: number;
  readonly #listener: Deno.TcpListener;
  readonly #connections = new Set<Deno.TcpConn>();
  readonly #pumps = new Set<Promise<void>>();
  readonly #accepting: Promise<void>;
  /** The port of the broker; 0 if it cannot be reached. */
  target = 0;

  constructor() {
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = this.#listener.addr.port;
    this.#accepting = this.#accept();
  }

  /** Cuts all connections. */
  cut(): void {
    for (const connection of this.#connections) close(connection);
    this.#connections.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.cut();
    await this.#accepting;
    await Promise.all(this.#pumps);
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      const joining = this.#join(client).finally(() => this.#pumps.delete(joining));
      this.#pumps.add(joining);
    }
  }

  async #join(client: Deno.TcpConn): Promise<void> {
    if (this.target === 0) return close(client);
    try {
      const broker = await Deno.connect({ hostname: "127.0.0.1", port: this.target });
      this.#connections.add(client).add(broker);
      await Promise.all([pump(client, broker), pump(broker, client)]);
      this.#connections.delete(client);
      this.#connections.delete(broker);
    } catch {
      close(client); // the broker is away
    }
  }
}

async function pump(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
  const bytes = new Uint8Array(65_536);
  try {
    for (let count = await from.read(bytes); count !== null; count = await from.read(bytes)) {
      for (let written = 0; written < count;) written += await to.write(bytes.subarray(written, count));
    }
  } catch {
    // it was cut
  }
  close(from);
  close(to);
}

function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // it is closed
  }
}
