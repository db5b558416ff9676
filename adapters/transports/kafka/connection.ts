import { PosthornError } from "../../../runtime/base/errors.ts";
import { pause } from "../../../runtime/base/pause.ts";
import type {
  Channel,
  Parcel,
  Receiver,
  Refusal,
  TransportConnection,
  TransportServices,
  TransportState,
} from "../../../runtime/ports/transport.ts";
import { GroupReader } from "./group_reader.ts";
import { type KafkaReplay, replay } from "./replay.ts";
import { Health } from "./health.ts";
import { codeOf, isForbidden } from "./kafka_error.ts";
import type { KafkaLink, OpenLink } from "./link.ts";
import { LoneReader } from "./lone_reader.ts";
import { claimStore } from "./marks.ts";
import { deadTopic, Names, type Reading } from "./names.ts";
import type { KafkaSettings } from "./options.ts";
import { backoffMs, inTime } from "./waiting.ts";
import type { ChannelReader, ReadingContext } from "./reading_context.ts";
import { deadRecordOf } from "./records.ts";
import { Sender } from "./sender.ts";
import { Topics } from "./topics.ts";

/** How often a connection looks whether the cluster is there, if it is and if it is not. */
const lookMs = 3_000;
const refusedMs = 30_000;
/** How often the mark of the store is written again, before the cluster forgets it. */
const claimMs = 3_600_000;
/** How long `open` waits for the cluster. */
const openMs = 10_000;

/** The connection of one process to a cluster: one link for all that is sent, and one for each channel that is read. */
export class KafkaConnection implements TransportConnection {
  readonly #services: TransportServices;
  readonly #names: Names;
  readonly #link: KafkaLink;
  readonly #topics: Topics;
  readonly #sender: Sender;
  readonly #health = new Health();
  readonly #context: ReadingContext;
  readonly #readers = new Set<ChannelReader>();
  readonly #receivers = new Map<string, { readonly reading: Reading; readonly receiver: Receiver }>();
  readonly #replays = new Set<Promise<unknown>>();
  readonly #closed = new AbortController();
  readonly #admitted = Promise.withResolvers<void>();
  readonly #looked = Promise.withResolvers<void>();
  readonly #watching: Promise<void>;
  readonly #drained = new AbortController();
  readonly #onClosed: (connection: KafkaConnection) => void;

