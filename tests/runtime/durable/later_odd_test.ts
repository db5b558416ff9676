// Laters whose requests or answers take an unusual way: delayed, sent again from the dead letters, answered too early.

import assert from "node:assert/strict";
import {
  actor,
  ask,
  Failure,
  type Later,
  later,
  protocol,
  RetryableError,
  submit,
  System,
  tell,
} from "@posthorn/posthorn";
import { VirtualClock } from "@posthorn/posthorn/testing";
import * as z from "zod";
import { kinds, onEach } from "./durable_stage.ts";
import { inEach, type World } from "./worlds.ts";

const Desk = protocol("desk", {
  ask: submit(z.string(), z.string()),
  decide: tell(z.string()),
});
const Quick = protocol("quick", { ask: submit(z.string(), z.string()) });
const Clerk = protocol("clerk", { decide: ask(later(z.string()), z.boolean()) });

const minuteMs = 60_000;
const times = { deduplicationWindowMs: minuteMs, replyRetentionMs: minuteMs, laterMs: minuteMs };

/** A desk that answers in ten minutes. It fails its first so many turns. */
function office(failures = 0) {
  let runs = 0;
  const desk = actor(Desk, {
    state: (): { answer?: Later<string> } => ({}),
    on: {
      ask(ctx) {
        if (++runs <= failures) throw new Error("not today");
        const answer = ctx.later({ timeoutMs: 10 * minuteMs });
        ctx.state = { answer };
        return answer;
      },
      decide: (ctx, verdict) => ctx.reply(ctx.state.answer!, verdict),
    },
    retry: { attempts: 1 },
  });
  return { actors: [desk], runs: () => runs };
}

/** A desk whose turn asks a clerk who answers its caller at once. It fails its first turn, if it `fails`. */
function hasty({ fails = false, twice = false } = {}) {
  const clerk = actor(Clerk, {
    transient: true,
    state: () => 0,
    on: {
      decide(ctx, answer) {
        ctx.state++;
        ctx.reply(answer, `yes ${ctx.state}`);
        return true;
      },
    },
  });
  const quick = actor(Quick, {
    transient: true,
    state: () => null,
    on: {
      async ask(ctx) {
        const answer = ctx.later();
        await ctx.ref(Clerk, "a").ask(Clerk.decide, answer);
        if (twice) await ctx.ref(Clerk, "a").ask(Clerk.decide, answer);
        if (fails && ctx.attempt === 1) throw new Error("once more");
        return answer;
      },
    },
    retry: { baseMs: 1_000 },
  });
  return [clerk, quick];
}

/** Waits for a call whose store takes time on the virtual clock. */
async function after<Result>(world: World, call: Promise<Result>): Promise<Result> {
  call.catch(() => {}); // it is awaited below
  await world.settle();
  return await call;
}

const reasons = (system: System) => system.deadLetters.list().map(({ reason }) => reason);

inEach("the id of a delayed request is known for as long as its later", async (world) => {
  const { actors, runs } = office();
  const system = await world.start(actors, times);
  const desk = system.ref(Desk, "d");
  const options = { id: "request-1", afterMs: 1_000 };
  const ticket = await after(world, desk.submit(Desk.ask, "hard", options));
  await world.pass(2_000, 100);
  for (let waits = 0; runs() === 0 && waits < 100; waits++) await world.pass(100, 100); // its window is a minute
  await world.pass(1_000, 100);
  await world.pass(5 * minuteMs, 30_000);
  const again = await after(world, desk.submit(Desk.ask, "hard", options));
  await world.pass(10_000);
  assert.deepEqual([again.id, runs()], [ticket.id, 1]);
  await after(world, desk.tell(Desk.decide, "yes"));
  await world.settle();
  assert.equal(await after(world, ticket.reply()), "yes");
});

inEach("a request may be answered later whatever its headers are called", async (world) => {
  const { actors } = office();
  const system = await world.start(actors, times);
  const desk = system.ref(Desk, "d");
  const named = ["constructor", "prototype", "__proto__"];
  for (const name of named) {
    const ticket = await after(
      world,
      desk.submit(Desk.ask, name, { headers: Object.fromEntries([[name, "a"]]) }),
    );
    await world.settle();
    await after(world, desk.tell(Desk.decide, `yes ${name}`));
    await world.settle();
    assert.equal(await after(world, ticket.reply()), `yes ${name}`);
  }
  assert.deepEqual(reasons(system), []);
});

