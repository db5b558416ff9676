import { KafkaError } from "../../../../adapters/transports/kafka/kafka_error.ts";
import type {
  Committed,
  Fetched,
  JoinPlan,
  KafkaLink,
  Membership,
  PartitionOffset,
  ProducerIdentity,
  RecordBatch,
  Topic,
  TopicPlan,
} from "../../../../adapters/transports/kafka/link.ts";

/** A link to a cluster of one node whose answers a test scripts. It keeps what was written, and drops repeats as Kafka does. */
export class ScriptedLink implements KafkaLink {
  topic: Topic | undefined = { id: "t1", leaders: [1, 1] };
  /** What happens to the next writes: `lost` is written, and its answer is not heard. Then all of them succeed. */
  readonly outcomes: ("lost" | string)[] = [];
  /** The maximum number of records in a batch. */
  recordsMax = Infinity;
  /** What is in the log, by partition, as text. */
  readonly log: string[][] = [[], []];
  /** Each attempt to write, as `producer/partition/sequence/count`. */
  readonly attempts: string[] = [];
  readonly made: TopicPlan[] = [];
  /** What a heartbeat answers: the code of an error, or nothing. */
  heartbeats: string | undefined;
  heartbeatCount = 0;
  left = 0;
  readonly commits: (readonly PartitionOffset[])[] = [];
  readonly #expected = new Map<string, number>();
  #producers = 0;

  connect(): Promise<void> {
    return Promise.resolve();
  }

  topics(names: readonly string[]): Promise<ReadonlyMap<string, Topic>> {
    return Promise.resolve(new Map(this.topic === undefined ? [] : names.map((name) => [name, this.topic!])));
  }

  createTopic(plan: TopicPlan): Promise<void> {
    this.made.push(plan);
    this.topic = { id: "t2", leaders: [1] };
    return Promise.resolve();
  }

  offsets(_node: number, _topic: string, partitions: readonly number[], at: "start" | "end" | number) {
    return Promise.resolve(
      new Map(partitions.map((partition) => [partition, at === "start" ? 0 : this.log[partition].length])),
    );
  }

  openProducer(): Promise<ProducerIdentity> {
    return Promise.resolve({ id: String(++this.#producers), epoch: 0 });
  }

  produce(
    _node: number,
    { id }: ProducerIdentity,
    _topic: string,
    batches: readonly RecordBatch[],
  ): Promise<void> {
    for (const { partition, sequence, records } of batches) {
      this.attempts.push(`${id}/${partition}/${sequence}/${records.length}`);
    }
    const outcome = this.outcomes.shift();
    if (outcome !== undefined && outcome !== "lost") return Promise.reject(new KafkaError(outcome, outcome));
    for (const { partition, sequence, records } of batches) {
      if (records.length > this.recordsMax) {
        return Promise.reject(new KafkaError("MESSAGE_TOO_LARGE", "too large"));
      }
      const expected = this.#expected.get(`${id}/${partition}`) ?? 0;
      if (sequence < expected) continue; // a repeat
      if (sequence > expected) return Promise.reject(new KafkaError("OUT_OF_ORDER_SEQUENCE_NUMBER", "a gap"));
      this.#expected.set(`${id}/${partition}`, sequence + records.length);
      for (const { value } of records) this.log[partition].push(new TextDecoder().decode(value));
    }
    return outcome === "lost" ? Promise.reject(new KafkaError("CONNECTION", "cut")) : Promise.resolve();
  }

  fetch(_node: number, _topic: string, from: readonly PartitionOffset[]): Promise<readonly Fetched[]> {
    const found = from.map(({ partition, offset }): Fetched => {
      const records = this.log[partition].slice(offset).map((value, index) => ({
        offset: offset + index,
        key: undefined,
        value: new TextEncoder().encode(value),
        headers: [],
      }));
      return { partition, records, next: offset + records.length };
    });
    if (found.some(({ records }) => records.length > 0)) return Promise.resolve(found);
    return new Promise((resolve) => setTimeout(() => resolve(found), 0));
  }

  join({ group, partitions }: JoinPlan): Promise<Membership> {
    return Promise.resolve({
      group,
      memberId: "m",
      generation: 1,
      partitions: [...Array(partitions).keys()],
    });
  }

  heartbeat(): Promise<void> {
    this.heartbeatCount++;
    if (this.heartbeats === undefined) return Promise.resolve();
    return Promise.reject(new KafkaError(this.heartbeats, this.heartbeats));
  }

  leave(): Promise<void> {
    this.left++;
    return Promise.resolve();
  }

  committed(_group: string, _topic: string, partitions: readonly number[]) {
    return Promise.resolve(
      new Map<number, Committed>(partitions.map((partition) => [partition, { offset: 0, metadata: "" }])),
    );
  }

  commit(_by: unknown, _topic: string, offsets: readonly PartitionOffset[]): Promise<void> {
    this.commits.push(offsets);
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
