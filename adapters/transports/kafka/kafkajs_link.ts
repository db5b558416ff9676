import { KafkaError } from "./kafka_error.ts";
import type {
  Committed,
  Fetched,
  JoinPlan,
  KafkaLink,
  Membership,
  OpenLink,
  PartitionOffset,
  ProducerIdentity,
  RecordBatch,
  Topic,
  TopicPlan,
} from "./link.ts";
import { type Bytes, type Cluster, guarded, type Library, type Node, type Pool } from "./kafkajs_parts.ts";
import { fetchedOf } from "./kafkajs_fetch.ts";
import { metadataRequest } from "./metadata_request.ts";
import type { KafkaSettings } from "./options.ts";
import { produceRequest } from "./produce_request.ts";

/** How long a broker may take to accept a connection. */
const connectMs = 3_000;
/** How long a broker may take to answer. */
const answerMs = 8_000;
/** The maximum number of bytes that one fetch brings of a partition. */
const partitionBytes = 1_048_576;
/** The times that `ListOffsets` knows by number. */
const startTime = -2;
const endTime = -1;

/**
 * Opens links with kafkajs. Its producers and consumers are not used, because what they do after a failure is not safe: a
 * producer gives the sequence number of a batch whose answer got lost to the next batch, which the broker then drops as a
 * repeat; and a consumer waits for its slowest partition before it reads any other. Below them kafkajs speaks the protocol,
 * and hands its cluster to whoever assigns partitions. That is where this takes it.
 */
export function kafkajsLinks(library: Library, settings: KafkaSettings, clientId: string): OpenLink {
  const client = new library.Kafka({
    brokers: settings.brokers,
    ssl: typeof settings.ssl === "boolean"
      ? settings.ssl
      : { ...settings.ssl, ca: certificates(settings.ssl.ca) },
    sasl: settings.sasl,
    clientId,
    connectionTimeout: connectMs,
    authenticationTimeout: answerMs,
    requestTimeout: answerMs,
    logLevel: library.logLevel.NOTHING,
    logCreator: () => () => {},
    retry: { retries: 0, initialRetryTime: 1, maxRetryTime: 1 },
  });
  return () => {
    let cluster: unknown;
    const assigner = (given: { readonly cluster: unknown }) => {
      cluster = given.cluster;
      return { name: "posthorn", version: 0 };
    };
    client.consumer({ groupId: "posthorn", allowAutoTopicCreation: false, partitionAssigners: [assigner] });
    return new KafkajsLink(cluster as Cluster, library);
  };
}

class KafkajsLink implements KafkaLink {
  readonly #cluster: Cluster;
  readonly #library: Library;
  readonly #pools = new Set<Pool>();
  readonly #coordinators = new Map<string, Node>();
  readonly #bytes: Bytes;
  #closed = false;

  constructor(cluster: Cluster, library: Library) {
    this.#cluster = cluster;
    this.#library = library;
    this.#bytes = bytesWith(library);
    const builder = cluster.connectionPoolBuilder;
    const build = builder.build.bind(builder);
    builder.build = async (...where) => {
      if (this.#closed) throw closed();
      const pool = await build(...where);
      for (const { requestQueue } of pool.pool) {
        // It would set a timer of a negative delay after each request, of which the platform warns.
        const schedule = requestQueue.scheduleCheckPendingRequests.bind(requestQueue);
        requestQueue.scheduleCheckPendingRequests = () => requestQueue.pending.length > 0 && schedule();
      }
      if (this.#closed) throw closed();
      this.#pools.add(pool);
      return pool;
    };
  }

  connect(): Promise<void> {
    return this.#do(async () => {
      this.#coordinators.clear();
      await this.#cluster.connect();
      await this.#cluster.refreshMetadata();
    });
  }

