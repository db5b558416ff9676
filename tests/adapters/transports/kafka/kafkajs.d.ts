/** What tests use of kafkajs as a stranger. Its own declarations need those of Node, and an old one is found here. */

export interface KafkaConfig {
  readonly brokers: readonly string[];
  readonly ssl?: unknown;
  readonly sasl?: unknown;
  readonly logLevel?: number;
}

export interface PartitionOffset {
  readonly partition: number;
  readonly offset: string;
}

export interface Admin {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  listTopics(): Promise<string[]>;
  deleteTopics(which: { readonly topics: readonly string[] }): Promise<void>;
  createTopics(which: {
    readonly topics: readonly {
      readonly topic: string;
      readonly numPartitions: number;
      readonly configEntries?: readonly { readonly name: string; readonly value: string }[];
    }[];
  }): Promise<unknown>;
  resetOffsets(
    which: { readonly groupId: string; readonly topic: string; readonly earliest: boolean },
  ): Promise<void>;
  fetchOffsets(which: { readonly groupId: string; readonly topics: readonly string[] }): Promise<
    { readonly partitions: readonly PartitionOffset[] }[]
  >;
  setOffsets(which: {
    readonly groupId: string;
    readonly topic: string;
    readonly partitions: readonly PartitionOffset[];
  }): Promise<void>;
}

interface Message {
  readonly key: string;
  readonly value: string;
  readonly headers?: Readonly<Record<string, string | Uint8Array>>;
}

interface Sending {
  readonly topic: string;
  readonly messages: readonly Message[];
}

export class Kafka {
  constructor(config: KafkaConfig);
  admin(): Admin;
  producer(
    options: {
      readonly transactionalId?: string;
      readonly idempotent?: boolean;
      readonly maxInFlightRequests?: number;
    },
  ): {
    connect(): Promise<void>;
    disconnect(): Promise<void>;
    send(what: Sending): Promise<unknown>;
    transaction(): Promise<{
      send(what: Sending): Promise<unknown>;
      abort(): Promise<void>;
      commit(): Promise<void>;
    }>;
  };
  consumer(options: { readonly groupId: string }): {
    connect(): Promise<void>;
    disconnect(): Promise<void>;
    subscribe(what: { readonly topic: string; readonly fromBeginning: boolean }): Promise<void>;
    run(how: {
      eachMessage(payload: {
        readonly partition: number;
        readonly message: {
          readonly key: Uint8Array | null;
          readonly value: Uint8Array | null;
          readonly headers?: Readonly<Record<string, unknown>>;
        };
      }): Promise<void>;
    }): Promise<void>;
  };
}

export const logLevel: { readonly NOTHING: number };