inEach("a request that is sent again from the dead letters may be answered later", async (world) => {
  const { actors, runs } = office(1);
  const system = await world.start(actors, times);
  const desk = system.ref(Desk, "d");
  const ticket = await after(world, desk.submit(Desk.ask, "hard", { id: "request-1" }));
  await world.settle();
  await assert.rejects(after(world, ticket.reply()), { code: "failed" });
  const [letter] = system.deadLetters.list();
  await after(world, Promise.resolve(system.deadLetters.resend(letter.id)));
  await world.settle();
  await assert.rejects(after(world, ticket.reply({ timeoutMs: 0 })), { code: "deadline" });
  await world.pass(5 * minuteMs, 30_000);
  const again = await after(world, desk.submit(Desk.ask, "hard", { id: "request-1" }));
  await world.settle();
  assert.deepEqual([again.id, runs()], [ticket.id, 2]);
  await after(world, desk.tell(Desk.decide, "yes"));
  await world.settle();
  assert.equal(await after(world, ticket.reply()), "yes");
  assert.deepEqual(reasons(system), []);
});

onEach(
  ["memory", "sqlite"],
  "a later does not prolong the id of another request, which came when its own was forgotten",
  async (stage) => {
    let runs = 0;
    const Slow = protocol("slow", { ask: submit(z.string(), z.string()) });
    const slow = actor(Slow, {
      state: () => null,
      on: {
        ask(ctx) {
          if (++runs === 1) throw new RetryableError("busy", { afterMs: 3.5 * minuteMs });
          return ctx.later({ timeoutMs: 10 * minuteMs });
        },
      },
    });
    const system = await stage.start([slow], times);
    const request = () => system.ref(Slow, "s").submit(Slow.ask, "hard", { id: "request-1" });
    const first = await request();
    await stage.pass(3 * minuteMs, 10_000);
    const second = await request();
    assert.notEqual(second.id, first.id);
    await stage.pass(1.5 * minuteMs, 10_000);
    assert.deepEqual([(await request()).id, runs], [second.id, 3]);
    await stage.pass(12 * minuteMs, minuteMs);
    await request();
    await stage.settle();
    assert.equal(runs, 4);
  },
);

inEach("an answer that comes before the turn ends that made the later counts", async (world) => {
  const system = await world.start(hasty());
  const ticket = await after(world, system.ref(Quick, "q").submit(Quick.ask, "hard"));
  await world.settle();
  assert.equal(await after(world, ticket.reply()), "yes 1");
  assert.deepEqual(reasons(system), []);
});

inEach(
  "of two answers before the turn ends the first counts, and the second is a dead letter",
  async (world) => {
    const system = await world.start(hasty({ twice: true }));
    const ticket = await after(world, system.ref(Quick, "q").submit(Quick.ask, "hard"));
    await world.settle();
    assert.equal(await after(world, ticket.reply()), "yes 1");
    assert.deepEqual(reasons(system), ["already-answered"]);
  },
);

inEach("an answer to a later of a turn that fails then is a dead letter", async (world) => {
  const system = await world.start(hasty({ fails: true }));
  const ticket = await after(world, system.ref(Quick, "q").submit(Quick.ask, "hard"));
  await world.settle();
  assert.deepEqual(reasons(system), ["late-reply"]);
  await world.pass(3_000);
  assert.equal(await after(world, ticket.reply()), "yes 2");
});

Deno.test("the caller is told if there is no room for one more request that is answered later", async () => {
  const clock = new VirtualClock();
  await using system = new System({ actors: office().actors, limits: { actors: 2 }, clock, log: false });
  const [, second] = await Promise.all(
    ["a", "b"].map((key) => system.ref(Desk, key).submit(Desk.ask, "hard")),
  );
  await clock.advance(0);
  await assert.rejects(second.reply(), { code: "too-many-actors" });
});

