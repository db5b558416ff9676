import assert from "node:assert/strict";
import {
  actor,
  CancelledError,
  Failure,
  NotFoundError,
  protocol,
  type Ref,
  submit,
  type System,
  tell,
  unchecked,
} from "@posthorn/posthorn";
import * as z from "zod";
import { gate, watch, World } from "./memory_world.ts";

const Mill = protocol("mill", {
  grind: submit(z.string(), z.string()),
  wait: submit(unchecked<Promise<string>>(), z.string().transform((text) => text.toUpperCase())),
  relay: tell(),
});
const Office = protocol("office", { lost: tell(Failure), relay: tell(unchecked<string>()) });

function mill(
  done: string[] = [],
  signals: AbortSignal[] = [],
  traits: { capacity?: number; aside?: boolean } = {},
) {
  const { capacity = 1_000, aside = false } = traits;
  return actor(Mill, {
    state: (): readonly string[] => [],
    on: {
      grind: (ctx, text) => {
        if (text.startsWith("broken")) throw new Error("The mill is broken");
        ctx.state = [...ctx.state, text];
        done.push(text);
        return `${text}: ${ctx.state.length}`;
      },
      wait: async (ctx, until) => {
        signals.push(ctx.signal);
        const text = await until;
        ctx.state = [...ctx.state, text];
        ctx.ref(Office, "head").tell(Office.relay, text);
        return text;
      },
      relay: () => {},
    },
    retry: { attempts: 3, baseMs: 1_000, order: aside ? "aside" : "hold" },
    onFailure: "resume",
    mailbox: { capacity },
  });
}

function office(got: unknown[]) {
  return actor(Office, {
    state: () => null,
    on: { lost: (_ctx, failure) => void got.push(failure), relay: (_ctx, text) => void got.push(text) },
  });
}

const mainOf = (system: System): Ref<"mill"> => system.ref(Mill, "main");

/** Lets an actor run a turn that never ends, so that what comes after it waits. */
async function busy(world: World): Promise<void> {
  await mainOf(world.system).submit(Mill.wait, gate<string>().promise);
  await world.clock.settle();
}

/** The counts, and whether they balance. */
function counts(system: System) {
  const { accepted, done, dead, cancelled, waiting, running } = system.stats();
  assert.equal(accepted, done + dead + cancelled + waiting + running);
  return { done, dead, cancelled, waiting, running };
}

Deno.test("a request that waits is taken back: it never runs, and the others keep their order", async () => {
  const done: string[] = [];
  await using world = new World([mill(done), office([])]);
  const main = mainOf(world.system);
  const { promise, resolve } = gate<string>();
  const first = await main.submit(Mill.wait, promise);
  await world.clock.settle();
  const tickets = await Promise.all(["a", "b", "c", "d"].map((text) => main.submit(Mill.grind, text)));
  assert.equal(await tickets[1].cancel(), "cancelled");
  assert.deepEqual(counts(world.system), { done: 0, dead: 0, cancelled: 1, waiting: 3, running: 1 });
  assert.equal(await tickets[0].cancel(), "cancelled");
  resolve("first");
  assert.equal(await first.reply(), "FIRST");
  assert.deepEqual(await Promise.all([tickets[2].reply(), tickets[3].reply()]), ["c: 2", "d: 3"]);
  assert.deepEqual(done, ["c", "d"]);
  await assert.rejects(tickets[1].reply(), CancelledError);
  assert.deepEqual(counts(world.system), { done: 4, dead: 0, cancelled: 2, waiting: 0, running: 0 });
  assert.deepEqual(world.letters, []);
});

