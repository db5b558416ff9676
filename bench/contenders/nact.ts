import { dispatch, query, type Ref, spawn, spawnStateless, start, stop } from "nact";
import type { Contender, Outcome } from "../contender.ts";
import { bytesOfHeap } from "../heap.ts";
import { askOneAfterAnother, askTogether, type Done, timed } from "../timed.ts";
import { bigActors, burstLength, forkJoinActors, ringLength, subscribers } from "../workloads.ts";

type Add = { readonly type: "add"; readonly n: number };
type Go = { readonly type: "go" };
type Hop = { readonly type: "hop"; readonly left: number };
type Pong = { readonly type: "pong"; readonly from: Ref<Ping> };
type Ping = { readonly type: "ping"; readonly from: Ref<Pong> };
type Inc = { readonly type: "inc"; readonly n: number; readonly sender: Ref<number> };
type System = ReturnType<typeof start>;

/** Times an operation in a new system, and stops the system afterwards. */
async function timedIn(begin: (system: System, done: Done) => void): Promise<Outcome> {
  const system = start();
  const outcome = await timed((done) => begin(system, done));
  stop(system);
  return outcome;
}

/** A counter with its count as state, which reports when it reaches a total. */
function counter(system: System, until: number, done: Done): Ref<Add> {
  return spawn(
    system,
    (count: number, message: Add) => {
      const next = count + message.n;
      if (next === until) done(next);
      return next;
    },
    "counter",
    { initialState: 0 },
  );
}

function successor(system: System): Ref<Inc> {
  return spawnStateless(system, (message: Inc) => dispatch(message.sender, message.n + 1), "successor");
}

function ask(actor: Ref<Inc>, n: number): Promise<number> {
  return query(actor, (sender: Ref<number>): Inc => ({ type: "inc", n, sender }), 60_000);
}

function burst(size: number): Promise<Outcome> {
  return timedIn((system, done) => {
    const target = counter(system, size, done);
    const producer = spawn(
      system,
      (left: number, _: Go, ctx) => {
        const many = Math.min(left, burstLength);
        for (let index = 0; index < many; index++) dispatch(target, { type: "add", n: 1 });
        if (left > many) dispatch(ctx.self, { type: "go" });
        return left - many;
      },
      "producer",
      { initialState: size },
    );
    dispatch(producer, { type: "go" });
  });
}

function pingPong(size: number): Promise<Outcome> {
  return timedIn((system, done) => {
    const pong = spawnStateless(
      system,
      (message: Ping, ctx) => dispatch(message.from, { type: "pong", from: ctx.self }),
      "pong",
    );
    const ping = spawn(
      system,
      (count: number, message: Pong, ctx) => {
        const pongs = count + 1;
        if (pongs === size) done(pongs);
        else dispatch(message.from, { type: "ping", from: ctx.self });
        return pongs;
      },
      "ping",
      { initialState: 0 },
    );
    dispatch(pong, { type: "ping", from: ping });
  });
}

function ring(size: number): Promise<Outcome> {
  return timedIn((system, done) => {
    const links: Ref<Hop>[] = [];
    for (let index = 0; index < ringLength; index++) {
      const next = (index + 1) % ringLength;
      links.push(spawnStateless(system, ({ left }: Hop) => {
        if (left === 0) done(index);
        else dispatch(links[next], { type: "hop", left: left - 1 });
      }, `link${index}`));
    }
    dispatch(links[0], { type: "hop", left: size });
  });
}

function big(size: number): Promise<Outcome> {
  return timedIn((system, done) => {
    let total = 0;
    const all: Ref<Add | Go>[] = [];
    for (let index = 0; index < bigActors; index++) {
      let received = 0;
      let rounds = 0;
      const round = (self: Ref<Add | Go>) => {
        rounds++;
        for (const other of all) if (other !== self) dispatch(other, { type: "add", n: 1 });
      };
      all.push(spawnStateless(system, (message: Add | Go, ctx) => {
        if (message.type === "go") return round(ctx.self);
        total++;
        if (++received % (bigActors - 1) === 0 && rounds < size) round(ctx.self);
        if (total === size * bigActors * (bigActors - 1)) done(total);
      }, `actor${index}`));
    }
    for (const one of all) dispatch(one, { type: "go" });
  });
}

function forkJoin(size: number): Promise<Outcome> {
  return timedIn((system, done) => {
    let count = 0;
    const receive = (_: Add) => {
      if (++count === size) done(count);
    };
    const all = Array.from(
      { length: forkJoinActors },
      (_, index) => spawnStateless(system, receive, `actor${index}`),
    );
    for (let index = 0; index < size; index++) dispatch(all[index % forkJoinActors], { type: "add", n: 1 });
  });
}

async function create(size: number): Promise<Outcome> {
  const beforeBytes = bytesOfHeap();
  const system = start();
  const outcome = await timed((done) => {
    let count = 0;
    const receive = (_: Add) => {
      if (++count === size) done(count);
    };
    for (let index = 0; index < size; index++) {
      dispatch(spawnStateless(system, receive, `actor${index}`), { type: "add", n: 1 });
    }
  });
  const bytesPerActor = (bytesOfHeap() - beforeBytes) / size;
  stop(system);
  return { ...outcome, also: { bytesPerActor } };
}

function askOne(size: number): Promise<Outcome> {
  return timedIn(async (system, done) => {
    const actor = successor(system);
    done(await askOneAfterAnother((n) => ask(actor, n), size));
  });
}

function askMany(size: number): Promise<Outcome> {
  return timedIn(async (system, done) => {
    const actor = successor(system);
    done(await askTogether((n) => ask(actor, n), size));
  });
}

/** nact has no events, so the publisher holds the references of its subscribers. */
function publish(size: number): Promise<Outcome> {
  return timedIn((system, done) => {
    let count = 0;
    const receive = () => {
      if (++count === size * subscribers) done(count);
    };
    const all = Array.from(
      { length: subscribers },
      (_, index) => spawnStateless(system, receive, `subscriber${index}`),
    );
    const publisher = spawn(
      system,
      (left: number, _: Go, ctx) => {
        const event = { type: "event", n: left };
        for (const one of all) dispatch(one, event);
        if (left > 1) dispatch(ctx.self, { type: "go" });
        return left - 1;
      },
      "publisher",
      { initialState: size },
    );
    dispatch(publisher, { type: "go" });
  });
}

export const contender: Contender = {
  id: "nact",
  label: "nact",
  form:
    "Actors of `spawn` and `spawnStateless` with plain synchronous functions, `dispatch` to tell and `query` to ask, as its " +
    "guide writes them; no logging, no persistence, and the timeout that `query` demands.",
  workloads: {
    count: (size) =>
      timedIn((system, done) => {
        const target = counter(system, size, done);
        for (let index = 0; index < size; index++) dispatch(target, { type: "add", n: 1 });
      }),
    burst,
    pingPong,
    ring,
    big,
    forkJoin,
    create,
    askOne,
    askMany,
    publish,
  },
  divisors: {
    count: 10,
    burst: 10,
    pingPong: 4,
    ring: 2,
    big: 2,
    forkJoin: 2,
    create: 10,
    askOne: 5,
    askMany: 10,
    publish: 5,
  },
};
