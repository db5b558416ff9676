import { PosthornError } from "../../../runtime/base/errors.ts";
import { pause } from "../../../runtime/base/pause.ts";
import { within } from "../../../runtime/base/within.ts";
import type {
  Channel,
  Parcel,
  Receiver,
  Refusal,
  TransportConnection,
  TransportServices,
  TransportState,
} from "../../../runtime/ports/transport.ts";
import { Answers } from "./answers.ts";
import { Backoff } from "./backoff.ts";
import { type AmqpConnection, type Client, type Message, openChannel } from "./client.ts";
import { textOf } from "./incoming.ts";
import { Link } from "./link.ts";
import { directReplyTo, isDirectAddress, Names, type QueueChannel } from "./names.ts";
import type { Settings } from "./options.ts";
import { Reader } from "./reader.ts";
import { Replies } from "./replies.ts";
import { Sender } from "./sender.ts";
import { mark } from "./topology.ts";

/** How long `open` waits for the broker before it goes on without. */
const openMs = 5_000;

/** After how many failures to read the replies to this process that is reported, once. */
const repliesFailuresMax = 3;

/** The states from the one that says most. */
const statuses = ["refused", "connecting", "blocked", "connected"] as const;

/**
 * A process of a service at RabbitMQ. It has two connections: the broker blocks one that publishes while it is short of
 * memory, and what blocked acknowledgements as well would keep it short. A process that answers asks has a third one.
 */