Deno.test("a request that runs is taken back: its signal is aborted, and its turn takes no effect", async () => {
  const got: unknown[] = [];
  const signals: AbortSignal[] = [];
  await using world = new World([mill([], signals), office(got)]);
  const main = mainOf(world.system);
  const { promise, resolve } = gate<string>();
  const ticket = await main.submit(Mill.wait, promise);
  await world.clock.settle();
  const next = watch((await main.submit(Mill.grind, "next")).reply());
  const waiting = watch(ticket.reply());
  assert.equal(await ticket.cancel(), "cancelled");
  assert(signals[0].reason instanceof CancelledError);
  await world.clock.settle();
  assert(waiting.error instanceof CancelledError);
  assert.equal(waiting.error.message, "mill/main wait was cancelled");
  assert.deepEqual(counts(world.system), { done: 0, dead: 0, cancelled: 0, waiting: 1, running: 1 });
  assert.equal(next.done, false, "one turn at a time: the handler has not settled");
  resolve("late");
  await world.clock.settle();
  assert.equal(next.value, "next: 1");
  assert.deepEqual(got, []);
  assert.deepEqual(counts(world.system), { done: 1, dead: 0, cancelled: 1, waiting: 0, running: 0 });
});

Deno.test("a handler that fails because its request was taken back is neither tried again nor a dead letter", async () => {
  await using world = new World([mill()]);
  const { promise, reject } = gate<string>();
  const ticket = await mainOf(world.system).submit(Mill.wait, promise);
  await world.clock.settle();
  assert.equal(await ticket.cancel(), "cancelled");
  reject(new Error("It was aborted"));
  await world.clock.advance(60_000);
  assert.deepEqual(world.letters, []);
  assert.deepEqual(counts(world.system), { done: 0, dead: 0, cancelled: 1, waiting: 0, running: 0 });
  assert.deepEqual(
    world.population,
    { "~reply": 1 },
    "no actor is left of a first message that took no effect",
  );
});

Deno.test("what is over was too late to take back, and every further call says the same", async () => {
  await using world = new World([mill()]);
  const main = mainOf(world.system);
  const done = await main.submit(Mill.grind, "a");
  const failed = await main.submit(Mill.grind, "broken");
  const cancelled = await main.submit(Mill.grind, "b");
  await done.reply();
  assert.equal(await cancelled.cancel(), "cancelled");
  await world.clock.advance(10_000);
  for (let time = 0; time < 2; time++) {
    assert.deepEqual(await Promise.all([done, failed, cancelled].map((one) => one.cancel())), [
      "done",
      "failed",
      "cancelled",
    ]);
  }
});

for (const aside of [false, true]) {
  Deno.test(`a request that waits for a retry (${aside ? "aside" : "at its place"}) is taken back, and holds nothing up`, async () => {
    const done: string[] = [];
    await using world = new World([mill(done, [], { aside })]);
    const main = mainOf(world.system);
    const ticket = await main.submit(Mill.grind, "broken");
    const next = watch((await main.submit(Mill.grind, "next")).reply());
    await world.clock.settle();
    assert.equal(next.done, aside);
    assert.equal(await ticket.cancel(), "cancelled");
    await world.clock.settle();
    assert.equal(next.value, "next: 1");
    await world.clock.advance(60_000);
    assert.deepEqual(done, ["next"]);
    assert.deepEqual(world.letters, []);
    assert.deepEqual(counts(world.system), { done: 1, dead: 0, cancelled: 1, waiting: 0, running: 0 });
  });
}

Deno.test("the retry of a request behind one that was taken back waits its whole delay", async () => {
  await using world = new World([mill()]);
  const main = mainOf(world.system);
  const retries: { readonly atMs: number; readonly afterMs: number }[] = [];
  using _ = world.system.inspect((event) => {
    if (event.type === "retrying") retries.push({ atMs: world.clock.now(), afterMs: event.afterMs });
  });
  const first = await main.submit(Mill.grind, "broken 1");
  await main.submit(Mill.grind, "broken 2");
  await world.clock.settle();
  const beginsMs = retries[0].atMs;
  await world.clock.advance(retries[0].afterMs - 1);
  await first.cancel();
  await world.clock.settle();
  assert.deepEqual(retries[1].atMs, beginsMs + retries[0].afterMs - 1);
  await world.clock.advance(retries[1].afterMs - 1);
  assert.equal(retries.length, 2, "the timer of the first is gone");
  await world.clock.advance(2);
  assert.equal(retries.length, 3);
});

