import assert from "node:assert/strict";
import {
  actor,
  ask,
  type Context,
  type DeadLetterError,
  event,
  Failure,
  InvalidPayloadError,
  protocol,
  submit,
  survey,
  tell,
  TerminalError,
  unchecked,
} from "@posthorn/posthorn";
import { turn } from "@posthorn/posthorn/testing";
import * as z from "zod";

const Receipt = z.object({ cents: z.number() });
const Bank = protocol("bank", { charge: submit(z.number(), Receipt), limit: ask(z.number()) });
const Order = protocol("order", {
  add: tell(z.string().transform(Number)),
  all: tell(),
  fail: tell(z.boolean()),
  who: ask(z.array(z.unknown())),
  date: ask(z.date().transform((date) => date.toISOString())),
  misfit: ask(z.number()),
  settle: submit(z.number(), Receipt),
  quote: survey(z.boolean(), z.number()),
  paid: tell(Receipt),
  refused: tell(Failure),
  settled: event(Receipt, { subject: ({ cents }) => `cents.${cents}` }),
  erase: tell(),
});

const order = actor(Order, {
  state: () => ({ cents: 0 }),
  on: {
    add: (ctx, cents) => {
      ctx.state = { cents: ctx.state.cents + cents };
    },
    all: (ctx) => {
      const { self } = ctx;
      ctx.ref(Bank, "main").submit(Bank.charge, 5, {
        replyTo: self.at(Order.paid),
        failTo: self.at(Order.refused),
      });
      ctx.ref(Bank, "main").submit(Bank.charge, 6);
      self.tell(Order.paid, { cents: 7 });
      ctx.publish(Order.settled, { cents: 8 });
      ctx.schedule("later", { afterMs: 9 }, self.at(Order.paid), { cents: 9 });
      ctx.cancel("sooner");
      ctx.passivate();
    },
    fail: (ctx, terminal) => {
      ctx.state = { cents: -1 };
      ctx.self.tell(Order.paid, { cents: 7 });
      throw terminal ? new TerminalError("no") : new Error("broken");
    },
    who: (
      { key, id, causationId, correlationId, attempt, now },
    ) => [key, id, causationId, correlationId, attempt, now],
    date: (ctx) => new Date(ctx.now),
    misfit: () => "no number" as never,
    settle: (_ctx, cents) => Promise.resolve({ cents }),
    quote: (ctx, yes) => yes ? ctx.state.cents : undefined,
    paid() {},
    refused() {},
    erase: (ctx) => ctx.erase(),
  },
});

Deno.test("a turn gives the state after it, from the state before it or the initial one", async () => {
  assert.deepEqual((await turn(order, Order.add, "2")).state, { cents: 2 });
  const { state, reply, error } = await turn(order, Order.add, "2", { state: { cents: 40 } });
  assert.deepEqual([state, reply, error], [{ cents: 42 }, undefined, undefined]);
});

Deno.test("a turn gives what an asker gets", async () => {
  assert.equal((await turn(order, Order.date, { now: 0 })).reply, "1970-01-01T00:00:00.000Z");
  assert.deepEqual((await turn(order, Order.settle, 5)).reply, { cents: 5 });
  assert.equal((await turn(order, Order.quote, true, { state: { cents: 5 } })).reply, 5);
  const { reply, error } = await turn(order, Order.quote, false);
  assert.deepEqual([reply, error], [undefined, undefined]);
});

Deno.test("a turn gives all that was sent, published and scheduled, in order", async () => {
  const { sent, published, scheduled, ending } = await turn(order, Order.all, { key: "ada" });
  const self = { protocol: "order", key: "ada" };
  const bank = { protocol: "bank", key: "main", operation: "charge" };
  const addresses = { replyTo: { ...self, operation: "paid" }, failTo: { ...self, operation: "refused" } };
  assert.equal(new Set(sent.map(({ id }) => id)).size, 3);
  assert.deepEqual(sent.map(({ id: _, ...rest }) => rest), [
    { ...bank, payload: 5, ...addresses },
    { ...bank, payload: 6 },
    { ...self, operation: "paid", payload: { cents: 7 } },
  ]);
  assert.deepEqual(published, [{ event: Order.settled, payload: { cents: 8 } }]);
  assert.deepEqual(scheduled, [
    { name: "later", when: { afterMs: 9 }, to: { ...self, operation: "paid" }, payload: { cents: 9 } },
    { name: "sooner" },
  ]);
  assert.equal(ending, "passivate");
  assert.equal((await turn(order, Order.erase, undefined)).ending, "erase");
});