  constructor(
    openLink: OpenLink,
    settings: KafkaSettings,
    services: TransportServices,
    onClosed: (connection: KafkaConnection) => void,
  ) {
    this.#onClosed = onClosed;
    const { clock, service, instance } = services;
    this.#names = new Names(settings.namespace, service, instance);
    this.#services = services;
    this.#link = openLink();
    this.#topics = new Topics(this.#link, settings, this.#names, clock);
    this.#sender = new Sender(this.#link, this.#topics, settings, services, this.#names, this.#closed.signal);
    this.#context = {
      openLink,
      topics: this.#topics,
      health: this.#health,
      clock,
      settings,
      admitted: this.#admitted.promise,
      report: (error) => services.report(error),
      bury: async (topic, partition, record, reason) => {
        const source = `${topic}/${partition}/${record.offset}`;
        await this.#sender.bury(deadTopic(topic), deadRecordOf(record, reason, service, source));
      },
    };
    this.#watching = this.#watch();
  }

  /** Resolves when the cluster has been asked for the first time. Rejects if this process may never read. */
  async opened(): Promise<void> {
    await inTime(this.#services.clock, openMs, this.#looked.promise);
  }

  get state(): TransportState {
    return this.#health.state;
  }

  watch(onChange: (state: TransportState) => void): Disposable {
    return this.#health.watch(onChange);
  }

  async send(batch: readonly Parcel[]): Promise<readonly (Refusal | undefined)[]> {
    if (this.#closed.signal.aborted) throw closed("send");
    try {
      return await this.#sender.send(batch);
    } catch (error) {
      if (error instanceof PosthornError) throw error;
      if (this.#closed.signal.aborted) throw closed("send");
      const code = isForbidden(error) ? "transport-refused" : "transport-unavailable";
      const words = error instanceof Error ? error.message : String(error);
      throw new PosthornError(code, `Cannot send over Kafka: ${words}`, { cause: error });
    }
  }

  receive(channel: Channel, receiver: Receiver): Disposable & { readonly ready: Promise<void> } {
    if (this.#drained.signal.aborted || this.#closed.signal.aborted) throw closed(`read ${channel.kind}`);
    const reading = this.#names.reading(channel);
    const { group } = reading;
    const reader = group === undefined
      ? new LoneReader(this.#context, reading, receiver)
      : new GroupReader(this.#context, { ...reading, group }, receiver);
    this.#readers.add(reader);
    const read = { reading, receiver };
    this.#receivers.set(reading.topic, read);
    return {
      ready: reader.ready,
      [Symbol.dispose]: () => {
        if (this.#receivers.get(reading.topic) === read) this.#receivers.delete(reading.topic);
        void this.#stop(reader);
      },
    };
  }

  /** Whether this connection reads a topic for a receiver, which could be replayed. */
  reads(topic: string): boolean {
    return this.#receivers.has(topic);
  }

  /** Reads a topic again. */
  async replay(
    topic: string,
    operation: string | undefined,
    { offset, atMs, name }: KafkaReplay,
  ): Promise<number> {
    const read = this.#receivers.get(topic)!;
    const { clock, random } = this.#services;
    const replaying = replay(this.#context, read.reading, read.receiver, {
      at: offset ?? atMs ?? 0,
      isTime: atMs !== undefined,
      name: `replay-${name ?? random.ulid(clock.now()).toLowerCase()}`,
      operation,
      stop: this.#drained.signal,
      abandon: this.#closed.signal,
    });
    const settled = replaying.then(() => {}, () => {}).finally(() => this.#replays.delete(settled));
    this.#replays.add(settled);
    return await replaying;
  }

  async drain(): Promise<void> {
    this.#drained.abort();
    await Promise.all([...[...this.#readers].map((reader) => this.#stop(reader)), ...this.#replays]);
  }

  async close(): Promise<void> {
    this.#drained.abort();
    this.#closed.abort();
    await Promise.all([...[...this.#readers].map((reader) => reader.abandon()), ...this.#replays]);
    await this.#link.close();
    await Promise.all([this.#sender.settled(), this.#watching]);
    this.#onClosed(this);
  }

  async #stop(reader: ChannelReader): Promise<void> {
    await reader.stop();
    this.#readers.delete(reader);
  }

  /** Connects, finds out whether this process may read, and looks from time to time whether the cluster is there. */
  async #watch(): Promise<void> {
    const { clock, store } = this.#services;
    const { signal } = this.#closed;
    let claimedMs: number | undefined;
    for (let failures = 0; !signal.aborted;) {
      let waitMs = lookMs;
      try {
        await this.#link.connect();
        if (claimedMs === undefined || clock.monotonicMs() - claimedMs > claimMs) {
          if (store !== undefined) await claimStore(this.#link, this.#topics, this.#names, store);
          claimedMs = clock.monotonicMs();
        } else await this.#link.topics([]);
        failures = 0;
        this.#admitted.resolve();
        this.#health.well(this);
      } catch (error) {
        if (signal.aborted) break;
        this.#health.trouble(this, error);
        if (error instanceof PosthornError) {
          this.#looked.reject(error);
          this.#services.report(error);
          break; // another store: nothing is read
        }
        waitMs = isForbidden(error) ? refusedMs : backoffMs(failures++);
        if (codeOf(error) !== "CONNECTION" && !isForbidden(error) && failures < 5) {
          await pause(clock, waitMs, signal);
          continue; // the cluster is there, and not ready yet
        }
      }
      this.#looked.resolve();
      await pause(clock, waitMs, signal);
    }
    this.#looked.resolve();
  }
}

function closed(what: string): PosthornError {
  return new PosthornError("transport-closed", `Cannot ${what}: the connection to Kafka is closed`);
}
