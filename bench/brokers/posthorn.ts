// One measurement of Posthorn over a broker: `posthorn.ts BROKER URL CASE COUNT`.

import { actor, ask, event, PosthornError, protocol, System, tell } from "@posthorn/posthorn";
import { setTimeout as delay } from "node:timers/promises";
import { sqlite } from "@posthorn/posthorn/sqlite";
import type { Outcome } from "../contender.ts";
import { finish } from "../goals/process.ts";
import { Arrivals, receivers, sendAll, timeAsks, timeCalls, timeTells } from "./load.ts";
import { type BrokerKind, transportOver } from "./transport.ts";
import * as z from "zod";

const [kind, url, what, countText] = Deno.args;
const count = Number(countText);
const run = crypto.randomUUID().slice(0, 8);
const transport = await transportOver(kind as BrokerKind, url);
const arrivals = new Arrivals(count);

const Target = protocol(`bench${run}`, {
  add: tell(z.number()),
  next: ask(z.number(), z.number()),
  added: event(z.number()),
});
const target = actor(Target, {
  state: () => 0,
  on: {
    add(ctx, n) {
      ctx.state += n;
      arrivals.arrived();
    },
    next: (_ctx, n) => n + 1,
  },
  mailbox: { capacity: 100_000 },
});

const folder = await Deno.makeTempDir({ prefix: "posthorn-bench-" });

function open(name: string, hosts: boolean, store: boolean): System {
  return new System({
    name: `${name}-${run}`,
    actors: hosts ? [target] : [],
    ...(store && { store: sqlite(`${folder}/${name}.db`) }),
    transport: transport(hosts ? [Target] : []),
    remote: hosts ? [] : [Target],
  });
}

const cases: Readonly<Record<string, () => Promise<Outcome>>> = {
  tells: () => tells(false),
  durable: () => tells(true),
  asks: () => asks(false, timeAsks),
  durableAsks: () => asks(true, timeAsks),
  calls: () => asks(false, timeCalls),
  publish,
  accept,
  local,
};

async function tells(store: boolean): Promise<Outcome> {
  const receiver = open("receiver", true, store);
  const sender = open("sender", false, store);
  await Promise.all([receiver.ready(), sender.ready()]);
  const refs = Array.from({ length: receivers }, (_, index) => sender.ref(Target, `key${index}`));
  const outcome = await timeTells(
    count,
    arrivals,
    (n) => whenRoom(() => refs[n % receivers].tell(Target.add, 1)),
  );
  await Promise.all([sender.stop(), receiver.stop()]);
  return outcome;
}

async function asks(store: boolean, time: typeof timeAsks): Promise<Outcome> {
  const receiver = open("receiver", true, store);
  const sender = open("sender", false, store);
  await Promise.all([receiver.ready(), sender.ready()]);
  const ref = sender.ref(Target, "key0");
  const outcome = await time(count, (x) => ref.ask(Target.next, x));
  await Promise.all([sender.stop(), receiver.stop()]);
  return outcome;
}

/** One service publishes, and a function of the other one hears it. Who stops has noted how far it has heard. */
async function publish(): Promise<Outcome> {
  const publisher = new System({
    name: `publisher-${run}`,
    actors: [],
    transport: transport([Target.added]),
  });
  const hearer = new System({
    name: `hearer-${run}`,
    actors: [],
    transport: transport([]),
    remote: [Target.added],
  });
  using _hearing = hearer.subscribe(Target.added, () => arrivals.arrived());
  await Promise.all([publisher.ready(), hearer.ready()]);
  const outcome = await timeTells(
    count,
    arrivals,
    () => whenRoom(() => Promise.resolve(publisher.publish(Target.added, 1))),
    () => hearer.stop(),
  );
  await publisher.stop();
  return outcome;
}

/** Everything is in the broker before a service with a store reads it. */
async function accept(): Promise<Outcome> {
  const first = open("receiver", true, true);
  const sender = open("sender", false, false);
  await Promise.all([first.ready(), sender.ready()]);
  await first.stop();
  await sendAll(count, (n) => whenRoom(() => sender.ref(Target, `key${n % receivers}`).tell(Target.add, 1)));
  await sender.stop();
  const receiver = open("receiver", true, true);
  await receiver.ready();
  const startMs = performance.now();
  await arrivals.all;
  const outcome = { elapsedMs: performance.now() - startMs, check: arrivals.count };
  await receiver.stop();
  return outcome;
}

/** The same messages with as many ids, accepted and handled without a broker. */
async function local(): Promise<Outcome> {
  const system = new System({ actors: [target], store: sqlite(`${folder}/local.db`) });
  await system.ready();
  const refs = Array.from({ length: receivers }, (_, index) => system.ref(Target, `key${index}`));
  const outcome = await timeTells(
    count,
    arrivals,
    (n) => refs[n % receivers].tell(Target.add, 1, { id: `${n}` }),
  );
  await system.stop();
  return outcome;
}

/** Sends a message as soon as the outbox has room for it. */
async function whenRoom(send: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      return void await send();
    } catch (error) {
      if (!(error instanceof PosthornError) || error.code !== "outbox-full") throw error;
      await delay(5);
    }
  }
}

const outcome = await cases[what]();
await Deno.remove(folder, { recursive: true });
finish(outcome);