  topics(names: readonly string[]): Promise<ReadonlyMap<string, Topic>> {
    return this.#do(async () => {
      const node = await this.#cluster.findBroker({ nodeId: this.#anyNode() });
      if ((node.versions?.[3]?.maxVersion ?? 0) < 12) {
        throw new KafkaError("UNSUPPORTED", "Cannot use this Kafka: version 3.0 or newer is needed");
      }
      return await node.connectionPool.send(metadataRequest(names, this.#bytes));
    });
  }

  createTopic({ name, partitions, replicas, config }: TopicPlan): Promise<void> {
    return this.#do(async () => {
      const node = await this.#cluster.findControllerBroker();
      const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
      const topic = { topic: name, numPartitions: partitions, replicationFactor: replicas, configEntries };
      try {
        await node.createTopics({ topics: [topic], timeout: answerMs });
      } catch (error) {
        const found = (error as { errors?: unknown[] }).errors?.[0] ?? error;
        if ((found as { type?: string }).type !== "TOPIC_ALREADY_EXISTS") throw found;
      }
    });
  }

  offsets(node: number, topic: string, partitions: readonly number[], at: "start" | "end" | number) {
    return this.#do(async () => {
      const timestamp = at === "start" ? startTime : at === "end" ? endTime : at;
      const asked = partitions.map((partition) => ({ partition, timestamp }));
      const { responses } = await (await this.#node(node)).listOffsets({
        topics: [{ topic, partitions: asked }],
        isolationLevel: 1,
      });
      return new Map(responses[0].partitions.map(({ partition, offset }) => [partition, Number(offset)]));
    });
  }

  openProducer(): Promise<ProducerIdentity> {
    return this.#do(async () => {
      const node = await this.#cluster.findBroker({ nodeId: this.#anyNode() });
      const { producerId, producerEpoch } = await node.initProducerId({ transactionTimeout: 60_000 });
      return { id: producerId, epoch: producerEpoch };
    });
  }

  produce(
    node: number,
    producer: ProducerIdentity,
    topic: string,
    batches: readonly RecordBatch[],
  ): Promise<void> {
    return this.#do(async () => {
      const { connectionPool } = await this.#node(node);
      const production = { producer, topic, batches, timeoutMs: answerMs };
      await connectionPool.send(produceRequest(production, this.#bytes));
    });
  }

  fetch(
    node: number,
    topic: string,
    from: readonly PartitionOffset[],
    waitMs: number,
  ): Promise<readonly Fetched[]> {
    return this.#do(async () => {
      const partitions = from.map(({ partition, offset }) => ({
        partition,
        fetchOffset: String(offset),
        maxBytes: partitionBytes,
      }));
      const answer = await (await this.#node(node)).fetch({
        maxWaitTime: waitMs,
        isolationLevel: 1, // what was aborted is not read
        topics: [{ topic, partitions }],
      });
      return answer.responses.flatMap((of) => of.partitions).map((found) =>
        fetchedOf(found, from.find(({ partition }) => partition === found.partition)!.offset)
      );
    });
  }

  join(plan: JoinPlan): Promise<Membership> {
    return this.#coordinated(plan.group, async (node) => {
      const { MemberMetadata, MemberAssignment } = this.#library.AssignerProtocol;
      const { group: groupId, topic, memberId, sessionTimeoutMs, rebalanceTimeoutMs } = plan;
      const metadata = MemberMetadata.encode({
        version: 0,
        topics: [topic],
      });
      const joined = await node.joinGroup({
        groupId,
        memberId,
        sessionTimeout: sessionTimeoutMs,
        rebalanceTimeout: rebalanceTimeoutMs,
        groupProtocols: [{ name: "posthorn", metadata }],
      });
      const { generationId: generation } = joined;
      const members = joined.memberId === joined.leaderId
        ? joined.members.map((one) => one.memberId).sort()
        : [];
      const groupAssignment = members.map((member, index) => {
        const own: number[] = [];
        for (let partition = index; partition < plan.partitions; partition += members.length) {
          own.push(partition);
        }
        const assignment = {
          version: 0,
          assignment: { [topic]: own },
        };
        return { memberId: member, memberAssignment: MemberAssignment.encode(assignment) };
      });
      const synced = await node.syncGroup({
        groupId,
        generationId: generation,
        memberId: joined.memberId,
        groupAssignment,
      });
      const partitions = MemberAssignment.decode(synced.memberAssignment)?.assignment[topic] ?? [];
      return { group: groupId, memberId: joined.memberId, generation, partitions };
    });
  }

  heartbeat({ group, memberId, generation }: Membership): Promise<void> {
    return this.#coordinated(group, async (node) => {
      await node.heartbeat({ groupId: group, groupGenerationId: generation, memberId });
    });
  }

  leave({ group, memberId }: Membership): Promise<void> {
    return this.#coordinated(group, async (node) => {
      await node.leaveGroup({ groupId: group, memberId });
    });
  }

  committed(
    group: string,
    topic: string,
    partitions: readonly number[],
  ): Promise<ReadonlyMap<number, Committed>> {
    return this.#coordinated(group, async (node) => {
      const asked = partitions.map((partition) => ({ partition }));
      const { responses } = await node.offsetFetch({
        groupId: group,
        topics: [{ topic, partitions: asked }],
      });
      return new Map((responses[0]?.partitions ?? []).map(({ partition, offset, metadata }) => [
        partition,
        { offset: Number(offset) < 0 ? undefined : Number(offset), metadata: metadata ?? "" },
      ]));
    });
  }

  commit(
    by: Membership | { readonly group: string },
    topic: string,
    offsets: readonly PartitionOffset[],
    metadata?: string,
  ): Promise<void> {
    return this.#coordinated(by.group, async (node) => {
      await node.offsetCommit({
        groupId: by.group,
        memberId: "memberId" in by ? by.memberId : "",
        groupGenerationId: "memberId" in by ? by.generation : -1,
        topics: [{
          topic,
          partitions: offsets.map(({ partition, offset }) => ({
            partition,
            offset: String(offset),
            metadata: metadata ?? null,
          })),
        }],
      });
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const error = closed();
    for (const { pool } of this.#pools) for (const connection of pool) connection.rejectRequests(error);
    await Promise.all([...this.#pools].map((pool) => pool.destroy()));
    this.#pools.clear();
  }

  /** Any node: one that is connected, if there is one. */
  #anyNode(): string {
    const nodes = this.#cluster.getNodeIds();
    if (nodes.length === 0) throw new KafkaError("CONNECTION", "No broker of Kafka is known yet");
    return String(nodes[0]);
  }

  #node(nodeId: number): Promise<Node> {
    return this.#cluster.findBroker({ nodeId: String(nodeId) });
  }

  /** Calls the node that keeps a group. Where that is, is asked again after a failure. */
  #coordinated<Result>(group: string, call: (node: Node) => Promise<Result>): Promise<Result> {
    return this.#do(async () => {
      let node = this.#coordinators.get(group);
      if (node === undefined) {
        node = await this.#cluster.findGroupCoordinator({ groupId: group });
        this.#coordinators.set(group, node);
      }
      try {
        return await call(node);
      } catch (error) {
        this.#coordinators.delete(group);
        throw error;
      }
    });
  }

  #do<Result>(call: () => Promise<Result>): Promise<Result> {
    if (this.#closed) return Promise.reject(closed());
    return guarded(call);
  }
}

/** Makes the byte arrays that kafkajs writes as they are; of any other it would write the text. */
function bytesWith({ AssignerProtocol }: Library): Bytes {
  const { constructor } = AssignerProtocol.MemberAssignment.encode({ version: 0, assignment: {} });
  return (of) => constructor.from(of.buffer, of.byteOffset, of.byteLength);
}

function closed(): KafkaError {
  return new KafkaError("CLOSED", "The connection to Kafka is closed");
}

function certificates(ca: string | readonly string[] | undefined): string | string[] | undefined {
  return typeof ca === "string" || ca === undefined ? ca : [...ca];
}
