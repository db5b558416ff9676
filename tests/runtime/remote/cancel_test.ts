// Requests to other services are taken back by the service that accepts them, once, in its intake.

import assert from "node:assert/strict";
import {
  actor,
  CancelledError,
  Failure,
  protocol,
  ReplyPendingError,
  RetryableError,
  submit,
  type System,
  tell,
} from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import * as z from "zod";
import { Services } from "./services.ts";

const Mill = protocol("mill", {
  grind: submit(z.string(), z.string()),
  add: tell(z.string()),
  abandoned: tell(Failure),
});
const Boss = protocol("boss", { order: tell(z.string()), lost: tell(Failure) });

/** A mill whose handlers wait until the test lets them go on, in one service, and its boss in another. */
class World implements AsyncDisposable {
  readonly services = new Services();
  readonly gate = Promise.withResolvers<void>();
  readonly signals: AbortSignal[] = [];
  readonly ran: string[] = [];
  readonly lost: Failure[] = [];
  readonly abandoned: Failure[] = [];
  readonly ordered: string[] = [];
  readonly store = memoryStore();

  async mill(stored = true, transient = false): Promise<System> {
    const mill = actor(Mill, {
      state: () => 0,
      on: {
        grind: async (ctx, text) => {
          if (text === "later") return ctx.later({ failTo: ctx.self.at(Mill.abandoned) });
          if (text === "down") throw new RetryableError("it is broken", { afterMs: 60_000 });
          if (text === "now") return "now";
          this.signals.push(ctx.signal);
          await this.gate.promise;
          ctx.state++;
          this.ran.push(text);
          return `ground ${text}`;
        },
        add: () => {},
        abandoned: (_ctx, failure) => void this.abandoned.push(failure),
      },
      retry: { order: "aside" },
      transient,
    });
    const options = { ...stored && { store: this.store }, expose: [Mill] };
    return await this.services.start("mill", [mill], options);
  }

  async boss(stored = true): Promise<System> {
    const boss = actor(Boss, {
      state: () => null,
      on: {
        order: (ctx, text) => void this.ordered.push(ctx.ref(Mill, "main").submit(Mill.grind, text)),
        lost: (_ctx, failure) => void this.lost.push(failure),
      },
    });
    const options = { ...stored && { store: memoryStore() }, remote: [Mill] };
    return await this.services.start("boss", [boss], options);
  }

  submit(boss: System, text: string, options = {}) {
    return this.services.during(boss.ref(Mill, "main").submit(Mill.grind, text, options));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.gate.resolve();
    await this.services[Symbol.asyncDispose]();
  }
}

Deno.test("a request to another service is taken back there, if it waits and if it runs", async () => {
  await using world = new World();
  const { services } = world;
  const mill = await world.mill();
  const boss = await world.boss();
  const runs = await world.submit(boss, "a", { id: "first" });
  const waits = await world.submit(boss, "b");
  const stays = await world.submit(boss, "c");
  await services.pass(500);
  for (const ticket of [waits, runs]) assert.equal(await services.during(ticket.cancel()), "cancelled");
  assert(world.signals[0].reason instanceof CancelledError);
  world.gate.resolve();
  assert.equal(await services.during(stays.reply()), "ground c");
  assert.deepEqual(world.ran, ["a", "c"], "what its handler did outside stands");
  for (const ticket of [waits, runs]) {
    await assert.rejects(ticket.reply({ timeoutMs: 0 }), CancelledError);
    assert.equal(await ticket.cancel(), "cancelled");
  }
  await assert.rejects(runs.reply({ timeoutMs: 0 }), {
    id: "first",
    message: "mill/main grind was cancelled",
  });
  const again = await world.submit(boss, "a", { id: "first" });
  assert.equal(again.id, runs.id);
  assert.deepEqual([mill.deadLetters.size, boss.deadLetters.size], [0, 0]);
  const { accepted, done, dead, cancelled, waiting, running } = mill.stats();
  assert.deepEqual([cancelled, accepted], [2, done + dead + cancelled + waiting + running]);
});

Deno.test("a request that has stepped aside in another service is taken back there", async () => {
  await using world = new World();
  const { services } = world;
  const mill = await world.mill();
  const boss = await world.boss();
  const ticket = await world.submit(boss, "down");
  await services.pass(500);
  assert.equal(await services.during(ticket.cancel()), "cancelled");
  await services.pass(120_000, 10_000);
  assert.equal(mill.deadLetters.size, 0);
});

Deno.test("what another service has answered was too late to take back", async () => {
  await using world = new World();
  const { services } = world;
  await world.mill();
  const boss = await world.boss();
  const ticket = await world.submit(boss, "now");
  const early = services.during(ticket.cancel());
  assert.equal(await early, "done", "the answer was on its way");
  assert.equal(await services.during(ticket.reply()), "now");
  assert.equal(await services.during(ticket.cancel()), "done");
});

Deno.test("a request of a turn to another service is taken back by its id, and failTo hears of one of the program", async () => {
  await using world = new World();
  const { services } = world;
  await world.mill();
  const boss = await world.boss();
  await services.during(boss.ref(Boss, "one").tell(Boss.order, "a"));
  const failTo = boss.ref(Boss, "one").at(Boss.lost);
  const told = await world.submit(boss, "b", { id: "mine", failTo });
  await services.pass(500);
  assert.equal(await services.during(boss.ticket(world.ordered[0], Mill.grind).cancel()), "cancelled");
  assert.equal(await services.during(told.cancel()), "cancelled");
  await services.pass(500);
  assert.deepEqual(world.lost, [{ id: "mine", code: "cancelled", message: "mill/main grind was cancelled" }]);
});

