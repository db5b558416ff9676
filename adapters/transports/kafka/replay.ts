import { PosthornError } from "../../../runtime/base/errors.ts";
import type { Delivery, Receiver } from "../../../runtime/ports/transport.ts";
import { aborted, Fetcher } from "./fetcher.ts";
import type { ReadRecord } from "./link.ts";
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

/**
 * Reads a channel again, from an offset or a time up to its end as it is now, and hands everything to the receiver as shards
 * of their own: so their positions are others, and what comes meanwhile is not held up. The messages have other ids, so
 * that they are no repeats. Replies are left out, and nothing is answered again. Resolves with the number of messages.
 */
export async function replay(
  context: ReadingContext,
  reading: Reading,
  receiver: Receiver,
  what: {
    readonly at: number;
    readonly isTime: boolean;
    readonly name: string;
    readonly operation: string | undefined;
  },
  { stop, abandon }: { readonly stop: AbortSignal; readonly abandon: AbortSignal },
): Promise<number> {
  const { topics, clock } = context;
  const { topic: name } = reading;
  const link = context.openLink();
  try {
    await link.connect();
    const topic = await topics.find(name);
    if (topic === undefined) {
      throw new PosthornError("not-found", `Cannot replay ${name}: there is no such topic`);
    }
    const starts = await offsetsOf(link, name, topic, "start");
    const ends = await offsetsOf(link, name, topic, "end");
    const times = what.isTime ? await offsetsOf(link, name, topic, what.at) : undefined;
    let count = 0;
    const done: Promise<void>[] = [];
    const readers: PartitionReader[] = [];
    for (const [partition, end] of ends) {
      const asked = times === undefined ? what.at : times.get(partition) ?? -1; // -1: nothing is that young
      const begin = asked < 0 ? end : Math.max(asked, starts.get(partition) ?? 0);
      if (begin >= end) continue;
      const finished = Promise.withResolvers<void>();
      done.push(finished.promise);
      readers.push(
        new PartitionReader(
          {
            partition,
            shard: `${name}/${partition}/${what.name}`,
            epoch: topic.id,
            start: (position) => {
              const from = position === undefined ? begin : Math.max(begin, position + 1);
              if (from >= end) finished.resolve();
              return Promise.resolve(from);
            },
            deliver(record: ReadRecord): Delivery | undefined {
              const delivery = record.offset < end ? deliveryOf(record, reading) : undefined;
              if (delivery?.operation === undefined && reading.channel !== "event") return undefined;
              if (delivery === undefined) return undefined;
              if (what.operation !== undefined && delivery.operation !== what.operation) return undefined;
              count++;
              const id = delivery.id === undefined ? undefined : `${delivery.id}.${what.name}`;
              return {
                ...delivery,
                id: id === undefined || id.length > idLength ? undefined : id,
                replyTo: undefined,
                correlationId: undefined,
              };
            },
            acknowledge: (next) => next >= end ? finished.resolve() : undefined,
            reject: (record, reason) => context.bury(name, partition, record, reason),
          },
          receiver,
          clock,
        ),
      );
    }
    const over = new AbortController();
    const told = { trouble: () => {}, well: () => {} };
    const fetching = new Fetcher(link, topics, clock, told, { name, id: topic.id }, readers).run(over.signal);
    fetching.catch(() => {}); // the race says it
    const reads = readers.map((reader) => reader.run());
    try {
      if (readers.length > 0) await Promise.race([Promise.all(done), fetching, aborted(stop)]);
    } finally {
      over.abort();
      for (const reader of readers) reader.stop();
      await Promise.race([Promise.all(reads), aborted(abandon)]);
      for (const reader of readers) reader.end();
    }
    if (!stop.aborted) return count;
    throw new PosthornError(
      "transport-closed",
      `Cannot replay all of ${name}: the connection was drained meanwhile`,
    );
  } finally {
    await link.close();
  }
}