Deno.test("a turn runs in the circumstances that it is given", async () => {
  const { reply } = await turn(order, Order.who, {
    key: "ada",
    id: "7",
    causationId: "6",
    attempt: 3,
    now: 5,
  });
  assert.deepEqual(reply, ["ada", "7", "6", "7", 3, 5]);
  const [key, id, causationId, , attempt, now] = (await turn(order, Order.who, undefined)).reply!;
  assert.deepEqual([key, typeof id, causationId, attempt, now], ["test", "string", undefined, 1, 0]);
});

Deno.test("a turn that fails has an error and nothing else", async () => {
  for (const [terminal, message] of [[true, "no"], [false, "broken"]] as const) {
    const result = await turn(order, Order.fail, terminal, { state: { cents: 5 } });
    assert.equal((result.error as Error).message, message);
    const { error: _, ...rest } = result;
    assert.deepEqual(rest, {
      state: { cents: 5 },
      reply: undefined,
      later: undefined,
      answered: [],
      sent: [],
      published: [],
      subscribed: [],
      scheduled: [],
      ending: undefined,
    });
  }
});

Deno.test("a payload or a reply that does not fit is the turn's error", async () => {
  for (
    const result of [await turn(order, Order.add, 5 as never), await turn(order, Order.misfit)]
  ) {
    assert.ok(result.error instanceof InvalidPayloadError);
  }
});

Deno.test("the test answers the asks of a transient actor, and only a system can survey", async () => {
  const Teller = protocol("teller", { limit: ask(z.number()), quotes: ask(z.number()) });
  const teller = actor(Teller, {
    transient: true,
    state: () => null,
    on: {
      limit: async (ctx) => 2 * await ctx.ref(Bank, "main").ask(Bank.limit),
      async quotes(ctx) {
        let sum = 0;
        for await (const quote of ctx.survey(Order.quote, true)) sum += quote;
        return sum;
      },
    },
  });
  const asked: unknown[] = [];
  const answered = await turn(teller, Teller.limit, {
    ask: (to, payload) => {
      asked.push(to, payload);
      return 21;
    },
  });
  assert.equal(answered.reply, 42);
  assert.deepEqual(asked, [{ protocol: "bank", key: "main", operation: "limit" }, undefined]);
  const alone = await turn(teller, Teller.limit);
  assert.equal((alone.error as Error).message, "Cannot ask bank/main: give the turn an ask option");
  const surveyed = await turn(teller, Teller.quotes, undefined);
  assert.match((surveyed.error as DeadLetterError).message, /^Cannot survey order quote in a lone turn/);
});

Deno.test("a context cannot be used when its turn is over", async () => {
  const Late = protocol("late", { keep: tell(), paid: tell(Receipt) });
  const kept: (() => void)[] = [];
  const late = actor(Late, {
    state: () => 0,
    on: {
      keep: (ctx) => {
        kept.push(() => ctx.self.tell(Late.paid, { cents: 5 }), () => {
          ctx.state = 5;
        });
      },
      paid() {},
    },
  });
  await turn(late, Late.keep, undefined);
  for (const use of kept) assert.throws(use, { code: "turn-over" });
});

Deno.test("a turn is run for an operation of its actor alone", async () => {
  const Other = protocol("order", { all: tell() });
  await assert.rejects(
    turn(order, Other.all, undefined),
    /^TypeError: Cannot run order all: it is not an operation of order$/,
  );
});

