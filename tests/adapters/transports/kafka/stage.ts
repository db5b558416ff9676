import { kafka, type KafkaOptions } from "@posthorn/posthorn/kafka";
import type {
  Channel,
  Delivery,
  Parcel,
  Receiver,
  Rejection,
  Tenure,
  TransportConnection,
} from "@posthorn/posthorn/transport";
import { systemClock, systemRandom } from "@posthorn/posthorn";
// @ts-types="./kafkajs.d.ts"
import { type Admin, Kafka, type KafkaConfig, logLevel } from "kafkajs";

/** Where the node of a test is. */
export function brokersOf(url: string): string[] {
  return [new URL(url).host];
}

/** A connection that is closed at the end of its block. */
export type Connection = TransportConnection & AsyncDisposable;

/** Opens a connection of a process of a service. */
export function connect(
  options: KafkaOptions,
  service: string,
  { instance = `${service}-${crypto.randomUUID()}`, store = service, transport = kafka(options) } = {},
): Promise<Connection> {
  const opening = transport.open({
    clock: systemClock(),
    random: systemRandom(),
    service,
    instance,
    store,
    report: (error) => console.error("reported", error),
  });
  return opening.then((connection) =>
    Object.assign(connection, { [Symbol.asyncDispose]: () => connection.close() })
  );
}

/** Takes all that comes, and remembers it. */
export class Taker implements Receiver {
  readonly taken: Delivery[] = [];
  readonly tenures: Tenure[] = [];
  /** The position behind which each shard is read; absent: where the group is. */
  known: ((tenure: Tenure) => number | undefined) | undefined;
  rejects: (delivery: Delivery) => string | undefined = () => undefined;

  get ids(): (string | undefined)[] {
    return this.taken.map(({ id }) => id);
  }

  begin(tenure: Tenure): Promise<number | undefined> {
    this.tenures.push(tenure);
    return Promise.resolve(this.known?.(tenure));
  }

  take(batch: readonly Delivery[]): Promise<readonly Rejection[]> {
    const rejections: Rejection[] = [];
    for (const [index, delivery] of batch.entries()) {
      const reason = this.rejects(delivery);
      if (reason === undefined) this.taken.push(delivery);
      else rejections.push({ index, reason });
    }
    return Promise.resolve(rejections);
  }
}

/** The inbox of a protocol. */
export function inbox(protocol: string): Channel & { readonly kind: "inbox" } {
  return { kind: "inbox", protocol, operations: [{ name: "add", mode: "tell" }] };
}

/** Parcels for the inbox of a protocol. */
export function parcels(
  protocol: string,
  count: number,
  more: Partial<Parcel> & { key?: string } = {},
): Parcel[] {
  const { key = "ada", ...rest } = more;
  return Array.from({ length: count }, (_, index) => ({
    to: { kind: "inbox", protocol, key, operation: { name: "add", mode: "tell" } },
    id: `${key}-${index}`,
    body: new TextEncoder().encode(String(index)),
    contentType: "application/json",
    headers: {},
    ...rest,
  }));
}

/** Waits until something is so, for a minute at most. */
export async function eventually(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const endMs = performance.now() + 60_000;
  while (!await holds()) {
    if (performance.now() > endMs) throw new Error(`Within a minute ${what}, and that is not so`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Deletes all topics whose name contains a text. */
export async function deleteTopics(config: KafkaConfig, part: string): Promise<void> {
  await withAdmin(config, async (admin) => {
    const topics = (await admin.listTopics()).filter((topic) => topic.includes(part));
    if (topics.length > 0) await admin.deleteTopics({ topics });
  });
}

/** Does something with a client that is not Posthorn's. */
export async function withAdmin<Result>(
  config: KafkaConfig,
  act: (admin: Admin, client: Kafka) => Promise<Result>,
): Promise<Result> {
  const client = new Kafka({ ...config, logLevel: logLevel.NOTHING });
  const admin = client.admin();
  await admin.connect();
  try {
    return await act(admin, client);
  } finally {
    await admin.disconnect();
  }
}

/** Reads a whole topic with a client that is not Posthorn's. */
export async function readAll(client: Kafka, topic: string, count: number) {
  const consumer = client.consumer({ groupId: `read-${crypto.randomUUID()}` });
  await consumer.connect();
  const admin = client.admin();
  await admin.connect();
  await eventually(async () => (await admin.listTopics()).includes(topic), `the topic ${topic} is there`);
  await admin.disconnect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const found: { key: string; value: string; headers: Record<string, string> }[] = [];
  try {
    await consumer.run({
      eachMessage: ({ message: { key, value, headers = {} } }) => {
        const texts = Object.entries(headers).map(([name, value]) => [name, String(value)]);
        found.push({ key: String(key), value: String(value), headers: Object.fromEntries(texts) });
        return Promise.resolve();
      },
    });
    await eventually(() => found.length >= count, `${count} records are read of ${topic}`);
  } finally {
    await consumer.disconnect();
  }
  return found;
}
