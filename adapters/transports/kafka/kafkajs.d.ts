/**
 * What this uses of kafkajs 2.2.4. Its own declarations need those of Node, and would bring them into the programs of all
 * who import this.
 */

/** The bytes that kafkajs takes: a class of the platform. */
export interface NodeBytes extends Uint8Array {
  readonly constructor: { from(of: ArrayBufferLike, at: number, bytes: number): NodeBytes };
}

export interface Assigner {
  readonly name: string;
  readonly version: number;
}

export class Kafka {
  constructor(config: {
    readonly brokers: readonly string[];
    readonly ssl: unknown;
    readonly sasl: unknown;
    readonly clientId: string;
    readonly connectionTimeout: number;
    readonly authenticationTimeout: number;
    readonly requestTimeout: number;
    readonly logLevel: number;
    readonly logCreator: () => () => void;
    readonly retry: {
      readonly retries: number;
      readonly initialRetryTime: number;
      readonly maxRetryTime: number;
    };
  });
  consumer(config: {
    readonly groupId: string;
    readonly allowAutoTopicCreation: boolean;
    readonly partitionAssigners: readonly ((given: { readonly cluster: unknown }) => Assigner)[];
  }): unknown;
}

export const logLevel: { readonly NOTHING: number };

export const AssignerProtocol: {
  readonly MemberMetadata: {
    encode(metadata: {
      readonly version: number;
      readonly topics: readonly string[];
      readonly userData?: NodeBytes;
    }): NodeBytes;
  };
  readonly MemberAssignment: {
    encode(assignment: {
      readonly version: number;
      readonly assignment: Readonly<Record<string, readonly number[]>>;
      readonly userData?: NodeBytes;
    }): NodeBytes;
    decode(bytes: NodeBytes): { readonly assignment: Readonly<Record<string, readonly number[]>> } | null;
  };
};
