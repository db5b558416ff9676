import {
  type Actor,
  actor,
  ask,
  type Context,
  event,
  protocol,
  type Ref,
  submit,
  survey,
  System,
  tell,
  unchecked,
} from "@posthorn/posthorn";
import * as z from "zod";
import type { Contender, Outcome } from "../contender.ts";
import { bytesOfHeap } from "../heap.ts";
import { posthornTypes } from "../many_types/posthorn.ts";
import { type Done, timed } from "../timed.ts";
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
const Empty = protocol("counter", { add: tell() });
const Line = protocol("counter", { add: tell(z.object({ sku: z.string(), count: z.number() })) });
const Producer = protocol("producer", { go: tell(unchecked<number>()) });
const Player = protocol("player", { ping: tell(unchecked<string>()), pong: tell(unchecked<string>()) });
const Link = protocol("link", { hop: tell(unchecked<number>()) });
const Adder = protocol("adder", { next: ask(unchecked<number>(), unchecked<number>()) });
const Checked = protocol("adder", {
  next: ask(z.object({ by: z.string(), n: z.number() }), unchecked<number>()),
});
const News = protocol("news", { out: event(unchecked<number>()) });
const Worker = protocol("worker", { work: submit(unchecked<number>(), unchecked<number>()) });
const Voter = protocol("voter", { vote: survey(unchecked<number>(), unchecked<number>()) });

/** A mailbox in which all messages of a flood can wait at once. */
const mailbox = { capacity: 10_000_000 };

/** Times an operation from its start to its completion, and stops the system afterwards. */
async function timedIn(
  system: System,
  begin: (done: Done) => void,
  checked?: PromiseWithResolvers<number>,
): Promise<Outcome> {
  const outcome = await timed(begin, checked);
  await system.stop({ drainMs: 0 });
  return outcome;
}

