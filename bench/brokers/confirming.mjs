// Packages with which Moleculer and NestJS publish to streams of NATS: a publish resolves with the acknowledgement of the
// stream, and the receiver acknowledges each message. Streams are as Posthorn makes them: a file, and one copy. What is
// not said here is as it is by default.

import { randomUUID } from "node:crypto";
import { inFlight } from "./load.ts";

const kept = { storage: "file", num_replicas: 1 };

/** Returns the libraries, which tell `arrivals` of each message. */
export function confirming({ require, url, arrivals }) {
  const name = `bench${randomUUID().slice(0, 8)}`;

  /** Returns what waits until the server knows that the receiver has acknowledged everything. It has its own connection. */
  async function acknowledgedBy(stream, consumer) {
    const connection = await require("nats").connect({ servers: url });
    const manager = await connection.jetstreamManager();
    return async () => {
      let pending;
      do {
        const { num_pending, num_ack_pending } = await manager.consumers.info(stream, consumer);
        pending = num_pending + num_ack_pending;
      } while (pending > 0);
    };
  }

  async function moleculer(settings) {
    const { ServiceBroker } = require("moleculer");
    const { Middleware } = require("@moleculer/channels");
    const options = { ...settings, nats: { url, streamConfig: kept } };
    const brokerOf = (nodeID) => {
      const channels = Middleware({ adapter: { type: "NATS", options } });
      return new ServiceBroker({ namespace: name, nodeID, logger: false, middlewares: [channels] });
    };
    const receiver = brokerOf("receiver");
    receiver.createService({ name: "target", channels: { added: () => arrivals.arrived() } });
    const sender = brokerOf("sender");
    await Promise.all([receiver.start(), sender.start()]);
    return {
      publish: () => sender.sendToChannel("added", { n: 1 }),
      acknowledged: await acknowledgedBy(`${name}_added`, "target"),
    };
  }

  async function nest() {
    require("reflect-metadata");
    const { Controller, Module } = require("@nestjs/common");
    const { NestFactory } = require("@nestjs/core");
    const { Ctx, EventPattern, Payload } = require("@nestjs/microservices");
    const { NatsJetStreamClientProxy, NatsJetStreamServer } = require(
      "@nestjs-plugins/nestjs-nats-jetstream-transport",
    );
    const { lastValueFrom } = require("rxjs");
    class Target {
      added(_n, context) {
        context.message.ack();
        arrivals.arrived();
      }
    }
    Payload()(Target.prototype, "added", 0);
    Ctx()(Target.prototype, "added", 1);
    const descriptor = Object.getOwnPropertyDescriptor(Target.prototype, "added");
    EventPattern(`${name}.added`)(Target.prototype, "added", descriptor);
    Controller()(Target);
    class Application {}
    Module({ controllers: [Target] })(Application);
    const strategy = new NatsJetStreamServer({
      connectionOptions: { servers: url, name: "receiver" },
      consumerOptions: { // as its guide shows them
        deliverGroup: `${name}-group`,
        durable: `${name}-durable`,
        deliverTo: `${name}-messages`,
        manualAck: true,
      },
      streamConfig: { ...kept, name, subjects: [`${name}.*`] },
    });
    const application = await NestFactory.createMicroservice(Application, { strategy, logger: false });
    await application.listen();
    const client = new NatsJetStreamClientProxy({ connectionOptions: { servers: url, name: "sender" } });
    await client.connect();
    return {
      publish: () => lastValueFrom(client.emit(`${name}.added`, 1)),
      acknowledged: await acknowledgedBy(name, `${name}-durable-${name}_added`),
    };
  }

  return {
    channels: () => moleculer({ maxInFlight: inFlight }),
    channelsByDefault: () => moleculer({}),
    jetstream: nest,
  };
}