Deno.test("a request to a service that is away is not decided, and is given up at its deadline", async () => {
  await using world = new World();
  const { services } = world;
  const mill = await world.mill(); // its queue is there
  await mill.stop();
  const boss = await world.boss();
  const failTo = boss.ref(Boss, "one").at(Boss.lost);
  const ticket = await world.submit(boss, "a", { timeoutMs: 60_000 });
  const told = await world.submit(boss, "b", { timeoutMs: 60_000, failTo, id: "mine" });
  const endless = await world.submit(boss, "c");
  for (const one of [ticket, told, endless]) {
    await assert.rejects(services.during(one.cancel({ timeoutMs: 1_000 })), { code: "deadline" });
  }
  await assert.rejects(ticket.reply({ timeoutMs: 0 }), { code: "deadline" });
  const waiting = ticket.cancel({ timeoutMs: 120_000 });
  await services.pass(60_000, 5_000);
  assert.equal(await waiting, "given-up", "as soon as the deadline has passed");
  assert.equal(await services.during(told.cancel()), "given-up");
  await services.pass(500);
  assert.deepEqual(world.lost.map(({ id, code }) => [id, code]), [["mine", "given-up"]]);
  await assert.rejects(ticket.reply({ timeoutMs: 0 }), { code: "given-up" });
  await world.mill();
  await services.pass(5_000);
  assert.equal(
    world.signals.every(({ aborted }) => aborted),
    true,
    "all were taken back, or too late to begin",
  );
  assert.equal(await services.during(ticket.cancel()), "given-up", "one outcome, whatever comes later");
  assert.equal(await services.during(endless.cancel()), "cancelled");
});

Deno.test("a system without a store takes back what it has sent to another service", async () => {
  await using world = new World();
  const { services } = world;
  const mill = await world.mill();
  const boss = await world.boss(false);
  const failTo = boss.ref(Boss, "one").at(Boss.lost);
  const runs = await world.submit(boss, "a", { id: "mine", failTo });
  const waits = await world.submit(boss, "b");
  const done = await world.submit(boss, "now");
  await services.during(boss.ref(Boss, "one").tell(Boss.order, "c"));
  await services.pass(500);
  for (const ticket of [waits, runs, boss.ticket(world.ordered[0])]) {
    assert.equal(await services.during(ticket.cancel()), "cancelled");
    await assert.rejects(ticket.reply({ timeoutMs: 0 }), CancelledError);
  }
  world.gate.resolve();
  assert.equal(await services.during(done.cancel()), "done");
  await services.pass(500);
  assert.deepEqual(world.lost.map(({ id, code }) => [id, code]), [["mine", "cancelled"]]);
  assert.deepEqual([mill.deadLetters.size, boss.deadLetters.size], [0, 0]);
  const late = await world.submit(boss, "down", { timeoutMs: 10_000 });
  await mill.stop();
  assert.equal(await services.during(late.cancel({ timeoutMs: 15_000 })), "given-up");
  await assert.rejects(late.reply({ timeoutMs: 0 }), { code: "given-up" });
});

Deno.test("a service without a store takes back what waits there", async () => {
  await using world = new World();
  const { services } = world;
  const mill = await world.mill(false);
  const boss = await world.boss();
  const failTo = boss.ref(Boss, "one").at(Boss.lost);
  const runs = await world.submit(boss, "a");
  await services.pass(500); // nothing behind it is handed over until its turn is over
  const waits = await world.submit(boss, "b", { id: "mine", failTo });
  const stays = await world.submit(boss, "c");
  const telling = services.during(waits.cancel({ timeoutMs: 60_000 }));
  await assert.rejects(services.during(runs.cancel({ timeoutMs: 1_000 })), { code: "deadline" });
  world.gate.resolve();
  assert.equal(await telling, "cancelled");
  assert.equal(await services.during(runs.cancel()), "done");
  assert.equal(await services.during(stays.reply()), "ground c");
  assert.deepEqual(world.ran, ["a", "c"]);
  await assert.rejects(waits.reply({ timeoutMs: 0 }), CancelledError);
  assert.deepEqual(world.lost, [{ id: "mine", code: "cancelled", message: "mill/main grind was cancelled" }]);
  assert.deepEqual([mill.deadLetters.size, boss.deadLetters.size], [0, 0]);
  const { accepted, done, dead, cancelled, waiting, running } = mill.stats();
  assert.deepEqual([cancelled, accepted], [1, done + dead + cancelled + waiting + running]);
});

for (const stored of [false, true]) {
  const where = stored ? "an actor in memory beside a store" : "a service without a store";
  Deno.test(`${where} withdraws what it has answered later`, async () => {
    await using world = new World();
    const { services } = world;
    await world.mill(stored, true);
    const boss = await world.boss(false);
    const stays = await world.submit(boss, "later", { id: "other" });
    const ticket = await world.submit(boss, "later", { id: "mine" });
    await services.pass(500);
    assert.equal(await services.during(ticket.cancel()), "withdrawn");
    await services.pass(500);
    assert.deepEqual(world.abandoned.map(({ id, code }) => [id, code]), [["mine", "cancelled"]]);
    await assert.rejects(stays.reply({ timeoutMs: 0 }), ReplyPendingError);
  });
}

Deno.test("two services without a store take back, and know what was too late", async () => {
  await using world = new World();
  const { services } = world;
  await world.mill(false);
  const boss = await world.boss(false);
  const now = await world.submit(boss, "now");
  await services.pass(500);
  assert.equal(await services.during(now.cancel()), "done");
  const first = await world.submit(boss, "a");
  await services.pass(500);
  const second = await world.submit(boss, "b");
  const telling = services.during(second.cancel({ timeoutMs: 60_000 }));
  await services.pass(500);
  world.gate.resolve();
  assert.equal(await telling, "cancelled");
  assert.equal(await services.during(first.reply()), "ground a");
});
