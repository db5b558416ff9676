// Transient actors in a system with a store: their replies are stored, and durable messages for them are
// delivered.

import assert from "node:assert/strict";
import { type Actor, actor, protocol, StoreError, submit, type System, tell } from "@posthorn/posthorn";
import * as z from "zod";
import {
  inMemory,
  kinds,
  note,
  onEach,
  type Stage,
  Worker,
  worker,
  type WorkerContext,
} from "./durable_stage.ts";

const Quick = protocol("quick", {
  hear: tell(z.unknown()),
  work: submit(z.string(), z.string()),
});

type Gate = PromiseWithResolvers<void>;

/** Transient actors: their messages are recorded, and their handlers may wait. */
function quick(heard: unknown[] = [], gate?: Gate): Actor {
  return actor(Quick, {
    transient: true,
    state: () => null,
    on: {
      hear: (_, what) => void heard.push(what),
      async work(_, text) {
        heard.push(text);
        await gate?.promise;
        return text.startsWith("large") ? text.repeat(Number(text.split(" ")[1])) : text.toUpperCase();
      },
    },
  });
}

const at = (system: System, key = "q") => system.ref(Quick, key);

onEach(kinds, "the reply of an actor that keeps nothing outlives its process", async (stage) => {
  const gate = Promise.withResolvers<void>();
  const first = await stage.start([quick([], gate)]);
  const ticket = await at(first).submit(Quick.work, "a");
  await assert.rejects(ticket.reply({ timeoutMs: 0 }), { code: "deadline" });
  gate.resolve();
  await stage.settle();
  assert.equal(await ticket.reply(), "A");
  await stage.kill(first);
  const second = await stage.start([quick()]);
  assert.equal(await second.ticket(ticket.id).reply(), "A");
});

onEach(
  ["memory", "sqlite"],
  "another process collects the reply of an actor that keeps nothing",
  async (stage) => {
    const gate = Promise.withResolvers<void>();
    const first = await stage.start([quick([], gate)]);
    const second = await stage.start([quick()]);
    const ticket = await at(first).submit(Quick.work, "a");
    const collected = second.ticket(ticket.id).reply({ timeoutMs: 20_000 });
    await stage.settle();
    gate.resolve();
    await stage.pass(10_000); // a heartbeat, if there is no notification
    assert.equal(await collected, "A");
  },
);

inMemory(
  "a request to an actor that keeps nothing is lost with its process, and its reply expires",
  async (stage) => {
    const first = await stage.start([quick([], Promise.withResolvers<void>())], { laterMs: 3_600_000 });
    const ticket = await at(first).submit(Quick.work, "a");
    await stage.kill(first);
    const second = await stage.start([quick()], { replyRetentionMs: 60_000 });
    await assert.rejects(second.ticket(ticket.id).reply({ timeoutMs: 0 }), { code: "deadline" });
    await stage.pass(3_700_000, 60_000);
    await assert.rejects(second.ticket(ticket.id).reply({ timeoutMs: 0 }), { code: "expired-reply" });
  },
);

onEach(
  ["denoKv"],
  "a reply that no commit takes is refused in words, and is a dead letter",
  async (stage) => {
    const system = await stage.start([quick()]);
    const ticket = await at(system).submit(Quick.work, `large ${200_000}`);
    await assert.rejects(ticket.reply(), { code: "too-large" });
    await stage.settle();
    assert.deepEqual(system.deadLetters.list().map(({ operation, reason }) => `${operation}: ${reason}`), [
      "arrive: too-large",
    ]);
    const [{ id }] = system.deadLetters.list();
    await assert.rejects(async () => await system.deadLetters.resend(id), { code: "too-large" });
    const small = await at(system).submit(Quick.work, "a");
    assert.equal(await small.reply(), "A");
    await system.stop(); // no row is left that never expires
  },
);

/** Makes the store accept or refuse commits, as the result of the function says. */
function away(stage: Stage, system: System): { away: boolean } {
  const state = { away: false };
  stage.storeOf(system).refuse = () => state.away ? new StoreError("store-unavailable", "away") : undefined;
  return state;
}

inMemory("a reply that is given while the store is away is written when that is back", async (stage) => {
  const gate = Promise.withResolvers<void>();
  const system = await stage.start([quick([], gate)]);
  const store = away(stage, system);
  const ticket = await at(system).submit(Quick.work, "a");
  store.away = true;
  gate.resolve();
  await stage.pass(10_000);
  await assert.rejects(ticket.reply({ timeoutMs: 0 }), { code: "deadline" });
  store.away = false;
  await stage.pass(3_000);
  assert.equal(await ticket.reply(), "A");
  assert.deepEqual(system.deadLetters.list(), []);
});

