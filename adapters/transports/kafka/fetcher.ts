import type { Clock } from "../../../runtime/base/clock.ts";
import { pause } from "../../../runtime/base/pause.ts";
import { codeOf, KafkaError } from "./kafka_error.ts";
import type { KafkaLink } from "./link.ts";
import type { PartitionReader } from "./partition_reader.ts";
import { backoffMs } from "./waiting.ts";
import type { Topics } from "./topics.ts";

/** How long a broker waits for a record before it answers with none. */
const waitMs = 500;
/** The same, while a partition is left out because enough of it is waiting: it may want more at any moment. */
const shortWaitMs = 10;

/** What a fetcher tells about its work. */
export interface FetcherHealth {
  trouble(error: unknown): void;
  well(): void;
}

/** Fetches the partitions of one topic for their readers. One that has enough holds up no other. */
export class Fetcher {
  readonly #link: KafkaLink;
  readonly #topics: Topics;
  readonly #clock: Clock;
  readonly #health: FetcherHealth;
  readonly #name: string;
  readonly #id: string;
  readonly #readers: readonly PartitionReader[];
  #room = Promise.withResolvers<void>();

  constructor(
    link: KafkaLink,
    topics: Topics,
    clock: Clock,
    health: FetcherHealth,
    topic: { readonly name: string; readonly id: string },
    readers: readonly PartitionReader[],
  ) {
    this.#link = link;
    this.#topics = topics;
    this.#clock = clock;
    this.#health = health;
    this.#name = topic.name;
    this.#id = topic.id;
    this.#readers = readers;
    for (const reader of readers) {
      reader.onRoom = this.#wake;
    }
  }

  readonly #wake = (): void => {
    this.#room.resolve();
    this.#room = Promise.withResolvers();
  };

  /**
   * Fetches until the signal is aborted. A broker that is away is tried again and again. Rejects with `TOPIC_GONE` if the
   * topic was deleted, even if there is one of that name again: it is another log.
   */
  async run(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted;) {
      try {
        const topic = await this.#topics.find(this.#name);
        if (topic?.id !== this.#id) throw new KafkaError("TOPIC_GONE", `The topic ${this.#name} was deleted`);
        const round = new AbortController();
        const both = AbortSignal.any([signal, round.signal]);
        const byLeader = Map.groupBy(this.#readers, ({ plan }) => topic.leaders[plan.partition] ?? -1);
        const results = await Promise.allSettled([...byLeader].map(async ([leader, readers]) => {
          try {
            await this.#fetchFrom(leader, readers, both, () => {
              failures = 0;
              this.#health.well();
            });
          } finally {
            round.abort();
          }
        }));
        for (const result of results) if (result.status === "rejected") throw result.reason;
      } catch (error) {
        if (signal.aborted) return;
        if (codeOf(error) === "TOPIC_GONE") throw error;
        if (failures === 0) this.#interrupt(); // nothing is read until it is back
        this.#health.trouble(error);
        this.#topics.forget(this.#name);
        await pause(this.#clock, backoffMs(failures++, 1_000), signal);
        await this.#link.connect().catch(() => {}); // the next fetch says it
      }
    }
  }

  /** Fetches from one broker until it leads the partitions no more. */
  async #fetchFrom(
    leader: number,
    readers: readonly PartitionReader[],
    signal: AbortSignal,
    succeeded: () => void,
  ): Promise<void> {
    signal.addEventListener("abort", this.#wake, { once: true });
    while (!signal.aborted) {
      const room = this.#room.promise;
      const from = readers.flatMap(({ plan: { partition }, wanted }) =>
        wanted === undefined ? [] : [{ partition, offset: wanted }]
      );
      if (from.length === 0) {
        await room;
        continue;
      }
      if (leader < 0) throw new KafkaError("LEADER_NOT_AVAILABLE", `No broker leads all of ${this.#name}`);
      try {
        const wait = from.length < readers.length ? shortWaitMs : waitMs;
        for (const found of await this.#link.fetch(leader, this.#name, from, wait)) {
          const reader = readers.find(({ plan }) => plan.partition === found.partition)!;
          reader.put(from.find(({ partition }) => partition === found.partition)!.offset, found);
        }
        succeeded();
      } catch (error) {
        if (codeOf(error) !== "OFFSET_OUT_OF_RANGE") throw error;
        await this.#clamp(leader, readers);
      }
      if ((await this.#topics.find(this.#name))?.id !== this.#id) return;
    }
  }

  #interrupt(): void {
    for (const reader of this.#readers) reader.interrupt();
  }

  /** Records were deleted before they were read, or a broker lost some: what is there is read. */
  async #clamp(leader: number, readers: readonly PartitionReader[]): Promise<void> {
    const partitions = readers.map(({ plan }) => plan.partition);
    const starts = await this.#link.offsets(leader, this.#name, partitions, "start");
    const ends = await this.#link.offsets(leader, this.#name, partitions, "end");
    for (const reader of readers) {
      reader.clamp(starts.get(reader.plan.partition) ?? 0, ends.get(reader.plan.partition) ?? 0);
    }
  }
}

/** Resolves when a signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