export class RabbitmqConnection implements TransportConnection {
  readonly #services: TransportServices;
  readonly #settings: Settings;
  readonly #names: Names;
  readonly #reading: Link;
  readonly #publishing: Link;
  readonly #sender: Sender;
  readonly #answers: Answers;
  readonly #replies: Replies;
  readonly #readers = new Set<Reader>();
  readonly #watchers = new Set<(state: TransportState) => void>();
  readonly #stop = new AbortController();
  #shown: TransportState = { status: "connecting" };
  #drained: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  private constructor(client: Client, settings: Settings, services: TransportServices) {
    const { service, instance } = services;
    this.#services = services;
    this.#settings = settings;
    this.#names = new Names(service, settings.namespace);
    const shared = { client, settings, services, changed: () => this.#changed() };
    const name = `${service} ${instance}`.slice(0, 200);
    this.#reading = new Link({ ...shared, name: `${name} in`, prepare: (made) => this.#markStore(made) });
    this.#publishing = new Link({ ...shared, name: `${name} out` });
    this.#replies = new Replies(services);
    const sender = { client, services, names: this.#names, messageBytes: settings.messageBytes };
    this.#answers = new Answers({ link: { client, settings, services, name: `${name} answers` }, sender });
    this.#sender = new Sender({
      ...sender,
      link: this.#publishing,
      hearReplies: (amqp) => this.#replies.hear(amqp),
    });
  }

  /** Connects. Resolves although the broker is away, and rejects if another store has the service. */
  static async open(
    client: Client,
    settings: Settings,
    services: TransportServices,
  ): Promise<RabbitmqConnection> {
    const connection = new RabbitmqConnection(client, settings, services);
    await connection.#tried();
    const { fault } = connection.#reading;
    if (fault?.code !== "another-store") return connection;
    await connection.close();
    throw fault;
  }

  get state(): TransportState {
    return this.#shown;
  }

  watch(onChange: (state: TransportState) => void): Disposable {
    const watcher = (state: TransportState) => onChange(state);
    this.#watchers.add(watcher);
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) };
  }

  send(batch: readonly Parcel[]): Promise<readonly (Refusal | undefined)[]> {
    const to = batch[0]?.to; // they have one destination
    const direct = to?.kind === "reply" && isDirectAddress(to.address);
    return direct ? this.#answers.send(to.address, batch) : this.#sender.send(batch);
  }

  receive(channel: Channel, receiver: Receiver): Disposable & { readonly ready: Promise<void> } {
    if (this.#closing !== undefined || this.#drained !== undefined) {
      const why = "the connection is closed or drained";
      throw new PosthornError("transport-closed", `Cannot read ${channel.kind}: ${why}`);
    }
    return channel.kind === "process"
      ? this.#receiveReplies(receiver)
      : this.#receiveQueue(channel, receiver);
  }

  drain(): Promise<void> {
    return this.#drained ??= this.#drain();
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  #receiveQueue(channel: QueueChannel, receiver: Receiver): Disposable & { readonly ready: Promise<void> } {
    const names = this.#names;
    const reader = new Reader({
      channel,
      receiver,
      link: this.#reading,
      services: this.#services,
      names,
      prefetch: this.#settings.prefetch,
      putAside: (message, reason) =>
        this.#putAside(message, {
          reason,
          from: names.queue(channel),
          to: names.dead(channel),
        }),
    });
    this.#readers.add(reader);
    return {
      ready: reader.ready,
      [Symbol.dispose]: () => {
        this.#readers.delete(reader);
        void reader.end();
      },
    };
  }

  #receiveReplies(receiver: Receiver): Disposable & { readonly ready: Promise<void> } {
    const { clock, random } = this.#services;
    this.#replies.attach(receiver);
    const backoff = new Backoff({ fromMs: 100, toMs: 5_000, random });
    let failures = 0;
    const ready = (async () => {
      while (!this.#stop.signal.aborted) {
        try {
          return await this.#sender.openReplies();
        } catch (error) {
          // The state tells of a connection that broke, but not of a channel that cannot be opened on a good one.
          const isConnected = this.#publishing.state.status === "connected";
          if (isConnected && ++failures === repliesFailuresMax) this.#services.report(error);
          await pause(clock, backoff.next(), this.#stop.signal);
        }
      }
    })();
    return { ready, [Symbol.dispose]: () => this.#replies.end() };
  }

  /** Copies a message that will not be handled to the dead letters, before it is acknowledged: at least once. */
  #putAside(
    message: Message,
    { reason, from, to }: { reason: string; from: string; to: string },
  ): Promise<void> {
    const { messageId, type, rawContentType, contentEncoding, headers, replyTo, correlationId } = message;
    const said = {
      "posthorn-reason": reason,
      "posthorn-queue": from,
      "posthorn-routing-key": message.routingKey,
    };
    const envelope = {
      messageId: messageId ?? this.#services.random.ulid(this.#services.clock.now()),
      type,
      contentType: rawContentType,
      contentEncoding,
      headers: { ...copyOf(headers), ...said },
      correlationId,
      replyTo: replyTo?.startsWith(directReplyTo) ? undefined : replyTo,
      exchange: "",
      routingKey: to,
      mandatory: true,
      durable: true,
    };
    return this.#sender.copy({ envelope, body: message.body });
  }

  async #markStore(made: AmqpConnection): Promise<void> {
    const { service, store } = this.#services;
    if (store === undefined) return;
    const amqp = await openChannel(made);
    amqp.on("error", () => {}); // the call rejects
    const what = `Cannot open the transport of the service ${service}: its processes share one store`;
    await mark(amqp, { queue: this.#names.storeMark, name: store, code: "another-store", what });
    await amqp.close();
  }

  /** Resolves when both connections have been tried once, or that takes too long. */
  async #tried(): Promise<void> {
    const { signal } = this.#stop;
    const tried = async (link: Link) => {
      while (!signal.aborted && link.state.status === "connecting" && link.fault === undefined) {
        await link.changed(signal);
      }
    };
    const both = Promise.all([tried(this.#reading), tried(this.#publishing)]);
    await within(this.#services.clock, openMs, both);
  }

  async #drain(): Promise<void> {
    await Promise.all([this.#replies.stop(), ...Array.from(this.#readers, (reader) => reader.drain())]);
  }

  async #close(): Promise<void> {
    this.#stop.abort();
    this.#replies.end();
    this.#sender.close();
    const readers = Array.from(this.#readers, (reader) => reader.end());
    await Promise.all([this.#reading.close(), this.#publishing.close(), this.#answers.close(), ...readers]);
  }

  #changed(): void {
    const states = [this.#reading.state, this.#publishing.state];
    const status = statuses.find((one) => states.some((state) => state.status === one))!;
    const state = states.find((one) => one.status === status)!;
    const { status: before, reason } = this.#shown;
    if (status === before && state.reason === reason) return;
    this.#shown = state;
    for (const watcher of [...this.#watchers]) {
      try {
        watcher(state);
      } catch (error) { // it must not end the connection
        this.#services.report(error);
      }
    }
  }
}

/** The headers of a rejected message that are kept with it, in characters: more may not fit into a frame. */
const headersCopied = 8_192;

/** The headers as text. Those that the broker would obey are left out, and all of them if they are long. */
function copyOf(headers: Message["headers"] = {}): Record<string, string> {
  const texts = Object.entries(headers).map(([name, value]) => [name, textOf(value)] as const);
  const length = texts.reduce((sum, [name, text]) => sum + name.length + text.length, 0);
  if (length > headersCopied) return {};
  return Object.fromEntries(
    texts.filter(([name]) => !/^(b?cc|x-delivery-count|x-acquired-count)$/i.test(name)),
  );
}
