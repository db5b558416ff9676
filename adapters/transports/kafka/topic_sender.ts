import type { Clock } from "../../../runtime/base/clock.ts";
import { pause } from "../../../runtime/base/pause.ts";
import type { Refusal } from "../../../runtime/ports/transport.ts";
import { codeOf, isForbidden, isTooLarge, KafkaError } from "./kafka_error.ts";
import type { KafkaLink, KafkaRecord, ProducerIdentity, RecordBatch, Topic } from "./link.ts";
import { partitionOf } from "./partitions.ts";
import { backoffMs, inTime } from "./waiting.ts";
import { sizeOf } from "./records.ts";
import type { Topics } from "./topics.ts";

/** How long records are sent again, with the same numbers, before nobody knows about them. */
const retryMs = 12_000;
/** How long a send takes at most. */
const settleMs = 25_000;
/** What one request writes at most: records, and bytes of a partition (which the broker takes as one message). */
const recordsAtOnce = 5_000;
const bytesAtOnce = 900_000;

/** A record on its way, and what is known about it: `undefined` in the end if the broker has it. */
interface Sending {
  readonly record: KafkaRecord;
  readonly partition: number;
  outcome: "open" | Refusal | undefined;
}

interface Entry {
  readonly records: readonly { readonly record: KafkaRecord; readonly partition: number | undefined }[];
  readonly settle: PromiseWithResolvers<readonly (Refusal | undefined)[]>;
}

/**
 * Writes to one topic, in the order of the calls. What is sent while a request is under way goes together with the next:
 * there is one at a time. It has a producer identity of its own, and takes a new one after a failure that leaves open what
 * the broker has: no later record gets a number that an earlier one may have used.
 */
export class TopicSender {
  readonly #topic: string;
  readonly #link: KafkaLink;
  readonly #topics: Topics;
  readonly #clock: Clock;
  readonly #closed: AbortSignal;
  readonly #queue: Entry[] = [];
  readonly #sequences = new Map<number, number>();
  #identity: ProducerIdentity | undefined;
  #working: Promise<void> | undefined;

  constructor(topic: string, link: KafkaLink, topics: Topics, clock: Clock, closed: AbortSignal) {
    this.#topic = topic;
    this.#link = link;
    this.#topics = topics;
    this.#clock = clock;
    this.#closed = closed;
  }

  /** What is under way; `undefined` if nothing is. */
  get working(): Promise<void> | undefined {
    return this.#working;
  }

  /** Resolves with what became of each record. Rejects if nobody knows about some. */
  async send(records: Entry["records"]): Promise<readonly (Refusal | undefined)[]> {
    const entry: Entry = { records, settle: Promise.withResolvers() };
    this.#queue.push(entry);
    this.#working ??= this.#work();
    const outcomes = await inTime(this.#clock, settleMs, entry.settle.promise);
    if (outcomes !== undefined) return outcomes;
    const waiting = this.#queue.indexOf(entry);
    if (waiting >= 0) this.#queue.splice(waiting, 1);
    entry.settle.promise.catch(() => {}); // this call has said that nobody knows
    throw new KafkaError(
      "TIMED_OUT",
      `Kafka did not say in ${settleMs} ms whether ${this.#topic} has the records`,
    );
  }

  async #work(): Promise<void> {
    await Promise.resolve(); // what is sent in this turn of the event loop goes together
    while (this.#queue.length > 0) {
      const entries: Entry[] = [];
      let count = 0;
      while (
        this.#queue.length > 0 && (count === 0 || count + this.#queue[0].records.length <= recordsAtOnce)
      ) {
        const entry = this.#queue.shift()!;
        count += entry.records.length;
        entries.push(entry);
      }
      await this.#flush(entries);
    }
    this.#working = undefined;
  }

