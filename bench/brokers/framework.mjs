// One measurement of Moleculer or NestJS over NATS, or of a package with which they publish to its streams:
// `framework.mjs FOLDER LIBRARY URL CASE COUNT`. FOLDER has their `node_modules`. Who sends and who receives are in this
// process, each with a connection of its own.

import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import process from "node:process";
import { confirming } from "./confirming.mjs";
import { Arrivals, timeAsks, timeCalls, timeTells } from "./load.ts";

const [folder, library, url, what, countText] = process.argv.slice(2);
const count = Number(countText);
const require = createRequire(`${folder}/package.json`);
const arrivals = new Arrivals(count);
const next = (x) => x + 1;

async function moleculer() {
  const { ServiceBroker } = require("moleculer");
  const namespace = randomUUID().slice(0, 8);
  const brokerOf = (nodeID) => new ServiceBroker({ namespace, nodeID, logger: false, transporter: url });
  const receiver = brokerOf("receiver");
  receiver.createService({
    name: "target",
    actions: { next: ({ params }) => next(params.x) },
    events: { "target.added": () => arrivals.arrived() },
  });
  const sender = brokerOf("sender");
  await Promise.all([receiver.start(), sender.start()]);
  await sender.waitForServices("target");
  return {
    ask: (x) => sender.call("target.next", { x }),
    publish: () => sender.emit("target.added", { n: 1 }),
  };
}

async function nest() {
  require("reflect-metadata");
  const { Controller, Module } = require("@nestjs/common");
  const { NestFactory } = require("@nestjs/core");
  const { ClientProxyFactory, EventPattern, MessagePattern, Payload, Transport } = require(
    "@nestjs/microservices",
  );
  const { lastValueFrom } = require("rxjs");
  const name = `bench.${randomUUID().slice(0, 8)}`;
  class Target {
    next(x) {
      return next(x);
    }
    added() {
      arrivals.arrived();
    }
  }
  for (const [method, decorator] of Object.entries({ next: MessagePattern, added: EventPattern })) { // TypeScript writes this as decorators
    Payload()(Target.prototype, method, 0);
    const descriptor = Object.getOwnPropertyDescriptor(Target.prototype, method);
    decorator(`${name}.${method}`)(Target.prototype, method, descriptor);
  }
  Controller()(Target);
  class Application {}
  Module({ controllers: [Target] })(Application);
  const options = { servers: url };
  const transport = Transport.NATS;
  const queue = { ...options, queue: name };
  const application = await NestFactory.createMicroservice(Application, {
    transport,
    options: queue,
    logger: false,
  });
  await application.listen();
  const client = ClientProxyFactory.create({ transport, options });
  await client.connect();
  return {
    ask: (x) => lastValueFrom(client.send(`${name}.next`, x)),
    publish: () => lastValueFrom(client.emit(`${name}.added`, 1), { defaultValue: undefined }),
  };
}

const { channels, channelsByDefault, jetstream } = confirming({ require, url, arrivals });
const libraries = { moleculer, nest, channels, channelsByDefault, jetstream };
const { ask, publish, acknowledged } = await libraries[library]();
const cases = {
  asks: () => timeAsks(count, ask),
  calls: () => timeCalls(count, ask),
  publish: () => timeTells(count, arrivals, publish, acknowledged),
};
console.log(JSON.stringify(await cases[what]()));
process.exit(0);
