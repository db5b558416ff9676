import { Deferred, Effect, Queue } from "effect";
import type { Contender, Outcome } from "../contender.ts";
import { type Add, type Inc, timed, workloadsOf } from "../effect.ts";
import type { Done } from "../timed.ts";
import { bigActors, burstLength, ringLength, subscribers } from "../workloads.ts";

type Go = { readonly type: "go" };
type Hop = { readonly type: "hop"; readonly left: number };
type Ping = { readonly type: "ping" | "pong"; readonly from: Queue.Queue<Ping> };
type News = { readonly type: "news"; readonly n: number };
type Receive<Message> = (message: Message, self: Queue.Queue<Message>) => Effect.Effect<unknown>;

/** A fiber that takes one message after another, and runs an effect for each. It ends with its parent. */
const spawn = Effect.fnUntraced(function* <Message>(receive: Receive<Message>) {
  const queue = yield* Queue.unbounded<Message>();
  const turn = Effect.flatMap(Queue.take(queue), (message) => receive(message, queue));
  yield* Effect.forkChild(Effect.forever(turn, { disableYield: true }));
  return queue;
});

function adding(until: number, done: Done): (message: Add) => Effect.Effect<void> {
  let count = 0;
  return (message) =>
    Effect.sync(() => {
      count += message.n;
      if (count === until) done(count);
    });
}

function counting(until: number, done: Done): () => Effect.Effect<void> {
  let count = 0;
  const add = Effect.sync(() => {
    if (++count === until) done(count);
  });
  return () => add;
}

function spawnSuccessor() {
  return spawn<Inc>((message) => Deferred.succeed(message.reply, message.n + 1));
}

const askInSequence = Effect.fnUntraced(function* (actor: Queue.Queue<Inc>, times: number) {
  let x = 0;
  for (let index = 0; index < times; index++) {
    const reply = yield* Deferred.make<number>();
    yield* Queue.offer(actor, { type: "inc", n: x, reply });
    x = yield* Deferred.await(reply);
  }
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
    const producer = yield* spawn<Go>((_, self) =>
      Effect.sync(() => {
        for (let index = 0; index < burstLength && left > 0; index++, left--) {
          Queue.offerUnsafe(counter, { type: "add", n: 1 });
        }
        if (left > 0) Queue.offerUnsafe(self, { type: "go" });
      })
    );
    yield* Queue.offer(producer, { type: "go" });
  }));
}

function pingPong(size: number): Promise<Outcome> {
  return timed(Effect.fnUntraced(function* (done) {
    let pongs = 0;
    const pong = yield* spawn<Ping>((message, self) =>
      Queue.offer(message.from, { type: "pong", from: self })
    );
    const ping = yield* spawn<Ping>((message, self) =>
      ++pongs === size
        ? Effect.sync(() => done(pongs))
        : Queue.offer(message.from, { type: "ping", from: self })
    );
    yield* Queue.offer(pong, { type: "ping", from: ping });
  }));
}

function ring(size: number): Promise<Outcome> {
  return timed(Effect.fnUntraced(function* (done) {
    const links: Queue.Queue<Hop>[] = [];
    for (let index = 0; index < ringLength; index++) {
      const next = (index + 1) % ringLength;
      links.push(
        yield* spawn<Hop>(({ left }) =>
          left === 0
            ? Effect.sync(() => done(index))
            : Queue.offer(links[next], { type: "hop", left: left - 1 })
        ),
      );
    }
    yield* Queue.offer(links[0], { type: "hop", left: size });
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
        yield* spawn<Add | Go>((message, self) =>
          Effect.sync(() => {
            if (message.type === "go") return round(self);
            total++;
            if (++received % (bigActors - 1) === 0 && rounds < size) round(self);
            if (total === size * bigActors * (bigActors - 1)) done(total);
          })
        ),
      );
    }
    for (const one of all) yield* Queue.offer(one, { type: "go" });
  }));
}

function publish(size: number): Promise<Outcome> {
  return timed(Effect.fnUntraced(function* (done) {
    const hear = counting(size * subscribers, done);
    const all = yield* Effect.forEach(Array(subscribers).keys(), () => spawn<News>(hear));
    let left = size;
    const publisher = yield* spawn<Go>((_, self) =>
      Effect.sync(() => {
        const news: News = { type: "news", n: left };
        for (const one of all) Queue.offerUnsafe(one, news);
        if (--left > 0) Queue.offerUnsafe(self, { type: "go" });
      })
    );
    yield* Queue.offer(publisher, { type: "go" });
  }));
}

export const contender: Contender = {
  id: "effectMessage",
  label: "Effect, message by message",
  form:
    "A fiber and an unbounded queue an actor: `Queue.take`, then an effect for that message. What sends many in a row does so " +
    "with `Queue.offerUnsafe` in one effect, which was faster than an effect each. Default scheduler; an ask is a `Deferred` " +
    "in the message; the publisher offers to each subscriber's queue.",
  workloads: { count, burst, pingPong, ring, big, forkJoin, create, askOne, askMany, publish },
  divisors: { pingPong: 10, ring: 10, create: 20, askOne: 5, askMany: 5 },
};
