import { type Context, ServiceBroker } from "moleculer";
import type { Contender, Outcome } from "../contender.ts";
import { askOneAfterAnother, askTogether, type Done, timed } from "../timed.ts";
import { bigActors, burstLength, forkJoinActors, ringLength, subscribers } from "../workloads.ts";

/**
 * Starts a broker with the services that `prepare` adds, times the operation that it returns, and stops the
 * broker.
 */
async function timedIn(prepare: (broker: ServiceBroker, done: Done) => () => void): Promise<Outcome> {
  const checked = Promise.withResolvers<number>();
  const broker = new ServiceBroker({ logger: false });
  const begin = prepare(broker, checked.resolve);
  await broker.start();
  const outcome = await timed(begin, checked);
  await broker.stop();
  return outcome;
}

/**
 * One message at a time: without it a service that handles a message runs on the stack of its sender, and two
 * services that answer each other overflow the stack.
 */
const mailbox = { enabled: true, concurrency: 1, maxQueueSize: 1_000_000 };

/** A counting service that reports when it reaches a total. */
function addCounter(broker: ServiceBroker, until: number, done: Done): void {
  let count = 0;
  broker.createService({
    name: "counter",
    actions: {
      add(ctx: Context<{ n: number }>) {
        count += ctx.params.n;
        if (count === until) done(count);
      },
    },
  });
}

function addSuccessor(broker: ServiceBroker): void {
  broker.createService({
    name: "successor",
    actions: { next: (ctx: Context<{ n: number }>) => ctx.params.n + 1 },
  });
}

function count(size: number): Promise<Outcome> {
  return timedIn((broker, done) => {
    addCounter(broker, size, done);
    return () => {
      for (let index = 0; index < size; index++) broker.call("counter.add", { n: 1 });
    };
  });
}

function burst(size: number): Promise<Outcome> {
  return timedIn((broker, done) => {
    addCounter(broker, size, done);
    let left = size;
    broker.createService({
      name: "producer",
      actions: {
        async go() {
          let last;
          for (let index = 0; index < burstLength && left > 0; index++, left--) {
            last = broker.call("counter.add", { n: 1 });
          }
          await last;
          if (left > 0) broker.call("producer.go");
        },
      },
    });
    return () => broker.call("producer.go");
  });
}

function pingPong(size: number): Promise<Outcome> {
  return timedIn((broker, done) => {
    let pongs = 0;
    broker.createService({
      name: "ponger",
      actions: {
        ping: {
          bulkhead: mailbox,
          handler(ctx: Context<{ from: string }>) {
            broker.call(`${ctx.params.from}.pong`, { from: "ponger" });
          },
        },
      },
    });
    broker.createService({
      name: "pinger",
      actions: {
        pong: {
          bulkhead: mailbox,
          handler(ctx: Context<{ from: string }>) {
            if (++pongs === size) done(pongs);
            else broker.call(`${ctx.params.from}.ping`, { from: "pinger" });
          },
        },
      },
    });
    return () => broker.call("ponger.ping", { from: "pinger" });
  });
}

function ring(size: number): Promise<Outcome> {
  return timedIn((broker, done) => {
    for (let index = 0; index < ringLength; index++) {
      const next = `link${(index + 1) % ringLength}.hop`;
      broker.createService({
        name: `link${index}`,
        actions: {
          hop: {
            bulkhead: mailbox,
            handler(ctx: Context<{ left: number }>) {
              const { left } = ctx.params;
              if (left === 0) done(index);
              else broker.call(next, { left: left - 1 });
            },
          },
        },
      });
    }
    return () => broker.call("link0.hop", { left: size });
  });
}

function big(size: number): Promise<Outcome> {
  return timedIn((broker, done) => {
    let total = 0;
    const all = Array.from({ length: bigActors }, (_, index) => `actor${index}.add`);
    for (let index = 0; index < bigActors; index++) {
      let received = 0;
      let rounds = 0;
      const go = () => {
        if (rounds === size) return;
        rounds++;
        for (let other = 0; other < bigActors; other++) {
          if (other !== index) broker.call(all[other], { n: 1 });
        }
      };
      broker.createService({
        name: `actor${index}`,
        actions: {
          go,
          add: {
            bulkhead: mailbox,
            handler() {
              total++;
              if (++received % (bigActors - 1) === 0) go();
              if (total === size * bigActors * (bigActors - 1)) done(total);
            },
          },
        },
      });
    }
    return () => {
      for (let index = 0; index < bigActors; index++) broker.call(`actor${index}.go`);
    };
  });
}

function forkJoin(size: number): Promise<Outcome> {
  return timedIn((broker, done) => {
    let count = 0;
    const all = Array.from({ length: forkJoinActors }, (_, index) => `actor${index}.add`);
    const add = (ctx: Context<{ n: number }>) => {
      count += ctx.params.n;
      if (count === size) done(count);
    };
    for (let index = 0; index < forkJoinActors; index++) {
      broker.createService({ name: `actor${index}`, actions: { add } });
    }
    return () => {
      for (let index = 0; index < size; index++) broker.call(all[index % forkJoinActors], { n: 1 });
    };
  });
}

function ask(broker: ServiceBroker, n: number): Promise<number> {
  return broker.call<number, { n: number }>("successor.next", { n });
}

function askOne(size: number): Promise<Outcome> {
  return timedIn((broker, done) => {
    addSuccessor(broker);
    return async () => done(await askOneAfterAnother((n) => ask(broker, n), size));
  });
}

function askMany(size: number): Promise<Outcome> {
  return timedIn((broker, done) => {
    addSuccessor(broker);
    return async () => done(await askTogether((n) => ask(broker, n), size));
  });
}

function publish(size: number): Promise<Outcome> {
  return timedIn((broker, done) => {
    let count = 0;
    const news = () => {
      if (++count === size * subscribers) done(count);
    };
    for (let index = 0; index < subscribers; index++) {
      broker.createService({ name: `subscriber${index}`, events: { news } });
    }
    let left = size;
    broker.createService({
      name: "publisher",
      actions: {
        async go() {
          await broker.broadcast("news", { n: left });
          if (--left > 0) broker.call("publisher.go");
        },
      },
    });
    return () => broker.call("publisher.go");
  });
}

export const contender: Contender = {
  id: "moleculer",
  label: "Moleculer, local",
  form:
    "Services of one broker with its default middlewares and no logger: `broker.call` without waiting to tell (faster than " +
    "`emit`), awaited to ask, `broadcast` to publish; a bulkhead of one where services answer each other. Left out: create, as a " +
    "service is a part of a program, and adding one takes the longer the more there are.",
  workloads: { count, burst, pingPong, ring, big, forkJoin, askOne, askMany, publish },
  divisors: { count: 10, burst: 2, big: 5, forkJoin: 2, publish: 2 },
};