Deno.test("if there is no room for it, who collects the reply is told beside the address that it names for failures", async () => {
  const Client = protocol("client", { failed: tell(Failure), begin: tell() });
  const codes: string[] = [];
  const client = actor(Client, {
    state: () => 0,
    on: {
      begin: (ctx) => void (ctx.state = 1),
      failed: (_ctx, { code }) => void codes.push(code),
    },
  });
  const clock = new VirtualClock();
  const { actors } = office();
  await using system = new System({ actors: [...actors, client], limits: { actors: 2 }, clock, log: false });
  const one = system.ref(Client, "one");
  await one.tell(Client.begin);
  await clock.settle();
  const ticket = await system.ref(Desk, "a").submit(Desk.ask, "hard", { failTo: one.at(Client.failed) });
  await clock.settle();
  await assert.rejects(ticket.reply({ timeoutMs: 0 }), { code: "too-many-actors" });
  assert.deepEqual(codes, ["too-many-actors"]);
});

/** A transient actor that answers later, and a client in the store that asks it. */
function counter() {
  const Window = protocol("window", { ask: submit(z.string(), z.string()), abandoned: tell(Failure) });
  const Client = protocol("client", {
    ask: tell(),
    got: tell(z.string()),
    failed: tell(Failure),
    codes: ask(z.array(z.string())),
  });
  const window = actor(Window, {
    transient: true,
    state: () => null,
    on: {
      ask: (ctx) => ctx.later({ failTo: ctx.self.at(Window.abandoned) }),
      abandoned() {},
    },
  });
  const client = actor(Client, {
    state: (): readonly string[] => [],
    on: {
      ask(ctx) {
        const addresses = { replyTo: ctx.self.at(Client.got), failTo: ctx.self.at(Client.failed) };
        ctx.ref(Window, "w").submit(Window.ask, "hard", addresses);
      },
      got() {},
      failed: (ctx, { code }) => void (ctx.state = [...ctx.state, code]),
      codes: (ctx) => [...ctx.state],
    },
  });
  return { Window, Client, actors: [window, client] };
}

onEach(
  kinds,
  "who waits for an answer to a transient actor is told when its process stops",
  async (stage) => {
    const { Client, actors } = counter();
    const first = await stage.start(actors);
    await first.ref(Client, "c").tell(Client.ask);
    await stage.settle();
    const stopped = first.stop();
    await stage.settle();
    await stopped;
    const { accepted, done, dead, waiting, running } = first.stats();
    assert.equal(accepted, done + dead + waiting + running);
    assert.deepEqual(first.deadLetters.list().map(({ protocol, reason }) => [protocol, reason]), [
      ["window", "stopping"], // the failure that the actor itself would have heard
    ]);
    const second = await stage.start(actors);
    await stage.settle();
    assert.deepEqual(await second.ref(Client, "c").ask(Client.codes), ["stopping"]);
  },
);

Deno.test("a ticket of a request that is answered later is told when a system without a store stops", async () => {
  const { Window, actors } = counter();
  const system = new System({ actors, clock: new VirtualClock(), log: false });
  const ticket = await system.ref(Window, "w").submit(Window.ask, "hard");
  const told = assert.rejects(ticket.reply(), {
    code: "stopping",
    message: "window/w ask: the system stopped",
  });
  await system.stop();
  await told;
});

onEach(kinds, "the id of a request that a front sent is known for as long as its later", async (stage) => {
  const { actors, runs } = office();
  const host = await stage.start(actors, times);
  const front = await stage.start([], { ...times, peers: [Desk] });
  const ticket = await front.ref(Desk, "d").submit(Desk.ask, "hard", { id: "request-1" });
  await stage.pass(5 * minuteMs, 30_000);
  const again = await front.ref(Desk, "d").submit(Desk.ask, "hard", { id: "request-1" });
  await stage.pass(minuteMs, 30_000);
  assert.deepEqual([again.id, runs()], [ticket.id, 1]);
  await host.ref(Desk, "d").tell(Desk.decide, "yes");
  await stage.settle();
  assert.equal(await front.ticket(ticket.id).reply(), "yes");
});
