// One measurement of the bare client of RabbitMQ: `plain_rabbitmq.ts URL CASE COUNT`.

import { Buffer } from "node:buffer";
import { Connection, type ConsumerProps } from "rabbitmq-client";
import type { Outcome } from "../contender.ts";
import { finish } from "../goals/process.ts";
import { Arrivals, receivers, timeAsks, timeTells } from "./load.ts";

const [url, what, countText] = Deno.args;
const count = Number(countText);
const queue = `bench-${crypto.randomUUID()}`;
const connection = new Connection({ url, noDelay: true });
const reading = new Connection({ url, noDelay: true });
const body = Buffer.from("1");

/** The queue of a service: what is sent to its exchange comes to it. */
const options: ConsumerProps = {
  queue,
  queueOptions: { durable: true, arguments: { "x-queue-type": "quorum", "x-single-active-consumer": true } },
  exchanges: [{ exchange: queue, type: "topic", durable: true }],
  queueBindings: [{ exchange: queue, routingKey: "#" }],
  qos: { prefetchCount: 200 },
};

function envelopeOf(n: number, type: string) {
  return {
    exchange: queue,
    routingKey: `key${n % receivers}`,
    durable: true,
    mandatory: true,
    messageId: `${n}`,
    contentType: "application/json",
    type,
    appId: "sender",
    headers: { "posthorn-sender": "sender" },
  };
}

async function tells(): Promise<Outcome> {
  const arrivals = new Arrivals(count);
  const consumer = reading.createConsumer(options, () => arrivals.arrived());
  await new Promise((resolve) => consumer.on("ready", () => resolve(undefined)));
  const publisher = connection.createPublisher({ confirm: true });
  const outcome = await timeTells(count, arrivals, (n) => publisher.send(envelopeOf(n, "add"), body));
  await consumer.close();
  return outcome;
}

async function asks(): Promise<Outcome> {
  const consumer = reading.createConsumer(
    options,
    async ({ body }, reply) => await reply(Number(body) + 1),
  );
  await new Promise((resolve) => consumer.on("ready", () => resolve(undefined)));
  const client = connection.createRPCClient({ confirm: true });
  const outcome = await timeAsks(
    count,
    async (x) => Number((await client.send(envelopeOf(0, "next"), x)).body),
  );
  await client.close();
  await consumer.close();
  return outcome;
}

const outcome = await (what === "asks" ? asks() : tells());
await connection.queueDelete(queue);
await connection.exchangeDelete({ exchange: queue });
finish(outcome);