  async #flush(entries: readonly Entry[]): Promise<void> {
    const sendings: Sending[][] = [];
    let failure: unknown;
    try {
      const topic = await this.#topics.find(this.#topic);
      if (topic === undefined) {
        const refusal = this.#refusal("no-receiver", "nobody has made that topic");
        for (const { records, settle } of entries) settle.resolve(records.map(() => refusal));
        return;
      }
      for (const { records } of entries) {
        sendings.push(records.map(({ record, partition }) => ({
          record,
          partition: partition !== undefined && partition < topic.leaders.length
            ? partition
            : partitionOf(record.key, topic.leaders.length),
          outcome: "open",
        })));
      }
      await this.#write(sendings.flat());
    } catch (error) {
      failure = error;
      this.#identity = undefined;
      this.#topics.forget(this.#topic);
    }
    for (const [index, { settle }] of entries.entries()) {
      const outcomes = sendings[index]?.map(({ outcome }) => outcome) ?? ["open"];
      if (outcomes.includes("open")) settle.reject(failure);
      else settle.resolve(outcomes as readonly (Refusal | undefined)[]);
    }
  }

  /** Writes what fits at once into each partition, then what is behind it. */
  async #write(sendings: readonly Sending[]): Promise<void> {
    const queues = Map.groupBy(sendings, ({ partition }) => partition);
    while (queues.size > 0) {
      const round: Sending[][] = [];
      for (const [partition, queue] of queues) {
        const count = countWithin(queue, bytesAtOnce);
        round.push(queue.slice(0, count));
        if (count === queue.length) queues.delete(partition);
        else queues.set(partition, queue.slice(count));
      }
      await this.#writeRound(round, this.#clock.monotonicMs() + retryMs);
    }
  }

  /** Writes at most one batch to each partition, again and again until it is known, or the time is over. */
  async #writeRound(batches: readonly (readonly Sending[])[], untilMs: number): Promise<void> {
    for (let attempt = 0;; attempt++) {
      try {
        const topic = await this.#topics.find(this.#topic);
        if (topic === undefined) return this.#refuse(batches, "no-receiver", "nobody has made that topic");
        await this.#produce(topic, batches);
        return;
      } catch (error) {
        if (this.#closed.aborted) throw error;
        if (codeOf(error) !== "CONNECTION" && batches.length > 1) {
          for (const batch of batches) await this.#writeRound([batch], untilMs);
          return;
        }
        if (isTooLarge(error)) return await this.#writeSmaller(batches[0], untilMs);
        if (isForbidden(error)) return this.#refuse(batches, "refused", (error as Error).message);
        if (numbersAreLost(error) || this.#clock.monotonicMs() >= untilMs) throw error;
        await this.#recover(attempt);
      }
    }
  }

  async #recover(attempt: number): Promise<void> {
    await pause(this.#clock, backoffMs(attempt, 1_000), this.#closed);
    this.#topics.forget(this.#topic);
    await this.#link.connect().catch(() => {}); // the next attempt says it
  }

  async #produce(topic: Topic, batches: readonly (readonly Sending[])[]): Promise<void> {
    if (this.#identity === undefined) {
      this.#sequences.clear();
      this.#identity = await this.#link.openProducer();
    }
    const identity = this.#identity;
    const byLeader = Map.groupBy(batches, ([{ partition }]) => topic.leaders[partition] ?? -1);
    if (byLeader.has(-1)) {
      throw new KafkaError("LEADER_NOT_AVAILABLE", `No broker leads all of ${this.#topic}`);
    }
    const written = await Promise.allSettled([...byLeader].map(async ([leader, of]) => {
      const toWrite = of.filter(([{ outcome }]) => outcome === "open").map((batch): RecordBatch => ({
        partition: batch[0].partition,
        sequence: this.#sequences.get(batch[0].partition) ?? 0,
        atMs: this.#clock.now(),
        records: batch.map(({ record }) => record),
      }));
      if (toWrite.length > 0) await this.#writeTo(leader, identity, toWrite);
      for (const batch of of) this.#done(batch);
    }));
    for (const result of written) if (result.status === "rejected") throw result.reason;
  }

  async #writeTo(leader: number, identity: ProducerIdentity, batches: readonly RecordBatch[]): Promise<void> {
    try {
      await this.#link.produce(leader, identity, this.#topic, batches);
    } catch (error) {
      const isRepeat = codeOf(error) === "DUPLICATE_SEQUENCE_NUMBER" && batches.length === 1;
      if (!isRepeat) throw error; // a repeat: an earlier attempt has got there
    }
  }

  #done(batch: readonly Sending[]): void {
    if (batch[0].outcome !== "open") return;
    for (const sending of batch) sending.outcome = undefined;
    const { partition } = batch[0];
    this.#sequences.set(partition, ((this.#sequences.get(partition) ?? 0) + batch.length) % 2 ** 31);
  }

  /** The broker takes smaller messages than was expected, and a batch is one message to it. */
  async #writeSmaller(batch: readonly Sending[], untilMs: number): Promise<void> {
    if (batch.length === 1) {
      return this.#refuse(
        [batch],
        "too-large",
        `it has ${sizeOf(batch[0].record)} bytes, more than that topic takes`,
      );
    }
    const middle = Math.ceil(batch.length / 2);
    await this.#writeRound([batch.slice(0, middle)], untilMs);
    await this.#writeRound([batch.slice(middle)], untilMs);
  }

  #refuse(batches: readonly (readonly Sending[])[], code: Refusal["code"], why: string): void {
    if (code === "no-receiver") this.#identity = undefined;
    for (const sending of batches.flat()) {
      if (sending.outcome === "open") sending.outcome = this.#refusal(code, why);
    }
  }

  #refusal(code: Refusal["code"], why: string): Refusal {
    return { code, message: `Cannot send to ${this.#topic}: ${why}` };
  }
}

/** Whether the broker does not know how far this producer was, so that the same batch can never be written. */
function numbersAreLost(error: unknown): boolean {
  return [
    "OUT_OF_ORDER_SEQUENCE_NUMBER",
    "UNKNOWN_PRODUCER_ID",
    "INVALID_PRODUCER_EPOCH",
    "PRODUCER_FENCED",
    "DUPLICATE_SEQUENCE_NUMBER",
    "UNSUPPORTED",
    "INVALID_RECORD",
  ].includes(codeOf(error));
}

function countWithin(queue: readonly Sending[], bytes: number): number {
  let sum = 0;
  for (const [index, { record }] of queue.entries()) {
    sum += sizeOf(record);
    if (index > 0 && sum > bytes) return index;
  }
  return queue.length;
}