inMemory(
  "where the store does not take its reply a submit says that it cannot know, and once more takes it up",
  async (stage) => {
    const heard: unknown[] = [];
    const system = await stage.start([quick(heard)]);
    const store = away(stage, system);
    store.away = true;
    await assert.rejects(at(system).submit(Quick.work, "a", { id: "7" }), { code: "outcome-unknown" });
    await assert.rejects(at(system).submit(Quick.work, "a", { id: "7" }), { code: "outcome-unknown" });
    store.away = false;
    const ticket = await at(system).submit(Quick.work, "a", { id: "7" });
    await stage.pass(3_000);
    assert.equal(await ticket.reply(), "A");
    assert.deepEqual(heard, ["a"]);
  },
);

inMemory("a submit that is refused opens no reply", async (stage) => {
  const system = await stage.start([quick()]);
  const before = await rows(stage, "reply");
  await assert.rejects(at(system).submit(Quick.work, 5 as unknown as string), { code: "invalid-payload" });
  await stage.settle();
  assert.equal(await rows(stage, "reply"), before);
});

async function rows(stage: Stage, kind: string): Promise<number> {
  const connection = await stage.store.open({ clock: stage.clock });
  const found = await connection.list({ prefix: `${kind}\u001f`, limit: 1_000 });
  await connection.close();
  return found.length;
}

onEach(
  kinds,
  "a schedule for an actor that keeps nothing comes, in whichever process it is due",
  async (stage) => {
    const remind = (ctx: WorkerContext) =>
      ctx.schedule("x", { afterMs: 60_000 }, ctx.ref(Quick, "q").at(Quick.hear), "now");
    const first = await stage.start([quick(), worker({ remind })]);
    await first.ref(Worker, "ada").tell(Worker.run, "remind");
    await stage.settle();
    await stage.kill(first);
    const heard: unknown[] = [];
    const second = await stage.start([quick(heard), worker()]);
    await stage.pass(61_000);
    assert.deepEqual(heard, ["now"]);
    assert.deepEqual(second.deadLetters.list(), []);
  },
);

onEach(
  kinds,
  "a submit of a durable actor's operation to an actor that keeps nothing rejects",
  async (stage) => {
    const system = await stage.start([quick(), worker()]);
    const submitted = at(system).submit(Worker.run as unknown as typeof Quick.work, "x"); // as untyped code may do
    await assert.rejects(submitted);
    assert.deepEqual(system.deadLetters.list(), []);
  },
);

for (const overflow of ["drop-oldest", "drop-newest"] as const) {
  onEach(
    kinds,
    `${overflow}: the eviction of its message is reported to a transient actor`,
    async (stage) => {
      const heard: unknown[] = [];
      const gate = Promise.withResolvers<void>();
      const busy = worker({ wait: () => gate.promise }, { mailbox: { capacity: 1, overflow } });
      const system = await stage.start([quick(heard), busy]);
      await system.ref(Worker, "ada").tell(Worker.run, "wait");
      await stage.settle();
      const failTo = at(system).at(Quick.hear);
      for (const id of ["1", "2"]) {
        await system.ref(Worker, "ada").submit(Worker.job, "notes", { id, failTo });
      }
      await stage.pass(100, 10);
      assert.deepEqual(
        heard.map((failure) => (failure as { id: string; code: string }).code),
        ["dropped"],
      );
      gate.resolve();
      await stage.settle();
    },
  );
}

inMemory(
  "a letter that is sent again reaches its actor, and the reply one that keeps nothing",
  async (stage) => {
    const heard: unknown[] = [];
    let broken = true;
    const fragile = () => {
      if (broken) throw new Error("no");
      return "mended";
    };
    const system = await stage.start([quick(heard), worker({ fragile }, { retry: { attempts: 1 } })]);
    const replyTo = at(system).at(Quick.hear);
    await system.ref(Worker, "ada").submit(Worker.job, "fragile", { id: "7", replyTo });
    await stage.settle();
    broken = false;
    await system.deadLetters.resend("7");
    await stage.settle();
    assert.deepEqual(heard, ["mended"]);
  },
);

inMemory("an actor that keeps nothing is erased from the topics of the store", async (stage) => {
  const Fan = protocol("fan", { follow: tell(), hear: tell(z.unknown()) });
  const heard: unknown[] = [];
  const fan = actor(Fan, {
    transient: true,
    state: () => null,
    on: {
      follow: (ctx) => ctx.subscribe(Worker.happened, ctx.self.at(Fan.hear)),
      hear: (_, what) => void heard.push(what),
    },
  });
  const system = await stage.start([fan, worker({ note: (ctx, text) => note(ctx, text) })]);
  await system.ref(Fan, "f").tell(Fan.follow);
  await stage.settle();
  await system.publish(Worker.happened, "de 1");
  await stage.settle();
  await system.signal({ protocol: "fan", key: "f" }, "erase");
  await stage.settle();
  await system.publish(Worker.happened, "de 2");
  await stage.settle();
  assert.deepEqual(heard, ["de 1"]);
  assert.equal(await rows(stage, "subscriber"), 0);
});
