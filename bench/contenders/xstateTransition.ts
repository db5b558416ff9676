import { createActor, fromTransition } from "xstate";
import type { Contender, Outcome } from "../contender.ts";
import { timed } from "../timed.ts";
import { bigActors, burstLength, ringLength, subscribers } from "../workloads.ts";
import {
  type Add,
  type Go,
  type Hop,
  type Inc,
  type News,
  type Ping,
  type Target,
  workloadsOf,
} from "../xstate.ts";

const counting = fromTransition((count: number, event: Add) => count + event.n, 0);

const succeeding = fromTransition((state: null, event: Inc) => {
  event.reply(event.n + 1);
  return state;
}, null);

const { count, forkJoin, create, askOne, askMany } = workloadsOf({
  counting,
  countOf: ({ context }) => context,
  succeeding,
});

function burst(size: number): Promise<Outcome> {
  return timed((done) => {
    const counter = createActor(counting).start();
    const producing = fromTransition((left: number, _: Go, { self }) => {
      const many = Math.min(left, burstLength);
      for (let index = 0; index < many; index++) counter.send({ type: "add", n: 1 });
      if (left > many) self.send({ type: "go" });
      return left - many;
    }, size);
    createActor(producing).start().send({ type: "go" });
    done(counter.getSnapshot().context);
  });
}

function pingPong(size: number): Promise<Outcome> {
  return timed((done) => {
    const ponging = fromTransition((state: null, event: Ping, { self }) => {
      event.from.send({ type: "pong", from: self });
      return state;
    }, null);
    const pinging = fromTransition((pongs: number, event: Ping, { self }) => {
      if (pongs + 1 < size) event.from.send({ type: "ping", from: self });
      return pongs + 1;
    }, 0);
    const ping = createActor(pinging).start();
    createActor(ponging).start().send({ type: "ping", from: ping });
    done(ping.getSnapshot().context);
  });
}

function ring(size: number): Promise<Outcome> {
  return timed((done) => {
    const links: Target<Hop>[] = [];
    for (let index = 0; index < ringLength; index++) {
      const next = (index + 1) % ringLength;
      const passing = fromTransition((state: null, { left }: Hop) => {
        if (left === 0) done(index);
        else links[next].send({ type: "hop", left: left - 1 });
        return state;
      }, null);
      links.push(createActor(passing).start());
    }
    links[0].send({ type: "hop", left: size });
  });
}

function big(size: number): Promise<Outcome> {
  return timed((done) => {
    let total = 0;
    const all: Target<Add | Go>[] = [];
    const exchanging = fromTransition(
      (state: { received: number; rounds: number }, event: Add | Go, { self }) => {
        let { received, rounds } = state;
        if (event.type === "add") {
          total++;
          received++;
        }
        if (rounds < size && (event.type === "go" || received % (bigActors - 1) === 0)) {
          rounds++;
          for (const other of all) if (other !== self) other.send({ type: "add", n: 1 });
        }
        return { received, rounds };
      },
      { received: 0, rounds: 0 },
    );
    for (let index = 0; index < bigActors; index++) all.push(createActor(exchanging).start());
    for (const one of all) one.send({ type: "go" });
    done(total);
  });
}

/** The publisher holds its subscribers: `emit` to 1,000 listeners that forward the event was slower. */
function publish(size: number): Promise<Outcome> {
  return timed((done) => {
    const hearing = fromTransition((heard: number, _: News) => heard + 1, 0);
    const all = Array.from({ length: subscribers }, () => createActor(hearing).start());
    const publishing = fromTransition((left: number, _: Go, { self }) => {
      const news: News = { type: "news", n: left };
      for (const one of all) one.send(news);
      if (left > 1) self.send({ type: "go" });
      return left - 1;
    }, size);
    createActor(publishing).start().send({ type: "go" });
    done(all.reduce((sum, one) => sum + one.getSnapshot().context, 0));
  });
}

export const contender: Contender = {
  id: "xstateTransition",
  label: "xstate transition actors",
  form:
    "`createActor(fromTransition(reducer)).start()` with `send`, the lightest actor that the library has; the state is a " +
    "number where one is enough. Messages are delivered on the sender's stack, so nothing waits in a queue. The library " +
    "has no ask: the event carries the function that settles the asker's promise.",
  workloads: { count, burst, pingPong, ring, big, forkJoin, create, askOne, askMany, publish },
  divisors: { create: 5 },
};
