import type { Actor, ActorRef } from "comedy";
import type { Contender, Outcome } from "../contender.ts";
import { bytesOfHeap } from "../heap.ts";
import { askOneAfterAnother, askTogether, type Done, timed } from "../timed.ts";
import { bigActors, burstLength, forkJoinActors, ringLength, subscribers } from "../workloads.ts";

// comedy looks for the folder of the program's main module, which only CommonJS programs have, unless this
// variable is set.
Deno.env.set("APP_ROOT_PATH", Deno.cwd());
const { createSystem } = await import("comedy");

/** Times an operation in a new system without logging, and destroys the system afterwards. */
async function timedIn(begin: (root: Actor, done: Done) => void): Promise<Outcome> {
  const system = createSystem({ test: true });
  const root = await system.rootActor();
  const outcome = await timed((done) => begin(root, done));
  await system.destroy();
  return outcome;
}

function createMany(root: Actor, many: number, definition: (index: number) => object): Promise<ActorRef[]> {
  return Promise.all(Array.from({ length: many }, (_, index) => root.createChild(definition(index))));
}

/** A counter that reports when it reaches a total. */
function counter(until: number, done: Done) {
  let count = 0;
  return {
    add(n: number) {
      count += n;
      if (count === until) done(count);
    },
  };
}

const successor = { next: (n: number) => n + 1 };

function count(size: number): Promise<Outcome> {
  return timedIn(async (root, done) => {
    const target = await root.createChild(counter(size, done));
    for (let index = 0; index < size; index++) target.send("add", 1);
  });
}

function burst(size: number): Promise<Outcome> {
  return timedIn(async (root, done) => {
    const target = await root.createChild(counter(size, done));
    let left = size;
    let self: ActorRef;
    const producer = await root.createChild({
      initialize: (actor: Actor) => void (self = actor),
      go() {
        for (let index = 0; index < burstLength && left > 0; index++, left--) target.send("add", 1);
        if (left > 0) self.send("go");
      },
    });
    producer.send("go");
  });
}

function pingPong(size: number): Promise<Outcome> {
  return timedIn(async (root, done) => {
    let pongs = 0;
    let self: ActorRef;
    let other: ActorRef;
    const pong = await root.createChild({
      initialize: (actor: Actor) => void (other = actor),
      ping: (from: ActorRef) => void from.send("pong", other),
    });
    const ping = await root.createChild({
      initialize: (actor: Actor) => void (self = actor),
      pong(from: ActorRef) {
        if (++pongs === size) done(pongs);
        else from.send("ping", self);
      },
    });
    pong.send("ping", ping);
  });
}

function ring(size: number): Promise<Outcome> {
  return timedIn(async (root, done) => {
    const links: ActorRef[] = await createMany(root, ringLength, (index) => {
      const next = (index + 1) % ringLength;
      return {
        hop(left: number) {
          if (left === 0) done(index);
          else links[next].send("hop", left - 1);
        },
      };
    });
    links[0].send("hop", size);
  });
}

function big(size: number): Promise<Outcome> {
  return timedIn(async (root, done) => {
    let total = 0;
    const all: ActorRef[] = await createMany(root, bigActors, (index) => {
      let received = 0;
      let rounds = 0;
      const go = () => {
        rounds++;
        for (let other = 0; other < bigActors; other++) if (other !== index) all[other].send("add", 1);
      };
      return {
        go,
        add() {
          total++;
          if (++received % (bigActors - 1) === 0 && rounds < size) go();
          if (total === size * bigActors * (bigActors - 1)) done(total);
        },
      };
    });
    for (const one of all) one.send("go");
  });
}

function forkJoin(size: number): Promise<Outcome> {
  return timedIn(async (root, done) => {
    const definition = counter(size, done);
    const all = await createMany(root, forkJoinActors, () => definition);
    for (let index = 0; index < size; index++) all[index % forkJoinActors].send("add", 1);
  });
}

/** Its actors are not destroyed, because destroying them takes time quadratic in their number. */
async function create(size: number): Promise<Outcome> {
  const root = await createSystem({ test: true }).rootActor();
  const beforeBytes = bytesOfHeap();
  const outcome = await timed((done) => {
    const definition = counter(size, done);
    for (let index = 0; index < size; index++) {
      root.createChild(definition).then((actor) => actor.send("add", 1));
    }
  });
  return { ...outcome, also: { bytesPerActor: (bytesOfHeap() - beforeBytes) / size } };
}

function askOne(size: number): Promise<Outcome> {
  return timedIn(async (root, done) => {
    const actor = await root.createChild(successor);
    done(await askOneAfterAnother((n) => actor.sendAndReceive("next", n), size));
  });
}

function askMany(size: number): Promise<Outcome> {
  return timedIn(async (root, done) => {
    const actor = await root.createChild(successor);
    done(await askTogether((n) => actor.sendAndReceive("next", n), size));
  });
}

/** comedy's bus delivers to functions, not actors, so the publisher holds the subscribed actors. */
function publish(size: number): Promise<Outcome> {
  return timedIn(async (root, done) => {
    let count = 0;
    const all = await createMany(root, subscribers, () => ({
      news() {
        if (++count === size * subscribers) done(count);
      },
    }));
    let left = size;
    let self: ActorRef;
    const publisher = await root.createChild({
      initialize: (actor: Actor) => void (self = actor),
      go() {
        for (const one of all) one.send("news", left);
        if (--left > 0) self.send("go");
      },
    });
    publisher.send("go");
  });
}

export const contender: Contender = {
  id: "comedy",
  label: "comedy, in memory",
  form:
    "Child actors of the root in memory, defined by plain objects with synchronous handlers; `send` to tell and " +
    "`sendAndReceive` to ask; no logging. The publisher sends to each subscriber, as the library's bus reaches functions, not " +
    "actors.",
  workloads: { count, burst, pingPong, ring, big, forkJoin, create, askOne, askMany, publish },
  divisors: { count: 20, burst: 5, big: 5, forkJoin: 2, create: 20, askOne: 2, publish: 5 },
};
