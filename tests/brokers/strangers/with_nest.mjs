// A NestJS microservice on RabbitMQ, NATS or Kafka that knows nothing but docs/brokers.md. Standard input and
// output are those of with_pika.py. $NEST is the folder whose node_modules it uses.

import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import process from "node:process";
import { createInterface } from "node:readline";

const require = createRequire(`${process.env.NEST}/package.json`);
require("reflect-metadata");
const { Controller, Module } = require("@nestjs/common");
const { NestFactory } = require("@nestjs/core");
const microservices = require("@nestjs/microservices");
const { ClientProxyFactory, Ctx, EventPattern, MessagePattern, Payload, Transport } = microservices;
const { firstValueFrom, lastValueFrom } = require("rxjs");

const config = JSON.parse(process.argv[2]);
const { url, serves, hears } = config;
const kind = new URL(url).protocol.replace(":", "");

function say(what, value) {
  console.log(JSON.stringify({ [what]: value }));
}

/** Adds a method to the controller. TypeScript writes this as decorators. */
class Carrier {}
function handle(decorator, pattern, name, method) {
  Carrier.prototype[name] = method;
  Payload()(Carrier.prototype, name, 0);
  Ctx()(Carrier.prototype, name, 1);
  decorator(pattern)(Carrier.prototype, name, Object.getOwnPropertyDescriptor(Carrier.prototype, name));
}
Controller()(Carrier);

