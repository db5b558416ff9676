import { pause } from "../../../runtime/base/pause.ts";
import type { Receiver } from "../../../runtime/ports/transport.ts";
import { Committer } from "./committer.ts";
import { aborted, Fetcher, type FetcherHealth } from "./fetcher.ts";
import { codeOf, isExpelled } from "./kafka_error.ts";
import type { Committed, KafkaLink, Membership, Topic } from "./link.ts";
import type { Reading } from "./names.ts";
import { markOf } from "./marks.ts";
import { PartitionReader } from "./partition_reader.ts";
import { inTime } from "./waiting.ts";
import type { ReadingContext } from "./reading_context.ts";
import { deliveryOf } from "./records.ts";

/** What part of the time for a rebalance the batches in hand may take: the rest is for the way to the broker. */
const settlePart = 0.8;

/** The time from one rebalance of a group to the next, in which this member reads certain partitions. */
export class Generation {
  readonly #context: ReadingContext;
  readonly #link: KafkaLink;
  readonly #membership: Membership;
  readonly #readers: readonly PartitionReader[];
  readonly #committer: Committer;
  readonly #fetcher: Fetcher;

  constructor(
    context: ReadingContext,
    link: KafkaLink,
    reading: Reading,
    receiver: Receiver,
    topic: Topic,
    membership: Membership,
    committed: ReadonlyMap<number, Committed>,
    health: FetcherHealth,
  ) {
    this.#context = context;
    this.#link = link;
    this.#membership = membership;
    this.#committer = new Committer(link, membership, reading.topic, markOf(reading.owner));
    this.#readers = membership.partitions.map((partition) => {
      const plan = {
        partition,
        shard: `${reading.topic}/${partition}`,
        epoch: topic.id,
        start: async (position: number | undefined) => {
          const from = position === undefined ? committed.get(partition)?.offset : position + 1;
          if (from !== undefined) return from;
          const starts = await link.offsets(topic.leaders[partition], reading.topic, [partition], "start");
          return starts.get(partition) ?? 0;
        },
        deliver: (record: Parameters<typeof deliveryOf>[0]) => deliveryOf(record, reading),
        acknowledge: (next: number) => this.#committer.mark(partition, next),
        reject: (record: Parameters<typeof deliveryOf>[0], reason: string) =>
          context.bury(reading.topic, partition, record, reason),
      };
      return new PartitionReader(plan, receiver, context.clock);
    });
    const named = { name: reading.topic, id: topic.id };
    this.#fetcher = new Fetcher(link, context.topics, context.clock, health, named, this.#readers);
  }

  /**
   * Reads until the group is rebalanced, or until `stop` is aborted: then it leaves the group. Rejects if this member has
   * lost its partitions. `running` gets a promise for each partition, which resolves when nothing of it is in hand. If
   * `abandon` is aborted, what is in hand is left to others.
   */
  async run(stop: AbortSignal, abandon: AbortSignal, running: Map<number, Promise<void>>): Promise<void> {
    const over = new AbortController();
    const fetching = this.#fetcher.run(over.signal);
    fetching.catch(() => {}); // the race says it
    const reads = this.#readers.map((reader) => {
      const before = running.get(reader.plan.partition) ?? Promise.resolve();
      const read = before.then(() => reader.run());
      running.set(reader.plan.partition, read);
      return read;
    });
    try {
      await Promise.race([this.#beat(over.signal, true), fetching, aborted(stop)]);
      for (const reader of this.#readers) reader.stop();
      const settled = Promise.all(reads).then(() => this.#committer.flush());
      const alive = Promise.race([settled, this.#beat(over.signal, false)]);
      if (stop.aborted) await Promise.race([alive, aborted(abandon)]);
      else await inTime(this.#context.clock, this.#context.settings.rebalanceTimeoutMs * settlePart, alive);
    } finally {
      over.abort();
      for (const reader of this.#readers) reader.end();
      if (stop.aborted) {
        await Promise.race([Promise.all(reads), aborted(abandon)]);
        await this.#link.leave(this.#membership).catch(() => {}); // or the group misses it after the session
      }
    }
  }

  /** Says that this member lives. Resolves if the group is being rebalanced, unless it knows that already. */
  async #beat(signal: AbortSignal, endsAtRebalance: boolean): Promise<void> {
    const { clock, settings } = this.#context;
    let lastMs = clock.monotonicMs();
    while (!signal.aborted) {
      await pause(clock, settings.heartbeatMs, signal);
      if (signal.aborted) return;
      const beganMs = clock.monotonicMs();
      try {
        await this.#link.heartbeat(this.#membership);
        lastMs = beganMs;
      } catch (error) {
        if (isExpelled(error)) throw error;
        if (codeOf(error) === "REBALANCE_IN_PROGRESS") {
          if (endsAtRebalance) return;
          lastMs = beganMs; // it was heard all the same
        } else if (clock.monotonicMs() - lastMs > settings.sessionTimeoutMs) throw error;
      }
    }
  }
}
