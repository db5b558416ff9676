import type { PosthornError } from "../../../runtime/base/errors.ts";
import { pause } from "../../../runtime/base/pause.ts";
import type { TransportServices, TransportState } from "../../../runtime/ports/transport.ts";
import { within } from "../../../runtime/base/within.ts";
import { type AmqpChannel, type AmqpConnection, type Client, openChannel } from "./client.ts";
import { faultOf, isRefusal } from "./faults.ts";
import type { Node, Settings } from "./options.ts";
import { Backoff } from "./backoff.ts";

const graceMs = 2_000;

/** How a link differs from the other one. */
export interface LinkOptions {
  readonly client: Client;
  readonly settings: Settings;
  readonly services: TransportServices;
  /** What the broker shows as the name of the connection. */
  readonly name: string;
  /** Is called with each new connection, before anybody uses it. If it rejects, the connection is given up. */
  readonly prepare?: (connection: AmqpConnection) => Promise<void>;
  /** The state has changed. */
  readonly changed: () => void;
}

/** One TCP connection to the broker, made anew whenever it breaks. */
export class Link {
  readonly #options: LinkOptions;
  readonly #stop = new AbortController();
  readonly #waiting = new Set<() => void>();
  readonly #channels = new Set<AmqpChannel>();
  readonly #running: Promise<void>;
  #connection: AmqpConnection | undefined;
  #state: TransportState = { status: "connecting" };
  #fault: PosthornError | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  get state(): TransportState {
    return this.#state;
  }

  /** Why it broke, or could not be made, the last time. */
  get fault(): PosthornError | undefined {
    return this.#fault;
  }

  /** Resolves when the state has changed, or the signal is aborted. */
  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener("abort", wake);
      if (signal.aborted) wake();
    });
  }

  /** Resolves with a channel of the present connection, or with `undefined` if the signal was aborted before. */
  async channel(
    signal: AbortSignal,
    returned?: (id: string | undefined) => void,
  ): Promise<AmqpChannel | undefined> {
    while (!signal.aborted && !this.#stop.signal.aborted) {
      if (this.#connection !== undefined && this.#state.status === "connected") {
        const channel = await openChannel(this.#connection, returned);
        if (signal.aborted || this.#stop.signal.aborted) return void channel.close(); // nobody waits for it any more
        channel.on("close", () => this.#channels.delete(channel));
        if (channel.active) this.#channels.add(channel);
        return channel;
      }
      await this.changed(signal);
    }
    return undefined;
  }

  /** Closes the connection. A broker that does not answer is left after two seconds. */
  async close(): Promise<void> {
    this.#stop.abort();
    const connection = this.#connection;
    if (connection !== undefined && this.#state.status === "connected") {
      for (const channel of this.#channels) void channel.close();
      await within(this.#options.services.clock, graceMs, connection.close());
    }
    connection?.unsafeDestroy();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { services: { clock, random }, settings: { nodes } } = this.#options;
    const away = new Backoff({ fromMs: 100, toMs: 5_000, random });
    const refused = new Backoff({ fromMs: 5_000, toMs: 60_000, random });
    for (let attempt = 0; !this.#stop.signal.aborted; attempt++) {
      const node = nodes[attempt % nodes.length];
      const error = await this.#attempt(node, () => {
        away.reset();
        refused.reset();
      });
      this.#connection = undefined;
      if (this.#stop.signal.aborted) break;
      this.#fault = faultOf(error, `${node.hostname}:${node.port}`);
      const status = isRefusal(error) ? "refused" : "connecting";
      this.#become({ status, reason: this.#fault.message });
      await pause(clock, (status === "refused" ? refused : away).next(), this.#stop.signal);
    }
    this.#become({ status: "connecting", reason: "it is closed" });
  }

  /** Connects once. Resolves with the reason when the connection has broken, or was not made. */
  async #attempt(node: Node, connected: () => void): Promise<unknown> {
    const { client, settings, name, prepare } = this.#options;
    const broken = Promise.withResolvers<unknown>();
    let isOver = false;
    const end = (error?: unknown) => {
      isOver = true;
      broken.resolve(error);
    };
    const stop = () => end();
    this.#stop.signal.addEventListener("abort", stop);
    let connection: AmqpConnection | undefined;
    try {
      const made = connection = client.connect({
        ...node,
        tls: node.secure ? settings.tls : undefined,
        heartbeat: settings.heartbeatSeconds,
        connectionName: name,
      });
      made.on("error", (error) => {
        if (this.#connection === made) this.#connection = undefined; // nobody opens a channel on it
        end(error);
      });
      made.on("connection.blocked", (why) => {
        if (!isOver) this.#become({ status: "blocked", reason: `the broker takes no messages: ${why}` });
      });
      made.on("connection.unblocked", () => {
        if (!isOver) this.#become({ status: "connected" });
      });
      made.on("connection", async () => {
        // The client reads on what had arrived before its socket was destroyed. If that ends the handshake, it takes the
        // connection for open: its heartbeat, or its next attempt, would keep the process alive. Only `close` ends both.
        if (isOver) return void made.close();
        try {
          await prepare?.(made);
          if (isOver) return;
          connected();
          this.#connection = made;
          this.#become({ status: "connected" });
        } catch (error) {
          end(error);
        }
      });
      return await broken.promise;
    } catch (error) {
      return error; // what it was given, for example a certificate, is not usable
    } finally {
      this.#stop.signal.removeEventListener("abort", stop);
      // A usable one is closed with grace.
      if (!this.#stop.signal.aborted || connection !== this.#connection) connection?.unsafeDestroy();
    }
  }

  #become(state: TransportState): void {
    this.#state = state;
    for (const wake of [...this.#waiting]) wake();
    this.#options.changed();
  }
}