Deno.test("failTo gets a failure with the code cancelled", async () => {
  const got: unknown[] = [];
  await using world = new World([mill(), office(got)]);
  await busy(world);
  const failTo = world.system.ref(Office, "head").at(Office.lost);
  const ticket = await mainOf(world.system).submit(Mill.grind, "a", { id: "mine", failTo });
  assert.equal(await ticket.cancel(), "cancelled");
  await world.clock.settle();
  assert.deepEqual(got, [{ id: "mine", code: "cancelled", message: "mill/main grind was cancelled" }]);
  await assert.rejects(ticket.reply(), { code: "cancelled", id: "mine" });
});

Deno.test("a request that was taken back and is submitted again with its id is answered as the first: cancelled", async () => {
  const done: string[] = [];
  await using world = new World([mill(done)]);
  await busy(world);
  const main = mainOf(world.system);
  const first = await main.submit(Mill.grind, "a", { id: "mine" });
  assert.equal(await first.cancel(), "cancelled");
  const again = await main.submit(Mill.grind, "a", { id: "mine" });
  assert.equal(again.id, first.id);
  await assert.rejects(again.reply(), CancelledError);
  assert.equal(await again.cancel(), "cancelled");
  await world.clock.settle();
  assert.deepEqual(done, []);
});

Deno.test("a ticket of an operation is typed, and validates the reply", async () => {
  await using world = new World([mill()]);
  const { id } = await mainOf(world.system).submit(Mill.wait, Promise.resolve("a"));
  const reply: string = await world.system.ticket(id, Mill.wait).reply();
  assert.equal(reply, "A");
  assert.equal(await world.system.ticket(id).reply(), "a", "as it travels");
});

Deno.test("a request is taken back by the id of its ticket, and only for its caller", async () => {
  const seen: string[] = [];
  await using world = new World([mill()]);
  using _ = world.system.inspect((event) => {
    if (event.type === "cancelled") seen.push(`${event.message.operation} ${event.message.id}`);
  });
  await busy(world);
  const options = { id: "mine", caller: "ada" };
  const { id } = await mainOf(world.system).submit(Mill.grind, "a", options);
  const unknown = (error: unknown) => error instanceof NotFoundError && error.code === "unknown-reply";
  for (const caller of [undefined, "bob"]) {
    await assert.rejects(world.system.ticket(id, Mill.grind, caller ? { caller } : {}).cancel(), unknown);
  }
  await assert.rejects(world.system.ticket("nonsense").cancel(), unknown);
  assert.equal(await world.system.ticket(id, Mill.grind, { caller: "ada" }).cancel(), "cancelled");
  assert.deepEqual(seen, ["grind mine"]);
});

Deno.test("a request of a turn is taken back by its id", async () => {
  const ids: string[] = [];
  const Boss = protocol("boss", { order: tell(z.string()) });
  const boss = actor(Boss, {
    state: () => null,
    on: { order: (ctx, text) => void ids.push(ctx.ref(Mill, "main").submit(Mill.grind, text)) },
  });
  const done: string[] = [];
  await using world = new World([mill(done), boss]);
  const { promise, resolve } = gate<string>();
  await mainOf(world.system).submit(Mill.wait, promise);
  await world.system.ref(Boss, "one").tell(Boss.order, "a");
  await world.clock.settle();
  assert.equal(await world.system.ticket(ids[0], Mill.grind).cancel(), "cancelled");
  resolve("first");
  await world.clock.settle();
  assert.deepEqual(done, []);
});

