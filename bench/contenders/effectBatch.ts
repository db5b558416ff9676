import { Deferred, Effect, Queue } from "effect";
import type { Contender, Outcome } from "../contender.ts";
import { type Add, type Inc, timed, workloadsOf } from "../effect.ts";
import type { Done } from "../timed.ts";
import { bigActors, burstLength, ringLength, subscribers } from "../workloads.ts";

type Go = { readonly type: "go" };
type Hop = { readonly type: "hop"; readonly left: number };
type Ping = { readonly type: "ping" | "pong"; readonly from: Queue.Queue<Ping> };
type News = { readonly type: "news"; readonly n: number };

/**
 * A fiber that takes all waiting messages of its queue, handles them in one step, and repeats. It ends with
 * its parent.
 */
const spawn = Effect.fnUntraced(function* <Message>(
  receive: (message: Message, self: Queue.Queue<Message>) => void,
) {
  const queue = yield* Queue.unbounded<Message>();
  const turn = Effect.map(Queue.takeAll(queue), (messages) => {
    for (const message of messages) receive(message, queue);
  });
  yield* Effect.forkChild(Effect.forever(turn, { disableYield: true }));
  return queue;
});

function adding(until: number, done: Done): (message: Add) => void {
  let count = 0;
  return (message) => {
    count += message.n;
    if (count === until) done(count);
  };
}

function counting(until: number, done: Done): () => void {
  let count = 0;
  return () => {
    if (++count === until) done(count);
  };
}

function spawnSuccessor() {
  return spawn<Inc>((message) => {
    Deferred.doneUnsafe(message.reply, Effect.succeed(message.n + 1));
  });
}

const ask = Effect.fnUntraced(function* (actor: Queue.Queue<Inc>, n: number) {
  const reply = yield* Deferred.make<number>();
  Queue.offerUnsafe(actor, { type: "inc", n, reply });
  return yield* Deferred.await(reply);
});

const askInSequence = Effect.fnUntraced(function* (actor: Queue.Queue<Inc>, times: number) {
  let x = 0;
  for (let index = 0; index < times; index++) x = yield* ask(actor, x);
  return x;
});

const { count, forkJoin, create, askOne, askMany } = workloadsOf({
  spawn,
  adding,
  counting,
  spawnSuccessor,
  askInSequence,
});

function burst(size: number): Promise<Outcome> {
  return timed(Effect.fnUntraced(function* (done) {
    const counter = yield* spawn(adding(size, done));
    let left = size;
    const producer = yield* spawn<Go>((_, self) => {
      for (let index = 0; index < burstLength && left > 0; index++, left--) {
        Queue.offerUnsafe(counter, { type: "add", n: 1 });
      }
      if (left > 0) Queue.offerUnsafe(self, { type: "go" });
    });
    Queue.offerUnsafe(producer, { type: "go" });
  }));
}

function pingPong(size: number): Promise<Outcome> {
  return timed(Effect.fnUntraced(function* (done) {
    let pongs = 0;
    const pong = yield* spawn<Ping>((message, self) => {
      Queue.offerUnsafe(message.from, { type: "pong", from: self });
    });
    const ping = yield* spawn<Ping>((message, self) => {
      if (++pongs === size) done(pongs);
      else Queue.offerUnsafe(message.from, { type: "ping", from: self });
    });
    Queue.offerUnsafe(pong, { type: "ping", from: ping });
  }));
}

function ring(size: number): Promise<Outcome> {
  return timed(Effect.fnUntraced(function* (done) {
    const links: Queue.Queue<Hop>[] = [];
    for (let index = 0; index < ringLength; index++) {
      const next = (index + 1) % ringLength;
      links.push(
        yield* spawn<Hop>(({ left }) => {
          if (left === 0) done(index);
          else Queue.offerUnsafe(links[next], { type: "hop", left: left - 1 });
        }),
      );
    }
    Queue.offerUnsafe(links[0], { type: "hop", left: size });
  }));
}

function big(size: number): Promise<Outcome> {
  return timed(Effect.fnUntraced(function* (done) {
    let total = 0;
    const all: Queue.Queue<Add | Go>[] = [];
    for (let index = 0; index < bigActors; index++) {
      let received = 0;
      let rounds = 0;
      const round = (self: Queue.Queue<Add | Go>) => {
        rounds++;
        for (const other of all) if (other !== self) Queue.offerUnsafe(other, { type: "add", n: 1 });
      };
      all.push(
        yield* spawn<Add | Go>((message, self) => {
          if (message.type === "go") return round(self);
          total++;
          if (++received % (bigActors - 1) === 0 && rounds < size) round(self);
          if (total === size * bigActors * (bigActors - 1)) done(total);
        }),
      );
    }
    for (const one of all) Queue.offerUnsafe(one, { type: "go" });
  }));
}

function publish(size: number): Promise<Outcome> {
  return timed(Effect.fnUntraced(function* (done) {
    const hear = counting(size * subscribers, done);
    const all = yield* Effect.forEach(Array(subscribers).keys(), () => spawn<News>(hear));
    let left = size;
    const publisher = yield* spawn<Go>((_, self) => {
      const news: News = { type: "news", n: left };
      for (const one of all) Queue.offerUnsafe(one, news);
      if (--left > 0) Queue.offerUnsafe(self, { type: "go" });
    });
    Queue.offerUnsafe(publisher, { type: "go" });
  }));
}

export const contender: Contender = {
  id: "effectBatch",
  label: "Effect, batches",
  form:
    "A fiber and an unbounded queue an actor: `Queue.takeAll`, then a plain loop over the batch, and `Queue.offerUnsafe` to tell, " +
    "on the default scheduler. An ask is a `Deferred` in the message. The publisher offers to each subscriber's queue, which " +
    "was faster than the library's `PubSub`.",
  workloads: { count, burst, pingPong, ring, big, forkJoin, create, askOne, askMany, publish },
  divisors: { pingPong: 10, ring: 10, create: 20, askOne: 5, askMany: 5 },
};
