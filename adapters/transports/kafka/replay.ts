import { PosthornError } from "../../../runtime/base/errors.ts";
import type { Delivery, Receiver } from "../../../runtime/ports/transport.ts";
import { aborted, Fetcher } from "./fetcher.ts";
import type { KafkaLink, ReadRecord, Topic } from "./link.ts";
import { offsetsOf } from "./lone_reader.ts";
import type { Reading } from "./names.ts";
import { PartitionReader } from "./partition_reader.ts";
import type { ReadingContext } from "./reading_context.ts";
import { deliveryOf } from "./records.ts";

/** What to read again. */
export interface KafkaReplay {
  /** The offset to begin at, in each partition. */
  readonly offset?: number;
  /** The time to begin at, in milliseconds since 1970: when a record was written. */
  readonly atMs?: number;
  /**
   * The name of the replay, 1 to 32 of `[a-z0-9-]`. One that was interrupted goes on if it is started again with the same
   * name, and does nothing twice. Default: a new name.
   */
  readonly name?: string;
}

/** The longest id that a message may have. */
const idLength = 255;

/** What is replayed, and when that ends. */
export interface ReplayPlan {
  /** An offset, or a time in milliseconds. */
  readonly at: number;
  readonly isTime: boolean;
  /** The name of its shards, and what is added to the ids of its messages. */
  readonly name: string;
  /** The only operation that is replayed; all, if absent. */
  readonly operation: string | undefined;
  /** Hands nothing over any more. */
  readonly stop: AbortSignal;
  /** Does not wait for what is in hand. */
  readonly abandon: AbortSignal;
}

/**
 * Reads a channel again, from an offset or a time up to its end as it is now, and hands everything to the receiver as shards
 * of their own: so their positions are others, and what comes meanwhile is not held up. The messages have other ids, so
 * that they are no repeats. Replies are left out, and nothing is answered again. Resolves with the number of messages.
 */
export async function replay(
  context: ReadingContext,
  reading: Reading,
  receiver: Receiver,
  plan: ReplayPlan,
): Promise<number> {
  const { topics, clock } = context;
  const { topic: name } = reading;
  const link = context.openLink();
  try {
    await link.connect();
    const topic = await topics.find(name);
    if (topic === undefined) {
      throw new PosthornError("no-receiver", `Cannot replay ${name}: there is no such topic`);
    }
    let count = 0;
    const done: Promise<void>[] = [];
    const readers: PartitionReader[] = [];
    for (const { partition, begin, end } of await rangesOf(link, name, topic, plan)) {
      const finished = Promise.withResolvers<void>();
      done.push(finished.promise);
      const part = {
        partition,
        shard: `${name}/${partition}/${plan.name}`,
        epoch: topic.id,
        start: (position: number | undefined) => {
          const from = position === undefined ? begin : Math.max(begin, position + 1);
          if (from >= end) finished.resolve();
          return Promise.resolve(from);
        },
        deliver: (record: ReadRecord) => {
          const delivery = record.offset < end ? replayedOf(record, reading, plan) : undefined;
          if (delivery !== undefined) count++;
          return delivery;
        },
        acknowledge: (next: number) => next >= end ? finished.resolve() : undefined,
        reject: (record: ReadRecord, reason: string) => context.bury(name, partition, record, reason),
      };
      readers.push(new PartitionReader(part, receiver, clock));
    }
    const health = { trouble: () => {}, well: () => {} };
    const fetcher = new Fetcher(link, topics, clock, health, { name, id: topic.id }, readers);
    await readAll(fetcher, readers, Promise.all(done), plan);
    if (!plan.stop.aborted) return count;
    throw new PosthornError(
      "transport-closed",
      `Cannot replay all of ${name}: the connection was drained meanwhile`,
    );
  } finally {
    await link.close();
  }
}

/** Which offsets are replayed of each partition that has some. */
async function rangesOf(link: KafkaLink, name: string, topic: Topic, { at, isTime }: ReplayPlan) {
  const starts = await offsetsOf(link, name, topic, "start");
  const ends = await offsetsOf(link, name, topic, "end");
  const times = isTime ? await offsetsOf(link, name, topic, at) : undefined;
  const ranges: { readonly partition: number; readonly begin: number; readonly end: number }[] = [];
  for (const [partition, end] of ends) {
    const asked = times === undefined ? at : times.get(partition) ?? -1; // -1: nothing is that young
    const begin = asked < 0 ? end : Math.max(asked, starts.get(partition) ?? 0);
    if (begin < end) ranges.push({ partition, begin, end });
  }
  return ranges;
}

function replayedOf(record: ReadRecord, reading: Reading, plan: ReplayPlan): Delivery | undefined {
  const delivery = deliveryOf(record, reading);
  if (delivery === undefined) return undefined;
  const { operation } = delivery;
  if (operation === undefined && reading.channel !== "event") return undefined; // a reply
  if (plan.operation !== undefined && operation !== plan.operation) return undefined;
  const id = delivery.id === undefined ? undefined : `${delivery.id}.${plan.name}`;
  return {
    ...delivery,
    id: id === undefined || id.length > idLength ? undefined : id,
    replyTo: undefined,
    correlationId: undefined,
  };
}

/** Reads until all is done, or the plan is stopped. */
async function readAll(
  fetcher: Fetcher,
  readers: readonly PartitionReader[],
  done: Promise<unknown>,
  { stop, abandon }: ReplayPlan,
): Promise<void> {
  const over = new AbortController();
  const fetching = fetcher.run(over.signal);
  fetching.catch(() => {}); // the race says it
  const reads = readers.map((reader) => reader.run());
  try {
    if (readers.length > 0) await Promise.race([done, fetching, aborted(stop)]);
  } finally {
    over.abort();
    for (const reader of readers) reader.stop();
    await Promise.race([Promise.all(reads), aborted(abandon)]);
    for (const reader of readers) reader.end();
  }
}
