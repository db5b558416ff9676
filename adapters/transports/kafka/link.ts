/** A topic as the cluster knows it. */
export interface Topic {
  /** The identity of the topic: one that was deleted and made anew has another. */
  readonly id: string;
  /** The node that leads each partition, by the number of the partition; -1 if none does just now. */
  readonly leaders: readonly number[];
}

/** A topic that is to be made. */
export interface TopicPlan {
  readonly name: string;
  /** The number of partitions; -1 for the default of the cluster. */
  readonly partitions: number;
  /** The number of replicas; -1 for the default of the cluster. */
  readonly replicas: number;
  /** Its configuration, as Kafka names it. */
  readonly config: Readonly<Record<string, string>>;
}

/** A record to be written. */
export interface KafkaRecord {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly headers: Readonly<Record<string, string | Uint8Array>>;
}

/** Records for one partition, which get there together or not at all. */
export interface RecordBatch {
  readonly partition: number;
  /** The number of the first record in what this producer writes to the partition. */
  readonly sequence: number;
  /** When they are written, in milliseconds since 1970. */
  readonly atMs: number;
  readonly records: readonly KafkaRecord[];
}

/** Whom the broker knows a producer by, so that it drops a batch that comes twice. */
export interface ProducerIdentity {
  readonly id: string;
  readonly epoch: number;
}

/** A record that was read. */
export interface ReadRecord {
  readonly offset: number;
  readonly key: Uint8Array | undefined;
  readonly value: Uint8Array;
  /** The headers in their order; a name may occur more than once. */
  readonly headers: readonly (readonly [name: string, value: Uint8Array])[];
}

/** What a fetch found in a partition. */
export interface Fetched {
  readonly partition: number;
  readonly records: readonly ReadRecord[];
  /** The offset to go on from: behind the records, and behind what is no message, such as an aborted transaction. */
  readonly next: number;
}

/** A place in a partition. */
export interface PartitionOffset {
  readonly partition: number;
  readonly offset: number;
}

/** What a group knows about a partition. */
export interface Committed {
  /** The next offset to be read; absent if the group has read nothing. */
  readonly offset: number | undefined;
  readonly metadata: string;
}

/** Whom a group knows this reader by, from one rebalance to the next. */
export interface Membership {
  readonly group: string;
  readonly memberId: string;
  readonly generation: number;
  /** The partitions that this member reads. */
  readonly partitions: readonly number[];
}

/** How a member joins a group. */
export interface JoinPlan {
  readonly group: string;
  readonly topic: string;
  /** The number of partitions of the topic. */
  readonly partitions: number;
  /** The id that the group gave to this member before; empty if none. */
  readonly memberId: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
}

/**
 * A connection to a cluster, at the level of Kafka's protocol. A broker answers the requests of one link one after the
 * other, and some of them take long: so each reader has a link of its own, and so have all senders together.
 * Every call rejects with a `KafkaError`.
 */
export interface KafkaLink {
  /** Connects, or connects again. */
  connect(): Promise<void>;
  /** Looks topics up. Those that do not exist are not in the answer. */
  topics(names: readonly string[]): Promise<ReadonlyMap<string, Topic>>;
  /** Makes a topic, if it does not exist. */
  createTopic(plan: TopicPlan): Promise<void>;
  /** The offset of the first record at or after a time, or the start or the end of partitions that a node leads. */
  offsets(
    node: number,
    topic: string,
    partitions: readonly number[],
    at: "start" | "end" | number,
  ): Promise<ReadonlyMap<number, number>>;
  openProducer(): Promise<ProducerIdentity>;
  /** Writes batches to partitions that the node leads. Resolves when all their replicas have them. */
  produce(
    node: number,
    producer: ProducerIdentity,
    topic: string,
    batches: readonly RecordBatch[],
  ): Promise<void>;
  /** Reads partitions that the node leads; waits until one has a record, for at most `waitMs`. */
  fetch(
    node: number,
    topic: string,
    from: readonly PartitionOffset[],
    waitMs: number,
  ): Promise<readonly Fetched[]>;
  /** Resolves when all members of the group have joined, and each knows its partitions. */
  join(plan: JoinPlan): Promise<Membership>;
  heartbeat(membership: Membership): Promise<void>;
  leave(membership: Membership): Promise<void>;
  committed(
    group: string,
    topic: string,
    partitions: readonly number[],
  ): Promise<ReadonlyMap<number, Committed>>;
  /** Commits for a member of a group, or, without a membership, for a group that has no members. */
  commit(
    by: Membership | { readonly group: string },
    topic: string,
    offsets: readonly PartitionOffset[],
    metadata?: string,
  ): Promise<void>;
  /** Closes the link. What is under way rejects. */
  close(): Promise<void>;
}

/** Makes links to one cluster. */
export type OpenLink = () => KafkaLink;
