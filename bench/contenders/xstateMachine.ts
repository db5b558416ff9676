import { assign, createActor, createMachine } from "xstate";
import type { Contender, Outcome } from "../contender.ts";
import { timed } from "../timed.ts";
import { bigActors, burstLength, subscribers } from "../workloads.ts";
import { type Add, type Go, type Inc, type News, type Ping, type Target, workloadsOf } from "../xstate.ts";

const counting = createMachine({
  types: {} as { context: { count: number }; events: Add },
  context: { count: 0 },
  on: { add: { actions: assign(({ context, event }) => ({ count: context.count + event.n })) } },
});

const succeeding = createMachine({
  types: {} as { events: Inc },
  on: { inc: { actions: ({ event }) => event.reply(event.n + 1) } },
});

const { count, forkJoin, create, askOne, askMany } = workloadsOf({
  counting,
  countOf: ({ context }) => context.count,
  succeeding,
});

function burst(size: number): Promise<Outcome> {
  return timed((done) => {
    const counter = createActor(counting).start();
    let left = size;
    const producing = createMachine({
      types: {} as { events: Go },
      on: {
        go: {
          actions: ({ self }) => {
            for (let index = 0; index < burstLength && left > 0; index++, left--) {
              counter.send({ type: "add", n: 1 });
            }
            if (left > 0) self.send({ type: "go" });
          },
        },
      },
    });
    createActor(producing).start().send({ type: "go" });
    done(counter.getSnapshot().context.count);
  });
}

function pingPong(size: number): Promise<Outcome> {
  return timed((done) => {
    const ponging = createMachine({
      types: {} as { events: Ping },
      on: { ping: { actions: ({ event, self }) => event.from.send({ type: "pong", from: self }) } },
    });
    let pongs = 0;
    const pinging = createMachine({
      types: {} as { events: Ping },
      on: {
        pong: {
          actions: ({ event, self }) => {
            if (++pongs < size) event.from.send({ type: "ping", from: self });
          },
        },
      },
    });
    createActor(ponging).start().send({ type: "ping", from: createActor(pinging).start() });
    done(pongs);
  });
}

function big(size: number): Promise<Outcome> {
  return timed((done) => {
    let total = 0;
    const all: Target<Add | Go>[] = [];
    for (let index = 0; index < bigActors; index++) {
      let received = 0;
      let rounds = 0;
      const round = ({ self }: { self: Target<Add | Go> }) => {
        if (rounds === size) return;
        rounds++;
        for (const other of all) if (other !== self) other.send({ type: "add", n: 1 });
      };
      const exchanging = createMachine({
        types: {} as { events: Add | Go },
        on: {
          go: { actions: round },
          add: {
            actions: ({ self }) => {
              total++;
              if (++received % (bigActors - 1) === 0) round({ self });
            },
          },
        },
      });
      all.push(createActor(exchanging).start());
    }
    for (const one of all) one.send({ type: "go" });
    done(total);
  });
}

function publish(size: number): Promise<Outcome> {
  return timed((done) => {
    let heard = 0;
    const hearing = createMachine({
      types: {} as { events: News },
      on: { news: { actions: () => void heard++ } },
    });
    const all = Array.from({ length: subscribers }, () => createActor(hearing).start());
    let left = size;
    const publishing = createMachine({
      types: {} as { events: Go },
      on: {
        go: {
          actions: ({ self }) => {
            const news: News = { type: "news", n: left };
            for (const one of all) one.send(news);
            if (--left > 0) self.send({ type: "go" });
          },
        },
      },
    });
    createActor(publishing).start().send({ type: "go" });
    done(heard);
  });
}

export const contender: Contender = {
  id: "xstateMachine",
  label: "xstate machines",
  form:
    "`createActor(createMachine(…)).start()` with `send`; counters keep their count in the context with `assign`, the others act " +
    "in an action. Left out: the thread ring, as each hop is delivered inside the one before it and the stack overflows.",
  workloads: { count, burst, pingPong, big, forkJoin, create, askOne, askMany, publish },
  divisors: {
    count: 10,
    burst: 10,
    pingPong: 4,
    big: 5,
    forkJoin: 2,
    create: 20,
    askOne: 2,
    askMany: 2,
    publish: 10,
  },
};