Deno.test("a request whose reply goes to an address has nothing by which it could be taken back", async () => {
  const got: unknown[] = [];
  await using world = new World([mill(), office(got)]);
  const replyTo = world.system.ref(Office, "head").at(Office.relay);
  const ticket = await mainOf(world.system).submit(Mill.grind, "a", { replyTo });
  await assert.rejects(ticket.cancel(), {
    code: "unknown-reply",
    message: `Cannot take back the request of the reply ${ticket.id}: it goes to an address`,
  });
  await assert.rejects(ticket.reply(), {
    message: `Cannot collect the reply ${ticket.id}: it goes to an address`,
  });
});

Deno.test("what is no request that could be taken back is refused with words that say so", async () => {
  await using world = new World([mill()]);
  const { system } = world;
  const ofAda = { id: "mine", caller: "ada" };
  const { id } = await mainOf(system).submit(Mill.grind, "a", ofAda);
  const what = "Cannot take back the request of the reply";
  const refused = async (name: string, message: string) => {
    await assert.rejects(system.ticket(name).cancel(), { message: `${what} ${message}` });
    await assert.rejects(system.control.cancelRequest(name), { message: `${what} ${message}` });
  };
  await refused(id, `${id}: no such reply is kept`);
  await refused("nonsense", '"nonsense": no such reply is kept');
  await world.clock.advance(10 * 86_400_000); // longer than replies are kept
  await refused(id, `${id}: it was kept for as long as replies are`);
  const ticket = await mainOf(system).submit(Mill.grind, "b");
  await world.stop();
  await assert.rejects(ticket.cancel(), { message: `${what} ${ticket.id}: the system has stopped` });
});

Deno.test("a request that was taken back while it ran is no dead letter of a system that stops", async () => {
  const got: unknown[] = [];
  await using world = new World([mill(), office(got)]);
  const ticket = await mainOf(world.system).submit(Mill.wait, gate<string>().promise);
  await world.clock.settle();
  assert.equal(await ticket.cancel(), "cancelled");
  await world.stop();
  assert.deepEqual(world.letters, []);
  assert.deepEqual(counts(world.system), { done: 0, dead: 0, cancelled: 1, waiting: 0, running: 0 });
});

Deno.test("a time-out of a cancel is a duration, or 0", async () => {
  await using world = new World([mill()]);
  await busy(world);
  const ticket = await mainOf(world.system).submit(Mill.grind, "a");
  await assert.rejects(ticket.cancel({ timeoutMs: -1 }), RangeError);
  assert.equal(await ticket.cancel({ timeoutMs: 0 }), "cancelled");
});

Deno.test("a delayed request is taken back before it is due: it never runs", async () => {
  const done: string[] = [];
  const got: unknown[] = [];
  await using world = new World([mill(done), office(got)]);
  const failTo = world.system.ref(Office, "head").at(Office.lost);
  const main = mainOf(world.system);
  const options = { afterMs: 60_000, id: "mine", failTo };
  const ticket = await main.submit(Mill.grind, "a", options);
  assert.equal(world.system.stats().delayed, 1);
  assert.equal(await ticket.cancel(), "cancelled");
  assert.equal(await ticket.cancel(), "cancelled");
  assert.equal(world.system.stats().delayed, 0);
  await assert.rejects(ticket.reply(), CancelledError);
  assert.equal((await main.submit(Mill.grind, "a", options)).id, ticket.id);
  await world.clock.advance(120_000);
  assert.deepEqual(done, []);
  assert.deepEqual(got.map((failure) => (failure as { code: string }).code), ["cancelled"]);
  assert.deepEqual(counts(world.system).waiting, 0);
});

Deno.test("a delayed request is taken back after it was due, like any other", async () => {
  const done: string[] = [];
  await using world = new World([mill(done)]);
  await busy(world);
  const ticket = await mainOf(world.system).submit(Mill.grind, "a", { afterMs: 1_000 });
  await world.clock.advance(2_000);
  assert.equal(counts(world.system).waiting, 1);
  assert.equal(await ticket.cancel(), "cancelled");
  assert.deepEqual(counts(world.system).cancelled, 1);
});
