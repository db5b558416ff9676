import { pause } from "../../../runtime/base/pause.ts";
import type { Delivery, Receiver } from "../../../runtime/ports/transport.ts";
import { aborted, Fetcher } from "./fetcher.ts";
import { codeOf } from "./kafka_error.ts";
import type { KafkaLink, ReadRecord, Topic } from "./link.ts";
import type { Reading } from "./names.ts";
import { PartitionReader } from "./partition_reader.ts";
import { backoffMs } from "./waiting.ts";
import type { ChannelReader, ReadingContext } from "./reading_context.ts";
import { deliveryOf } from "./records.ts";

/**
 * Reads all partitions of a topic, without a group: the replies to the asks of this process. All processes of a service read
 * the same topic, each from when it began, and each takes what is its own. A group would deal the partitions out, and a
 * stranger answers in any of them: it knows the topic and the correlation id, which therefore begins with the name of the
 * process.
 */
export class LoneReader implements ChannelReader {
  readonly ready: Promise<void>;
  readonly #context: ReadingContext;
  readonly #reading: Reading;
  readonly #receiver: Receiver;
  readonly #link: KafkaLink;
  readonly #stop = new AbortController();
  readonly #abandon = new AbortController();
  readonly #isReady = Promise.withResolvers<void>();
  readonly #ended: Promise<void>;

  constructor(context: ReadingContext, reading: Reading, receiver: Receiver) {
    this.#context = context;
    this.#reading = reading;
    this.#receiver = receiver;
    this.#link = context.openLink();
    this.ready = this.#isReady.promise;
    this.#ended = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }

  async abandon(): Promise<void> {
    this.#abandon.abort();
    await this.stop();
  }

  async #run(): Promise<void> {
    const { admitted, health, clock, topics } = this.#context;
    const { topic: name } = this.#reading;
    const { signal } = this.#stop;
    await Promise.race([admitted, aborted(signal)]);
    let at: "end" | "start" = "end";
    for (let failures = 0; !signal.aborted;) {
      try {
        await this.#link.connect();
        topics.forget(name);
        const topic = await topics.declare(name);
        const begins = await offsetsOf(this.#link, name, topic, at);
        this.#isReady.resolve();
        health.well(this);
        at = "start"; // of the topic that comes after this one, nothing has been read
        await this.#read(topic, begins);
      } catch (error) {
        if (codeOf(error) !== "TOPIC_GONE" && !signal.aborted) health.trouble(this, error);
        await pause(clock, backoffMs(failures++), signal);
      }
    }
    await this.#link.close();
    health.well(this);
  }

  async #read(topic: Topic, begins: ReadonlyMap<number, number>): Promise<void> {
    const { clock, topics, health } = this.#context;
    const { topic: name } = this.#reading;
    const nexts = new Map(begins);
    const readers = [...begins.keys()].map((partition) => {
      const plan = {
        partition,
        shard: `${name}/${partition}`,
        epoch: topic.id,
        start: () => Promise.resolve(nexts.get(partition) ?? 0),
        deliver: (record: ReadRecord): Delivery | undefined => deliveryOf(record, this.#reading),
        acknowledge: (next: number) => void nexts.set(partition, next),
        reject: () => Promise.resolve(), // nobody waits for it, and nobody else will
      };
      return new PartitionReader(plan, this.#receiver, clock);
    });
    const over = new AbortController();
    const told = { trouble: (error: unknown) => health.trouble(this, error), well: () => health.well(this) };
    const fetcher = new Fetcher(this.#link, topics, clock, told, { name, id: topic.id }, readers);
    const reads = readers.map((reader) => reader.run());
    const fetching = fetcher.run(over.signal);
    fetching.catch(() => {}); // the race says it
    try {
      await Promise.race([fetching, aborted(this.#stop.signal)]);
    } finally {
      over.abort();
      for (const reader of readers) reader.stop();
      await Promise.race([Promise.all(reads), aborted(this.#abandon.signal)]);
      for (const reader of readers) reader.end();
    }
  }
}

/** The offsets of all partitions at the start or the end of a topic, or at a time. */
export async function offsetsOf(
  link: KafkaLink,
  name: string,
  topic: Topic,
  at: "start" | "end" | number,
): Promise<ReadonlyMap<number, number>> {
  const offsets = new Map<number, number>();
  for (
    const [leader, of] of Map.groupBy([...topic.leaders.keys()], (partition) => topic.leaders[partition])
  ) {
    for (const [partition, offset] of await link.offsets(leader, name, of, at)) {
      offsets.set(
        partition,
        offset,
      );
    }
  }
  return offsets;
}
