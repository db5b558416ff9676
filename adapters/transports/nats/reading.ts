import { PosthornError } from "../../../runtime/base/errors.ts";
import { pause } from "../../../runtime/base/pause.ts";
import type { Channel, Receiver, TransportServices } from "../../../runtime/ports/transport.ts";
import { CoreReader } from "./core_reader.ts";
import { type Log, LogReader } from "./log_reader.ts";
import { tokenOf } from "./names.ts";
import type { Session } from "./session.ts";
import type { Streams } from "./streams.ts";

/** What the reading of a channel needs. */
export interface ReadingOptions {
  readonly channel: Channel;
  readonly receiver: Receiver;
  readonly services: TransportServices;
  readonly streams: Streams;
}

const retryMs = 1_000;

/** Reads one channel in each session, until it is stopped. */
export class Reading {
  readonly ready: Promise<void>;
  readonly #options: ReadingOptions;
  readonly #ready = Promise.withResolvers<void>();
  readonly #stop = new AbortController();
  readonly #log: LogReader | undefined;
  readonly #core: CoreReader | undefined;
  #session: Session | undefined;
  #running: Promise<void> = Promise.resolve();
  #isDraining = false;

  constructor(options: ReadingOptions) {
    this.#options = options;
    this.ready = this.#ready.promise;
    this.ready.catch(() => {}); // whoever does not look at it is not told
    const log = logOf(options);
    this.#log = log && new LogReader({ ...options, log });
    this.#core = coreOf(options);
  }

  /** Reads in a session, until that ends. */
  begin(session: Session): void {
    this.#session = session;
    this.#running = Promise.all([this.#running, this.#read(session)]).then(() => {});
  }

  /** Hands nothing over any more, at once. */
  stop(): void {
    this.#isDraining = true;
    this.#stop.abort();
    this.#ready.reject(new PosthornError("transport-closed", "The reading of the channel has ended"));
  }

  /** Resolves when it has ended. */
  async ended(): Promise<void> {
    await this.#running;
  }

  /** Hands over no further batch, and resolves when those under way are acknowledged. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    this.#log?.drain();
    await this.#core?.drain(this.#session?.ended.aborted ? undefined : this.#session);
    await this.#running;
    this.stop();
  }

  async #read(session: Session): Promise<void> {
    const { services: { clock, report } } = this.#options;
    const stop = AbortSignal.any([this.#stop.signal, session.ended]);
    while (!stop.aborted && !this.#isDraining) {
      try {
        requireName(this.#options.channel);
        await this.#log?.declare(session);
        await this.#core?.declare(session);
        this.#ready.resolve();
        await Promise.all([this.#log?.run(session, stop), this.#core?.run(stop)]);
      } catch (error) {
        if (session.ended.aborted) return;
        if (isFinal(error)) {
          this.#ready.reject(error);
          this.#stop.abort();
        }
        report(error);
        await pause(clock, retryMs, stop);
      }
    }
  }
}

/** Subjects that begin with `posthorn` belong to this package. */
function requireName(channel: Channel): void {
  if (!("protocol" in channel) || channel.protocol !== "posthorn") return;
  throw new PosthornError("reserved-name", "Cannot read posthorn: NATS reserves the name of this protocol");
}

function isFinal(error: unknown): boolean {
  return error instanceof PosthornError && ["another-service", "reserved-name"].includes(error.code);
}

/** The log of a channel; absent for the replies to a process. */
function logOf({ channel, streams, services: { service } }: ReadingOptions): Log | undefined {
  const { names } = streams;
  if (channel.kind === "process") return undefined;
  if (channel.kind === "replies") {
    const declare = (session: Session) => streams.replies(session);
    return { channel, stream: names.replyStream(service), subjects: [], isOwn: true, declare };
  }
  const { protocol } = channel;
  if (channel.kind === "event") {
    const subject = names.event(protocol, channel.event, "");
    const declare = (session: Session) => streams.events(session);
    return { channel, stream: names.eventStream, subjects: [subject, `${subject}.>`], isOwn: false, declare };
  }
  const asks = channel.operations.filter(({ mode }) => mode === "ask");
  const subjectsOfAsks = asks.map(({ name }) => names.operations(protocol, name));
  const declare = (session: Session) =>
    streams.inbox(session, protocol, names.inbox(channel), subjectsOfAsks);
  return { channel, stream: names.inboxStream(protocol), subjects: [], isOwn: true, declare };
}

/** What is heard of a channel apart from its log: asks, and the replies to a process. */
function coreOf(options: ReadingOptions): CoreReader | undefined {
  const { channel, streams, services: { service } } = options;
  if (channel.kind === "process") {
    return new CoreReader({
      ...options,
      shard: "process",
      listen(session, hear) {
        session.onReply = hear;
        return () => {
          if (session.onReply === hear) session.onReply = undefined;
        };
      },
    });
  }
  const asks = channel.kind === "inbox" ? channel.operations.filter(({ mode }) => mode === "ask") : [];
  if (channel.kind !== "inbox" || asks.length === 0) return undefined;
  return new CoreReader({
    ...options,
    shard: "asks",
    listen(session, hear) {
      const leave = asks.map(({ name }) =>
        session.subscribe(streams.names.operations(channel.protocol, name), hear, tokenOf(service))
      );
      return () => leave.splice(0).forEach((unsubscribe) => unsubscribe());
    },
  });
}