Deno.test("turn() fails if a store would not keep its state or messages, unless storable is false", async () => {
  const Box = protocol("box", {
    put: tell(unchecked<unknown>()),
    work: submit(unchecked<unknown>(), unchecked<unknown>()),
    look: ask(unchecked<unknown>(), unchecked<unknown>()),
    happened: event(unchecked<unknown>()),
  });
  const no = () => {};
  const scripts: Readonly<Record<string, (ctx: Context<"box", unknown>) => unknown>> = {
    state: (ctx) => void (ctx.state = no),
    sent: (ctx) => ctx.self.tell(Box.put, no),
    published: (ctx) => ctx.publish(Box.happened, no),
    scheduled: (ctx) => ctx.schedule("tea", { afterMs: 1 }, ctx.self.at(Box.put), no),
    reply: () => no,
  };
  const run = (ctx: Context<"box", unknown>, name: unknown) => scripts[String(name)]?.(ctx);
  const state = (): unknown => 0;
  const on = {
    put: (ctx: Context<"box", unknown>, name: unknown) => void run(ctx, name),
    work: run,
    look: run,
  };
  const box = actor(Box, { state, on });
  const codeOf = ({ error }: { readonly error: unknown }) => (error as { code?: unknown } | undefined)?.code;
  for (const name of ["state", "sent", "published", "scheduled"]) {
    const result = await turn(box, Box.put, name);
    assert.deepEqual([codeOf(result), result.state], ["not-storable", 0], name);
    assert.equal((await turn(box, Box.put, name, { storable: false })).error, undefined, name);
  }
  assert.equal(codeOf(await turn(box, Box.put, no)), "not-storable");
  assert.equal(codeOf(await turn(box, Box.work, "reply")), "not-storable");
  assert.equal(codeOf(await turn(box, Box.look, "reply")), undefined, "an ask is not kept");
  const passing = actor(Box, { state, on, transient: true });
  assert.equal(codeOf(await turn(passing, Box.put, "state")), undefined, "it is never stored");
});

Deno.test("a turn has the headers of its options, and passes them on", async () => {
  const Courier = protocol("courier", { pass: tell(), got: tell(), passed: event() });
  let read: unknown;
  const courier = actor(Courier, {
    state: () => null,
    on: {
      pass: (ctx) => {
        read = ctx.headers;
        ctx.self.tell(Courier.got);
        ctx.self.tell(Courier.got, { headers: { ...ctx.headers, step: "2" } });
        ctx.publish(Courier.passed);
      },
      got() {},
    },
  });
  const headers = { tenant: "acme" };
  const { sent, published } = await turn(courier, Courier.pass, { headers });
  assert.deepEqual(read, headers);
  assert.deepEqual(sent.map((one) => one.headers), [headers, { tenant: "acme", step: "2" }]);
  assert.deepEqual(published.map((one) => one.headers), [headers]);
  const bare = await turn(courier, Courier.pass);
  assert.deepEqual(read, {});
  assert.deepEqual(bare.sent.map((one) => "headers" in one), [false, true]);
});

Deno.test("turn() says when a delayed message is due, and which cron schedules were set", async () => {
  const Timed = protocol("timed", { begin: tell(), tick: tell(z.number()) });
  const timed = actor(Timed, {
    state: () => null,
    on: {
      begin: (ctx) => {
        ctx.self.tell(Timed.tick, 1, { afterMs: 500 });
        ctx.self.tell(Timed.tick, 2, { at: new Date(5_000) });
        ctx.self.tell(Timed.tick, 3);
        ctx.schedule("night", { cron: "0 2 * * *" }, ctx.self.at(Timed.tick), 4);
      },
      tick: () => {},
    },
  });
  const { sent, scheduled, error } = await turn(timed, Timed.begin, { now: 1_000 });
  assert.deepEqual([sent.map(({ payload, dueMs }) => [payload, dueMs]), error], [
    [[1, 1_500], [2, 5_000], [3, undefined]],
    undefined,
  ]);
  assert.deepEqual(scheduled.map(({ name, when }) => [name, when]), [["night", { cron: "0 2 * * *" }]]);
});
