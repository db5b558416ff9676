import { actor, ask, event, protocol, submit, survey, System, tell, unchecked } from "@posthorn/posthorn";
import type { Contender, Outcome } from "../contender.ts";
import { bytesOfHeap } from "../heap.ts";
import {
  asksInFlight,
  bigActors,
  burstLength,
  forkJoinActors,
  respondents,
  ringLength,
  subscribers,
} from "../workloads.ts";

const Counter = protocol("counter", { add: tell(unchecked<number>()), go: tell() });
const Player = protocol("player", { ping: tell(unchecked<string>()), pong: tell(unchecked<string>()) });
const Link = protocol("link", { hop: tell(unchecked<number>()) });
const Adder = protocol("adder", { next: ask(unchecked<number>(), unchecked<number>()) });
const News = protocol("news", { out: event(unchecked<number>()) });
const Worker = protocol("worker", { work: submit(unchecked<number>(), unchecked<number>()) });
const Voter = protocol("voter", { vote: survey(unchecked<number>(), unchecked<number>()) });

/** Every message of a flood waits at once. */
const mailbox = { capacity: 10_000_000 };

async function timed(system: System, begin: (done: (check: number) => void) => void): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const startMs = performance.now();
  begin(resolve);
  const check = await promise;
  const elapsedMs = performance.now() - startMs;
  await system.stop({ drainMs: 0 });
  return { elapsedMs, check };
}

/** An actor that counts what it is told, and says when it has counted so far. */
function counting(until: number, done: (count: number) => void) {
  return actor(Counter, {
    state: () => 0,
    on: {
      add(ctx, n) {
        const count = ctx.state + n;
        ctx.state = count;
        if (count === until) done(count);
      },
      go() {},
    },
    mailbox,
  });
}

/** A promise that one of the actors settles, since a check comes out of a turn. */
function later(): { readonly done: (check: number) => void; readonly promise: Promise<number> } {
  const { promise, resolve } = Promise.withResolvers<number>();
  return { done: resolve, promise };
}

