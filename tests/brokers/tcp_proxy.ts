/** A proxy in front of a broker, whose connections a test cuts. */
export class TcpProxy implements AsyncDisposable {
  readonly #target: Deno.ConnectOptions;
  readonly #pairs = new Set<readonly Deno.Conn[]>();
  #listener: Deno.Listener;
  #accepting: Promise<void>;
  /** How many bytes each direction still carries before it is cut in their midst. */
  #bytesLeft = Infinity;
  #held = false;
  /** What passes waits for it. */
  #stalled: PromiseWithResolvers<void> | undefined;
  /** How long each part waits before it passes on, in milliseconds. */
  #delayMs = () => 0;
  #isolated = false;

  constructor(target: Deno.ConnectOptions) {
    this.#target = target;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#accepting = this.#accept();
  }

  get port(): number {
    return (this.#listener.addr as Deno.NetAddr).port;
  }

  /** How many connections there are. */
  get connections(): number {
    return this.#pairs.size;
  }

  /** Cuts all connections at once. New ones are let through. */
  cut(): void {
    for (const pair of this.#pairs) close(pair);
    this.#pairs.clear();
  }

  /** Cuts all connections when so many more bytes have passed, wherever in a frame that is. */
  cutAfter(bytes: number): void {
    this.#bytesLeft = bytes;
  }

  /** Lets nothing pass any more, of present and future connections, which all stay. */
  hold(): void {
    this.#held = true;
  }

  /** Lets nothing pass until it is released: then all of it does. */
  stall(): void {
    this.#stalled ??= Promise.withResolvers();
  }

  release(): void {
    this.#stalled?.resolve();
    this.#stalled = undefined;
  }

  /** Delays each part that passes, by what this returns. */
  delay(delayMs: () => number): void {
    this.#delayMs = delayMs;
  }

  /** Cuts all connections, and lets no new one through. */
  async isolate(): Promise<void> {
    if (this.#isolated) return;
    this.#isolated = true;
    const { port } = this;
    this.#listener.close();
    this.cut();
    await this.#accepting;
    this.restore = () => {
      this.#isolated = false;
      this.#listener = Deno.listen({ hostname: "127.0.0.1", port });
      this.#accepting = this.#accept();
    };
  }

  /** Lets connections through again, at the same port. */
  restore = (): void => {};

  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
    await this.isolate();
  }

  async #accept(): Promise<void> {
    for (;;) {
      const inner = await this.#listener.accept().catch(() => undefined);
      if (inner === undefined) return;
      void this.#serve(inner);
    }
  }

  async #serve(inner: Deno.Conn): Promise<void> {
    const outer = await Deno.connect(this.#target).catch(() => undefined);
    if (outer === undefined) return close([inner]);
    const pair = [inner, outer];
    this.#pairs.add(pair);
    await Promise.all([this.#pipe(inner, outer), this.#pipe(outer, inner)]);
    close(pair);
    this.#pairs.delete(pair);
  }

  async #pipe(from: Deno.Conn, to: Deno.Conn): Promise<void> {
    const buffer = new Uint8Array(65_536);
    try {
      for (;;) {
        const count = await from.read(buffer);
        if (count === null) break;
        if (this.#held) continue;
        const delayMs = this.#delayMs();
        if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
        await this.#stalled?.promise;
        const passed = Math.min(count, this.#bytesLeft);
        this.#bytesLeft -= passed;
        for (let at = 0; at < passed;) at += await to.write(buffer.subarray(at, passed));
        if (passed < count) {
          this.#bytesLeft = Infinity;
          return this.cut();
        }
      }
      await to.closeWrite();
    } catch {
      // it was cut
    }
  }
}

function close(connections: readonly Deno.Conn[]): void {
  for (const connection of connections) {
    try {
      connection.close();
    } catch {
      // it is closed
    }
  }
}