/** An actor that sums its messages, and reports when it reaches a total. */
function counting(until: number, done: Done) {
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

/**
 * A producer sends a burst in one turn, then a message to itself to continue. The counter reports when it has
 * handled the last message.
 */
function inBursts(
  size: number,
  counter: (done: Done) => Actor,
  send: (ctx: Context<"producer", null>, many: number) => void,
): Promise<Outcome> {
  const checked = Promise.withResolvers<number>();
  const producer = actor(Producer, {
    state: () => null,
    on: {
      go(ctx, left) {
        const many = Math.min(left, burstLength);
        send(ctx, many);
        if (left > many) ctx.self.tell(Producer.go, left - many);
      },
    },
  });
  const system = new System({ actors: [counter(checked.resolve), producer] });
  return timedIn(system, () => {
    system.ref(Producer, "main").tell(Producer.go, size);
  }, checked);
}

export const contender: Contender = {
  id: "posthorn",
  label: "Posthorn",
  form:
    "Typed protocols, state in the actor, bounded mailboxes, supervision and deadlines as they are by default.",
  workloads: {
    ...posthornTypes,
    count(size) {
      const checked = Promise.withResolvers<number>();
      const system = new System({ actors: [counting(size, checked.resolve)] });
      const counter = system.ref(Counter, "main");
      return timedIn(system, () => {
        for (let index = 0; index < size; index++) counter.tell(Counter.add, 1);
      }, checked);
    },
    burst: (size) =>
      inBursts(size, (done) => counting(size, done), (ctx, many) => {
        const counter = ctx.ref(Counter, "main");
        for (let index = 0; index < many; index++) counter.tell(Counter.add, 1);
      }),
    burstEmpty: (size) =>
      inBursts(
        size,
        (done) =>
          actor(Empty, {
            state: () => 0,
            on: {
              add(ctx) {
                const count = ctx.state + 1;
                ctx.state = count;
                if (count === size) done(count);
              },
            },
            mailbox,
          }),
        (ctx, many) => {
          const counter = ctx.ref(Empty, "main");
          for (let index = 0; index < many; index++) counter.tell(Empty.add);
        },
      ),
    burstObject: (size) =>
      inBursts(
        size,
        (done) =>
          actor(Line, {
            state: () => 0,
            on: {
              add(ctx, line) {
                const count = ctx.state + line.count;
                ctx.state = count;
                if (count === size) done(count);
              },
            },
            mailbox,
          }),
        (ctx, many) => {
          const counter = ctx.ref(Line, "main");
          for (let index = 0; index < many; index++) counter.tell(Line.add, { sku: "tea", count: 1 });
        },
      ),
    pingPong(size) {
      const checked = Promise.withResolvers<number>();
      const player = actor(Player, {
        state: () => 0,
        on: {
          ping: (ctx, from) => ctx.ref(Player, from).tell(Player.pong, ctx.key),
          pong(ctx, from) {
            const pongs = ctx.state + 1;
            ctx.state = pongs;
            if (pongs === size) checked.resolve(pongs);
            else ctx.ref(Player, from).tell(Player.ping, ctx.key);
          },
        },
      });
      const system = new System({ actors: [player] });
      return timedIn(system, () => {
        system.ref(Player, "b").tell(Player.ping, "a");
      }, checked);
    },
    ring(size) {
      const checked = Promise.withResolvers<number>();
      const keys = Array.from({ length: ringLength }, (_, index) => String(index));
      const link = actor(Link, {
        state: (): number => -1,
        on: {
          hop(ctx, left) {
            let index = ctx.state;
            if (index < 0) ctx.state = index = Number(ctx.key);
            if (left === 0) return checked.resolve(index);
            ctx.ref(Link, keys[(index + 1) % ringLength]).tell(Link.hop, left - 1);
          },
        },
      });
      const system = new System({ actors: [link] });
      return timedIn(system, () => {
        system.ref(Link, "0").tell(Link.hop, size);
      }, checked);
    },
    big: (size) =>
      bigRounds(size, (ctx, { keys }) => {
        for (const key of keys) if (key !== ctx.key) ctx.ref(Counter, key).tell(Counter.add, 1);
      }),
    bigKept: (size) =>
      bigRounds(size, (ctx, { refs }) => {
        for (const ref of refs) if (ref.key !== ctx.key) ctx.ref(ref).tell(Counter.add, 1);
      }),
    forkJoin(size) {
      const checked = Promise.withResolvers<number>();
      let total = 0;
      const one = actor(Counter, {
        state: () => 0,
        on: {
          add(ctx, n) {
            ctx.state = ctx.state + n;
            if (++total === size) checked.resolve(total);
          },
          go() {},
        },
        mailbox,
      });
      const system = new System({ actors: [one] });
      const refs = Array.from({ length: forkJoinActors }, (_, index) => system.ref(Counter, String(index)));
      return timedIn(system, () => {
        for (let index = 0; index < size; index++) refs[index % forkJoinActors].tell(Counter.add, 1);
      }, checked);
    },
    async create(size) {
      const checked = Promise.withResolvers<number>();
      let total = 0;
      const one = actor(Counter, {
        state: () => 0,
        on: {
          add(ctx, n) {
            ctx.state = ctx.state + n;
            if (++total === size) checked.resolve(total);
          },
          go() {},
        },
      });
      const beforeBytes = bytesOfHeap();
      const system = new System({ actors: [one] });
      const outcome = await timed(() => {
        for (let index = 0; index < size; index++) system.ref(Counter, `a${index}`).tell(Counter.add, 1);
      }, checked);
      const bytesPerActor = (bytesOfHeap() - beforeBytes) / size;
      await system.stop({ drainMs: 0 });
      return { ...outcome, also: { bytesPerActor } };
    },
    askOne(size) {
      const system = new System({ actors: [adder()] });
      const ref = system.ref(Adder, "main");
      return timedIn(system, async (done) => {
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
      return timedIn(system, async (done) => {
        const last = await Promise.all(Array.from({ length: asksInFlight }, loop));
        done(last.reduce((sum, x) => sum + x, 0));
      });
    },
    askObject(size) {
      const adder = actor(Checked, { state: () => null, on: { next: (_, { n }) => n + 1 } });
      const system = new System({ actors: [adder] });
      const ref = system.ref(Checked, "main");
      return timedIn(system, async (done) => {
        let n = 0;
        for (let index = 0; index < size; index++) n = await ref.ask(Checked.next, { by: "ada", n });
        done(n);
      });
    },
    async publish(size) {
      const checked = Promise.withResolvers<number>();
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
            if (++total === size * subscribers) checked.resolve(total);
          },
          go() {},
        },
      });
      const system = new System({ actors: [one, publisher] });
      for (let index = 0; index < subscribers; index++) {
        system.subscribe(News.out, system.ref(Counter, String(index)).at(Counter.add));
        if (index % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
      }
      return timedIn(system, () => {
        system.ref(Publisher, "main").tell(Publisher.go, size);
      }, checked);
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
      return timedIn(system, async (done) => {
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
      return await timedIn(system, async (done) => {
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

/** The actors of big, by key and by handle. */
interface Neighbours {
  readonly keys: readonly string[];
  readonly refs: readonly Ref<"counter">[];
}

interface Received {
  readonly received: number;
  readonly rounds: number;
}

/** 200 actors, each of which sends one message to every other one per round. */
function bigRounds(
  size: number,
  sendToOthers: (ctx: Context<"counter", Received>, neighbours: Neighbours) => void,
): Promise<Outcome> {
  const checked = Promise.withResolvers<number>();
  const keys = Array.from({ length: bigActors }, (_, index) => String(index));
  const refs: Ref<"counter">[] = [];
  const neighbours = { keys, refs };
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
          sendToOthers(ctx, neighbours);
        }
        ctx.state = { received, rounds };
        if (total === expected) checked.resolve(total);
      },
      go(ctx) {
        sendToOthers(ctx, neighbours);
        ctx.state = { received: 0, rounds: 1 };
      },
    },
  });
  const system = new System({ actors: [one] });
  refs.push(...keys.map((key) => system.ref(Counter, key)));
  return timedIn(system, () => {
    for (const ref of refs) ref.tell(Counter.go);
  }, checked);
}
