import type * as kafkajs from "./kafkajs.d.ts";
import type { NodeBytes } from "./kafkajs.d.ts";
import { KafkaError } from "./kafka_error.ts";

/** What this uses of the library. */
export type Library = Pick<typeof kafkajs, "Kafka" | "logLevel" | "AssignerProtocol">;

/** Makes such bytes of others, without a copy. */
export type Bytes = (of: Uint8Array) => NodeBytes;

/** A request that kafkajs does not know: how its body is written, and its answer read. */
export interface RawRequest<Answer> {
  readonly request: {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly apiName: string;
    encode(): Promise<{ readonly buf: NodeBytes; readonly buffer: NodeBytes }>;
  };
  readonly response: {
    decode(raw: Uint8Array): Promise<{ readonly raw: Uint8Array; readonly clientSideThrottleTime: number }>;
    parse(decoded: { readonly raw: Uint8Array }): Promise<Answer>;
  };
}

/** The two connections of kafkajs to one broker: the second is for fetches. */
export interface Pool {
  readonly pool: readonly {
    readonly requestQueue: { readonly pending: readonly unknown[]; scheduleCheckPendingRequests(): unknown };
    rejectRequests(error: Error): void;
  }[];
  send<Answer>(request: RawRequest<Answer>): Promise<Answer>;
  destroy(): Promise<void>;
}

/** A record as kafkajs reads it. */
export interface FoundRecord {
  readonly offset: string;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers?: Readonly<Record<string, Uint8Array | readonly Uint8Array[] | null>>;
  readonly isControlRecord?: boolean;
  readonly batchContext?: { readonly producerId: string; readonly inTransaction: boolean };
}

/** What kafkajs finds in a partition. */
export interface FoundPartition {
  readonly partition: number;
  readonly highWatermark: string;
  readonly abortedTransactions?: readonly { readonly producerId: string; readonly firstOffset: string }[];
  readonly messages: readonly FoundRecord[];
}

interface TopicPartitions<Partition> {
  readonly topic: string;
  readonly partitions: readonly Partition[];
}

/** A broker as kafkajs 2.2.4 has it, with what its types leave out. */
export interface Node {
  readonly connectionPool: Pool;
  readonly versions?: Readonly<Record<number, { readonly maxVersion: number }>>;
  createTopics(request: { readonly topics: readonly unknown[]; readonly timeout: number }): Promise<unknown>;
  listOffsets(request: {
    readonly topics: readonly TopicPartitions<{ readonly partition: number; readonly timestamp: number }>[];
    readonly isolationLevel: number;
  }): Promise<{
    readonly responses: readonly TopicPartitions<{ readonly partition: number; readonly offset: string }>[];
  }>;
  initProducerId(request: { readonly transactionTimeout: number }): Promise<{
    readonly producerId: string;
    readonly producerEpoch: number;
  }>;
  fetch(request: {
    readonly maxWaitTime: number;
    readonly isolationLevel: number;
    readonly topics: readonly TopicPartitions<unknown>[];
  }): Promise<{ readonly responses: readonly { readonly partitions: readonly FoundPartition[] }[] }>;
  joinGroup(request: {
    readonly groupId: string;
    readonly memberId: string;
    readonly sessionTimeout: number;
    readonly rebalanceTimeout: number;
    readonly groupProtocols: readonly { readonly name: string; readonly metadata: NodeBytes }[];
  }): Promise<{
    readonly generationId: number;
    readonly memberId: string;
    readonly leaderId: string;
    readonly members: readonly { readonly memberId: string }[];
  }>;
  syncGroup(request: {
    readonly groupId: string;
    readonly generationId: number;
    readonly memberId: string;
    readonly groupAssignment: readonly { readonly memberId: string; readonly memberAssignment: NodeBytes }[];
  }): Promise<{ readonly memberAssignment: NodeBytes }>;
  heartbeat(request: {
    readonly groupId: string;
    readonly groupGenerationId: number;
    readonly memberId: string;
  }): Promise<unknown>;
  leaveGroup(request: { readonly groupId: string; readonly memberId: string }): Promise<unknown>;
  offsetFetch(request: {
    readonly groupId: string;
    readonly topics: readonly TopicPartitions<{ readonly partition: number }>[];
  }): Promise<{
    readonly responses: readonly TopicPartitions<
      { readonly partition: number; readonly offset: string; readonly metadata?: string | null }
    >[];
  }>;
  offsetCommit(request: {
    readonly groupId: string;
    readonly memberId: string;
    readonly groupGenerationId: number;
    readonly topics: readonly TopicPartitions<
      { readonly partition: number; readonly offset: string; readonly metadata: string | null }
    >[];
  }): Promise<unknown>;
}

/** The cluster as kafkajs 2.2.4 has it. */
export interface Cluster {
  readonly connectionPoolBuilder: { build(...where: readonly unknown[]): Promise<Pool> };
  getNodeIds(): readonly (number | string)[];
  connect(): Promise<void>;
  refreshMetadata(): Promise<void>;
  findBroker(which: { readonly nodeId: string }): Promise<Node>;
  findControllerBroker(): Promise<Node>;
  findGroupCoordinator(which: { readonly groupId: string }): Promise<Node>;
}

/** Calls the library, and makes a `KafkaError` of whatever it throws. */
export async function guarded<Result>(call: () => Promise<Result>): Promise<Result> {
  try {
    return await call();
  } catch (error) {
    throw kafkaErrorOf(error);
  }
}

/** The innermost error that says what it is. Its message is the broker's, or about an address: no secret is in either. */
function kafkaErrorOf(error: unknown): KafkaError {
  const seen = new Set<unknown>();
  for (let at = error; at instanceof Error && !seen.has(at); at = at.cause) {
    seen.add(at);
    if (at instanceof KafkaError) return at;
    const { type } = at as { readonly type?: unknown };
    if (typeof type === "string") return new KafkaError(type, at.message);
    if (at.name === "KafkaJSSASLAuthenticationError") return new KafkaError("AUTHENTICATION", at.message);
    if (at.name === "KafkaJSGroupCoordinatorNotFound") {
      return new KafkaError("GROUP_COORDINATOR_NOT_AVAILABLE", at.message);
    }
    if (at.name === "KafkaJSNotImplemented") {
      const remedy = "give the topic `compression.type=uncompressed`, or let its senders use gzip";
      return new KafkaError("UNSUPPORTED", `${at.message}: ${remedy}`);
    }
  }
  return new KafkaError("CONNECTION", error instanceof Error ? error.message : String(error));
}
