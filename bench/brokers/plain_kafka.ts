// One measurement of the bare client of Kafka: `plain_kafka.ts URL CASE COUNT`.

import { Kafka, logLevel } from "kafkajs";
import type { Outcome } from "../contender.ts";
import { finish } from "../goals/process.ts";
import { Arrivals, inFlight, receivers, timeAsks } from "./load.ts";

const [url, what, countText] = Deno.args;
const count = Number(countText);
const topic = `bench-${crypto.randomUUID()}`;
const kafka = new Kafka({ brokers: [new URL(url).host], logLevel: logLevel.NOTHING });
const admin = kafka.admin();
await admin.connect();
await admin.createTopics({
  topics: [{ topic, numPartitions: 1 }, { topic: `${topic}.replies`, numPartitions: 1 }],
});
const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
await producer.connect();

async function consume(topic: string, take: (value: string) => void): Promise<() => Promise<void>> {
  const consumer = kafka.consumer({ groupId: topic, maxWaitTimeInMs: 10 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const joined = new Promise((resolve) => consumer.on("consumer.group_join", resolve));
  await consumer.run({
    eachBatch: ({ batch, resolveOffset }) => {
      for (const { value, offset } of batch.messages) {
        take(String(value));
        resolveOffset(offset);
      }
      return Promise.resolve();
    },
  });
  await joined;
  return () => consumer.disconnect();
}

/** Sent in batches, because single sends are many times slower. */
async function tells(): Promise<Outcome> {
  const arrivals = new Arrivals(count);
  const close = await consume(topic, () => arrivals.arrived());
  const startMs = performance.now();
  for (let sent = 0; sent < count;) {
    const size = Math.min(inFlight, count - sent);
    const messages = Array.from({ length: size }, (_, index) => ({
      key: `key${index % receivers}`,
      value: "1",
      headers: {
        id: `${sent + index}`,
        operation: "add",
        "content-type": "application/json",
        "posthorn-sender": "sender",
      },
    }));
    await producer.send({ topic, acks: -1, messages });
    sent += size;
  }
  await arrivals.all;
  const outcome = { elapsedMs: performance.now() - startMs, check: arrivals.count };
  await close();
  return outcome;
}

async function asks(): Promise<Outcome> {
  const waiting: ((value: number) => void)[] = [];
  const closeServer = await consume(topic, (value) => {
    void producer.send({
      topic: `${topic}.replies`,
      acks: -1,
      messages: [{ value: `${Number(value) + 1}` }],
    });
  });
  const closeClient = await consume(`${topic}.replies`, (value) => waiting.shift()?.(Number(value)));
  const outcome = await timeAsks(count, async (x) => {
    const reply = new Promise<number>((resolve) => waiting.push(resolve));
    await producer.send({ topic, acks: -1, messages: [{ value: `${x}` }] });
    return await reply;
  });
  await Promise.all([closeServer(), closeClient()]);
  return outcome;
}

const outcome = await (what === "asks" ? asks() : tells());
await admin.deleteTopics({ topics: [topic, `${topic}.replies`] });
finish(outcome);
