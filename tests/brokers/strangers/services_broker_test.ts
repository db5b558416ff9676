// A service and the programs of others exchange commands, questions and events, each by the conventions of the
// broker.

import { actor, ask, event, protocol, System, tell } from "@posthorn/posthorn";
import { kafka } from "@posthorn/posthorn/kafka";
import { nats } from "@posthorn/posthorn/nats";
import { rabbitmq } from "@posthorn/posthorn/rabbitmq";
import type { Transport } from "@posthorn/posthorn/transport";
import assert from "node:assert/strict";
import * as z from "zod";
import type { BrokerName } from "../broker.ts";
import { brokerTest, type GivenBroker } from "../given.ts";
import { strangers } from "./install.ts";
import { kcatProduce } from "./kcat.ts";
import { Stranger, type StrangerConfig } from "./stranger.ts";

/** What the service hosts, and what a stranger does; the names begin with a prefix. */
function protocolsOf(prefix: string) {
  const from = z.object({ from: z.string() });
  return {
    Order: protocol(`${prefix}order`, {
      add: tell(z.object({ cents: z.number() })),
      total: ask(z.object({ tip: z.number() }), z.object({ of: z.string(), cents: z.number() })),
      settled: event(from, { subject: () => "de.berlin" }),
    }),
    Carrier: protocol(`${prefix}carrier`, {
      quote: ask(z.object({ kg: z.number() }), z.object({ to: z.string(), cents: z.number() })),
      shipped: event(from),
    }),
  };
}

function transportOf(url: string, expose: Transport["expose"]): Transport {
  const { protocol, host } = new URL(url);
  if (protocol === "kafka:") return kafka({ brokers: [host], expose });
  return protocol === "nats:" ? nats({ url, expose }) : rabbitmq({ url, expose });
}

async function exchange(
  name: string,
  { url, prefix }: { readonly url: string; readonly prefix: string },
  start: (config: StrangerConfig) => Promise<Stranger>,
): Promise<void> {
  const { Order, Carrier } = protocolsOf(prefix);
  const order = actor(Order, {
    state: () => 0,
    on: {
      add: (ctx, { cents }) => void (ctx.state += cents),
      total: (ctx, { tip }) => ({ of: ctx.key, cents: ctx.state + tip }),
    },
  });
  await using system = new System({
    name: `${prefix}shop`,
    actors: [order],
    transport: transportOf(url, [Order]),
    remote: [Carrier],
  });
  const shipped = Promise.withResolvers<string>();
  using heard = system.subscribe(Carrier.shipped, ({ from }) => shipped.resolve(from));
  await Promise.all([system.ready(), heard.ready]);
  await using stranger = await start({
    url,
    serves: `${prefix}carrier`,
    hears: `${prefix}order.settled`,
    calls: [`${prefix}order`],
    answers: `${prefix}answers`,
  });

  const to = { protocol: `${prefix}order`, key: "ada" };
  await stranger.tell({ tell: { ...to, operation: "add", payload: { cents: 300 } } });
  for (let cents = 7; cents === 7;) { // on NATS an ask may overtake a tell, which goes by a stream
    await stranger.tell({ call: { ...to, operation: "total", payload: { tip: 7 } } });
    const answer = (await stranger.next("answer")).payload as { readonly cents: number };
    if (answer.cents !== 7) assert.deepEqual(answer, { of: "ada", cents: 307 }, `${name} asks`);
    cents = answer.cents;
  }

  const quote = await system.ref(Carrier, "bea").ask(Carrier.quote, { kg: 4 }, { timeoutMs: 20_000 });
  assert.deepEqual(quote, { to: "bea", cents: 400 }, `${name} is asked`);

  await system.publish(Order.settled, { from: "posthorn" });
  let heardThere = await stranger.next("heard");
  if (heardThere.key === "none") heardThere = await stranger.next("heard"); // what made its topic
  assert.deepEqual(heardThere.payload, { from: "posthorn" }, `${name} hears`);
  await stranger.tell({
    publish: { event: `${prefix}carrier.shipped`, key: "bea", payload: { from: name } },
  });
  assert.equal(await shipped.promise, name);
}

/** A node with the topics of a stranger: it makes none itself. */
async function withTopics({ own, prefix }: GivenBroker): Promise<string> {
  const { url } = await own({ configuration: ["auto.create.topics.enable=true"] });
  for (const name of ["carrier", "answers", "order.reply", "order.settled"]) {
    const headers = { operation: "none" };
    await kcatProduce(url, { topic: `${prefix}${name}`, key: "none", payload: "{}", headers });
  }
  return url;
}

const programs = { pika: strangers.pika, nest: strangers.nest, spring: strangers.spring } as const;
const speaks: Readonly<Record<BrokerName, readonly (keyof typeof programs)[]>> = {
  rabbitmq: ["pika", "nest", "spring"],
  nats: ["nest"],
  kafka: ["nest", "spring"],
};

for (const [broker, names] of Object.entries(speaks) as [BrokerName, (keyof typeof programs)[]][]) {
  for (const name of names) {
    brokerTest(
      broker,
      `a service on ${broker} and a program with ${name} ask, tell and hear each other`,
      async (given) => {
        const url = broker === "kafka" ? await withTopics(given) : given.url;
        await exchange(name, { url, prefix: given.prefix }, (config) => Stranger[name](config));
      },
      broker === "kafka" ? [programs[name], strangers.kcat] : [programs[name]],
    );
  }
}
