// What the tests of the adapter against a real broker share.

import { PosthornError, systemClock, systemRandom } from "@posthorn/posthorn";
import { rabbitmq, type RabbitmqOptions } from "@posthorn/posthorn/rabbitmq";
import type {
  Delivery,
  Parcel,
  Receiver,
  Refusal,
  Rejection,
  Tenure,
  TransportConnection,
} from "@posthorn/posthorn/transport";
import {
  type AmqpChannel,
  loadClient,
  type Message,
} from "../../../../adapters/transports/rabbitmq/client.ts";
import { eventually } from "../../../brokers/process.ts";

/** Waits until something holds. */
export async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  if (!await eventually(holds, 40_000)) throw new Error(`Within 40 s ${what}, and that is not so`);
}

/** Opens connections and closes them. */
export class Desk implements AsyncDisposable {
  readonly reported: unknown[] = [];
  readonly #open = new Set<TransportConnection>();
  #processes = 0;

  async connect(options: RabbitmqOptions, service: string, store = service): Promise<TransportConnection> {
    const connection = await rabbitmq({ heartbeatSeconds: 2, ...options }).open({
      clock: systemClock(),
      random: systemRandom(),
      service,
      instance: `${service}-${++this.#processes}`,
      store,
      report: (error) => void this.reported.push(error),
    });
    this.#open.add(connection);
    return connection;
  }

  async close(connection: TransportConnection): Promise<void> {
    this.#open.delete(connection);
    await connection.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(Array.from(this.#open, (connection) => connection.close()));
  }
}

/** Takes everything, unless it is told otherwise. */
export class Taker implements Receiver {
  readonly taken: Delivery[] = [];
  readonly tenures = new Set<Tenure>();
  /** Is awaited before each batch is taken. */
  before: () => Promise<unknown> = () => Promise.resolve();
  reject: (delivery: Delivery) => string | undefined = () => undefined;

  get ids(): (string | undefined)[] {
    return this.taken.map(({ id }) => id);
  }

  /** The first occurrence of each. */
  get firstIds(): (string | undefined)[] {
    return [...new Set(this.ids)];
  }

  begin(tenure: Tenure): Promise<undefined> {
    this.tenures.add(tenure);
    return Promise.resolve(undefined);
  }

  async take(batch: readonly Delivery[]): Promise<readonly Rejection[]> {
    await this.before();
    this.taken.push(...batch);
    return batch.flatMap((delivery, index) => {
      const reason = this.reject(delivery);
      return reason === undefined ? [] : [{ index, reason }];
    });
  }
}

export function inboxOf(protocol: string) {
  return { kind: "inbox", protocol, operations: [{ name: "add", mode: "tell" }] } as const;
}

/** Parcels that count from a number, with ids that sort as they do. */
export function parcels(protocol: string, from: number, count: number, more: Partial<Parcel> = {}): Parcel[] {
  return Array.from({ length: count }, (_, index) => ({
    to: { kind: "inbox", protocol, key: "ada", operation: { name: "add", mode: "tell" } },
    id: `m${String(from + index).padStart(6, "0")}`,
    body: new TextEncoder().encode(String(from + index)),
    contentType: "application/json",
    headers: {},
    ...more,
  }));
}

/** Sends until the broker has it, as a relay does: whatever nobody knows is sent again. */
export async function sendAtLast(connection: TransportConnection, batch: readonly Parcel[]): Promise<void> {
  await until(async () => {
    const answers = await answersOf(connection, batch);
    return answers !== undefined && answers.every((answer) => answer === undefined);
  }, "the broker takes it");
}

/** Sends until the broker has answered each. */
export async function answeredAtLast(
  connection: TransportConnection,
  batch: readonly Parcel[],
): Promise<readonly (Refusal | undefined)[]> {
  let answers: readonly (Refusal | undefined)[] | undefined;
  await until(
    async () => (answers = await answersOf(connection, batch)) !== undefined,
    "the broker answers",
  );
  return answers!;
}

/** What the broker answers; `undefined` if nobody knows. */
async function answersOf(connection: TransportConnection, batch: readonly Parcel[]) {
  try {
    return await connection.send(batch);
  } catch (error) {
    if (error instanceof PosthornError && error.code === "transport-unavailable") return undefined;
    throw error;
  }
}

interface StrangerChannel extends AmqpChannel {
  exchangeDelete(exchange: { exchange: string }): Promise<unknown>;
  queueDelete(queue: { queue: string }): Promise<unknown>;
  basicGet(queue: { queue: string }): Promise<Message | undefined>;
}

/** The client of somebody else, on a connection of its own. */
export async function stranger(url: string) {
  const { hostname, port, username, password } = new URL(url);
  const client = await loadClient();
  const connection = client.connect({
    hostname,
    port: Number(port),
    username,
    password: decodeURIComponent(password),
    vhost: "/",
    tls: undefined,
    heartbeat: 10,
    connectionName: "stranger",
  });
  connection.on("error", () => {});
  const channel = await connection.acquire({ emitErrorsFromChannel: true }) as StrangerChannel;
  channel.on("error", () => {});
  await channel.confirmSelect();
  return {
    channel,
    bytes: (text: string) => client.bytes(new TextEncoder().encode(text)),
    async [Symbol.asyncDispose]() {
      await channel.close();
      await connection.close();
    },
  };
}