/** A key in a subject of NATS: percent-encoded beyond letters, digits, `_` and `-`. */
function token(key) {
  return encodeURIComponent(key).replace(
    /[.!~*'()]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** It has no field `key` or `value`: Nest would take it for a record of Kafka, and send only its value. */
function answerTo(to, { kg }) {
  return { to, cents: kg * 100 };
}

/** What differs from broker to broker: how Nest is to read and write what has no envelope. */
const brokers = {
  async amqp() {
    const connection = await require("amqplib").connect(url);
    const channel = await connection.createChannel();
    const queueOptions = { durable: true, arguments: { "x-queue-type": "quorum" } };
    await channel.assertExchange(serves, "topic", { durable: true });
    await channel.assertExchange("posthorn.events", "topic", { durable: true });
    await channel.assertQueue(serves, queueOptions);
    await channel.bindQueue(serves, serves, "#");
    for (const key of [hears, `${hears}.#`]) await channel.bindQueue(serves, "posthorn.events", key);
    handle(MessagePattern, "quote", "quote", (payload, context) => {
      const { fields, properties } = context.getMessage();
      const { type, correlationId, messageId, headers } = properties;
      say("served", { key: fields.routingKey, operation: type, payload, messageId, correlationId, headers });
      return answerTo(fields.routingKey, payload);
    });
    handle(EventPattern, hears, "hear", (payload, context) => {
      const { fields, properties } = context.getMessage();
      say("heard", { key: fields.routingKey, payload, headers: properties.headers });
    });
    return {
      transport: Transport.RMQ,
      options: {
        urls: [url],
        queue: serves,
        queueOptions,
        // This is the deserializer of docs/brokers.md, and the serializer for who answers.
        deserializer: {
          deserialize: (data, { type, headers, replyTo, correlationId }) => ({
            pattern: headers?.["cloudEvents:type"] ?? type,
            data,
            id: replyTo && (correlationId ?? replyTo),
          }),
        },
        serializer: {
          serialize: ({ response, err }) => err ? { code: "failed", detail: String(err) } : response,
        },
      },
      async send(verb, { protocol, key, operation, event, subject, payload, correlationId, headers }) {
        const body = Buffer.from(JSON.stringify(payload ?? null));
        const properties = { contentType: "application/json", messageId: randomUUID(), headers };
        if (verb === "publish") {
          const routingKey = [event, subject].filter(Boolean).join(".");
          return void channel.publish("posthorn.events", routingKey, body, properties);
        }
        Object.assign(properties, { type: operation });
        if (verb === "call") {
          Object.assign(properties, {
            replyTo: "amq.rabbitmq.reply-to",
            correlationId: correlationId ?? "1",
          });
          await channel.consume("amq.rabbitmq.reply-to", (message) => {
            const { contentType, correlationId } = message.properties;
            say("answer", { payload: JSON.parse(message.content), contentType, correlationId });
            channel.cancel(message.fields.consumerTag);
          }, { noAck: true });
        }
        channel.publish(protocol, key, body, properties);
      },
    };
  },

  async nats() {
    const { JSONCodec } = require("nats");
    const json = JSONCodec();
    handle(MessagePattern, `${serves}.*.quote`, "quote", (payload, context) => {
      const [, key, operation] = context.getSubject().split(".");
      say("served", { key: decodeURIComponent(key), operation, payload });
      return answerTo(decodeURIComponent(key), payload);
    });
    handle(EventPattern, `posthorn.events.${hears}.>`, "hear", (payload, context) => {
      say("heard", { key: context.getSubject().replace("posthorn.events.", ""), payload });
    });
    const client = ClientProxyFactory.create({
      transport: Transport.NATS,
      options: { servers: url, serializer: { serialize: ({ data }) => ({ data: json.encode(data) }) } },
    });
    await client.connect();
    return {
      transport: Transport.NATS,
      options: {
        servers: url,
        queue: serves,
        deserializer: {
          deserialize: (bytes, { channel, replyTo }) => ({
            pattern: channel,
            data: bytes.length > 0 ? json.decode(bytes) : undefined,
            id: replyTo,
          }),
        },
        serializer: { serialize: ({ response }) => ({ data: json.encode(response) }) },
      },
      async send(verb, { protocol, key, operation, event, subject, payload }) {
        if (verb === "publish") {
          await lastValueFrom(
            client.emit(`posthorn.events.${event}${subject ? `.${subject}` : ""}`, payload),
          );
          return;
        }
        const to = `${protocol}.${token(key)}.${operation}`;
        if (verb === "tell") await lastValueFrom(client.emit(to, payload));
        else say("answer", { payload: await lastValueFrom(client.send(to, payload)) });
      },
    };
  },

  async kafka() {
    const brokers = [new URL(url).host];
    const retry = { retries: 30 }; // a topic may be new
    handle(MessagePattern, serves, "quote", (payload, context) => {
      const { key, headers } = context.getMessage();
      say("served", { key, operation: headers.operation, payload, headers });
      return answerTo(key, payload);
    });
    handle(EventPattern, hears, "hear", (payload, context) => {
      const { key, headers } = context.getMessage();
      say("heard", { key, payload, headers });
    });
    const client = ClientProxyFactory.create({
      transport: Transport.KAFKA,
      options: {
        client: { brokers, retry },
        consumer: { groupId: `${serves}-client` },
      },
    });
    for (const topic of config.calls ?? []) client.subscribeToResponseOf(topic); // <topic>.reply must be there
    await client.connect();
    return {
      transport: Transport.KAFKA,
      options: {
        client: { brokers, retry },
        consumer: { groupId: serves },
        subscribe: { fromBeginning: true },
      },
      async send(verb, { protocol, key, operation, event, payload, headers }) {
        const id = randomUUID();
        const message = (more) => ({ key, value: JSON.stringify(payload ?? null), headers: { id, ...more } });
        if (verb === "publish") await lastValueFrom(client.emit(event, message({ ...headers })));
        else if (verb === "tell") {
          await lastValueFrom(client.emit(protocol, message({ ...headers, operation })));
        } else {
          // The first: only Nest says that no more answers come.
          const answer = await firstValueFrom(client.send(protocol, message({ ...headers, operation })));
          say("answer", { payload: answer });
        }
      },
    };
  },
};

const { send, ...options } = await brokers[kind]();
class Application {}
Module({ controllers: [Carrier] })(Application);
const application = await NestFactory.createMicroservice(Application, { ...options, logger: ["error"] });
await application.listen();
say("ready", true);
for await (const line of createInterface({ input: process.stdin })) {
  const [[verb, what]] = Object.entries(JSON.parse(line));
  send(verb, what).catch((error) => say("failed", String(error?.message ?? error)));
}
await application.close();
process.exit(0);