export const contender: Contender = {
  id: "posthorn",
  label: "Posthorn",
  form:
    "Typed protocols, state in the actor, bounded mailboxes, supervision and deadlines as they are by default.",
  workloads: {
    count(size) {
      const { done, promise } = later();
      const system = new System({ actors: [counting(size, done)] });
      const counter = system.ref(Counter, "main");
      return timed(system, (resolve) => {
        for (let index = 0; index < size; index++) counter.tell(Counter.add, 1);
        promise.then(resolve);
      });
    },
    burst(size) {
      const { done, promise } = later();
      const Producer = protocol("producer", { go: tell(unchecked<number>()) });
      const producer = actor(Producer, {
        state: () => null,
        on: {
          go(ctx, left) {
            const counter = ctx.ref(Counter, "main");
            const many = Math.min(left, burstLength);
            for (let index = 0; index < many; index++) counter.tell(Counter.add, 1);
            if (left > many) ctx.self.tell(Producer.go, left - many);
          },
        },
      });
      const system = new System({ actors: [counting(size, done), producer] });
      return timed(system, (resolve) => {
        system.ref(Producer, "main").tell(Producer.go, size);
        promise.then(resolve);
      });
    },
    pingPong(size) {
      const { done, promise } = later();
      const player = actor(Player, {
        state: () => 0,
        on: {
          ping: (ctx, from) => ctx.ref(Player, from).tell(Player.pong, ctx.key),
          pong(ctx, from) {
            const pongs = ctx.state + 1;
            ctx.state = pongs;
            if (pongs === size) done(pongs);
            else ctx.ref(Player, from).tell(Player.ping, ctx.key);
          },
        },
      });
      const system = new System({ actors: [player] });
      return timed(system, (resolve) => {
        system.ref(Player, "b").tell(Player.ping, "a");
        promise.then(resolve);
      });
    },
    ring(size) {
      const { done, promise } = later();
      const keys = Array.from({ length: ringLength }, (_, index) => String(index));
      const link = actor(Link, {
        state: (): number => -1,
        on: {
          hop(ctx, left) {
            let index = ctx.state;
            if (index < 0) ctx.state = index = Number(ctx.key);
            if (left === 0) return done(index);
            ctx.ref(Link, keys[(index + 1) % ringLength]).tell(Link.hop, left - 1);
          },
        },
      });
      const system = new System({ actors: [link] });
      return timed(system, (resolve) => {
        system.ref(Link, "0").tell(Link.hop, size);
        promise.then(resolve);
      });
    },
    big(size) {
      const { done, promise } = later();
      const keys = Array.from({ length: bigActors }, (_, index) => String(index));
      const expected = size * bigActors * (bigActors - 1);
      let total = 0;
      const one = actor(Counter, {
        state: () => ({ received: 0, rounds: 0 }),
        on: {
          add(ctx, n) {
            const received = ctx.state.received + n;
            let { rounds } = ctx.state;
            total++;
            if (received % (bigActors - 1) === 0 && rounds < size) {
              rounds++;
              for (const key of keys) if (key !== ctx.key) ctx.ref(Counter, key).tell(Counter.add, 1);
            }
            ctx.state = { received, rounds };
            if (total === expected) done(total);
          },
          go(ctx) {
            for (const key of keys) if (key !== ctx.key) ctx.ref(Counter, key).tell(Counter.add, 1);
            ctx.state = { received: 0, rounds: 1 };
          },
        },
      });
      const system = new System({ actors: [one] });
      return timed(system, (resolve) => {
        for (const key of keys) system.ref(Counter, key).tell(Counter.go);
        promise.then(resolve);
      });
    },
    forkJoin(size) {
      const { done, promise } = later();
      let total = 0;
      const one = actor(Counter, {
        state: () => 0,
        on: {
          add(ctx, n) {
            ctx.state = ctx.state + n;
            if (++total === size) done(total);
          },
          go() {},
        },
        mailbox,
      });
      const system = new System({ actors: [one] });
      const refs = Array.from({ length: forkJoinActors }, (_, index) => system.ref(Counter, String(index)));
      return timed(system, (resolve) => {
        for (let index = 0; index < size; index++) refs[index % forkJoinActors].tell(Counter.add, 1);
        promise.then(resolve);
      });
    },
    async create(size) {
      const { done, promise } = later();
      let total = 0;
      const one = actor(Counter, {
        state: () => 0,
        on: {
          add(ctx, n) {
            ctx.state = ctx.state + n;
            if (++total === size) done(total);
          },
          go() {},
        },
      });
      const beforeBytes = bytesOfHeap();
      const system = new System({ actors: [one] });
      const startMs = performance.now();
      for (let index = 0; index < size; index++) system.ref(Counter, `a${index}`).tell(Counter.add, 1);
      const check = await promise;
      const elapsedMs = performance.now() - startMs;
      const bytesPerActor = (bytesOfHeap() - beforeBytes) / size;
      await system.stop({ drainMs: 0 });
      return { elapsedMs, check, also: { bytesPerActor } };
    },
    askOne(size) {
      const system = new System({ actors: [adder()] });
      const ref = system.ref(Adder, "main");
      return timed(system, async (done) => {
        let x = 0;
        for (let index = 0; index < size; index++) x = await ref.ask(Adder.next, x);
        done(x);
      });
    },
    askMany(size) {
      const system = new System({ actors: [adder()] });
      const ref = system.ref(Adder, "main");
      const loop = async () => {
        let x = 0;
        for (let index = 0; index < size / asksInFlight; index++) x = await ref.ask(Adder.next, x);
        return x;
      };
      return timed(system, async (done) => {
        const last = await Promise.all(Array.from({ length: asksInFlight }, loop));
        done(last.reduce((sum, x) => sum + x, 0));
      });
    },
    async publish(size) {
      const { done, promise } = later();
      let total = 0;
      const Publisher = protocol("publisher", { go: tell(unchecked<number>()) });
      const publisher = actor(Publisher, {
        state: () => null,
        on: {
          go(ctx, left) {
            ctx.publish(News.out, left);
            if (left > 1) ctx.self.tell(Publisher.go, left - 1);
          },
        },
      });
      const one = actor(Counter, {
        state: () => 0,
        on: {
          add(ctx) {
            ctx.state = ctx.state + 1;
            if (++total === size * subscribers) done(total);
          },
          go() {},
        },
      });
      const system = new System({ actors: [one, publisher] });
      for (let index = 0; index < subscribers; index++) {
        system.subscribe(News.out, system.ref(Counter, String(index)).at(Counter.add));
        if (index % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
      }
      return timed(system, (resolve) => {
        system.ref(Publisher, "main").tell(Publisher.go, size);
        promise.then(resolve);
      });
    },
    submit(size) {
      const worker = actor(Worker, { state: () => null, on: { work: (_, n) => n } });
      const system = new System({ actors: [worker], limits: { replies: 1_000_000 } });
      const ref = system.ref(Worker, "main");
      const loop = async () => {
        let sum = 0;
        for (let index = 0; index < size / 100; index++) {
          const ticket = await ref.submit(Worker.work, 1);
          sum += await ticket.reply();
        }
        return sum;
      };
      return timed(system, async (done) => {
        const sums = await Promise.all(Array.from({ length: 100 }, loop));
        done(sums.reduce((sum, x) => sum + x, 0));
      });
    },
    async survey(size) {
      const voter = actor(Voter, { state: () => null, on: { vote: (_, n) => n } });
      const system = new System({ actors: [voter] });
      for (let index = 0; index < respondents; index++) {
        system.subscribe(Voter.vote, system.ref(Voter, String(index)).at(Voter.vote));
      }
      return await timed(system, async (done) => {
        let sum = 0;
        for (let index = 0; index < size; index++) {
          for await (const vote of system.survey(Voter.vote, 1, { max: respondents })) sum += vote;
        }
        done(sum);
      });
    },
  },
};

function adder() {
  return actor(Adder, { state: () => null, on: { next: (_, n) => n + 1 } });
}
