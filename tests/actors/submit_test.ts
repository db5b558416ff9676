import assert from "node:assert/strict";
import {
  actor,
  DeadLetterError,
  DeadlineExceededError,
  Failure,
  IdConflictError,
  InvalidPayloadError,
  LimitExceededError,
  MailboxFullError,
  NotFoundError,
  protocol,
  ReplyPendingError,
  StoppedError,
  submit,
  systemRandom,
  tell,
  TerminalError,
  type Ticket,
  unchecked,
} from "@posthorn/posthorn";
import * as z from "zod";
import { gate, untyped, watch, World } from "./memory_world.ts";
import { replyName } from "../../runtime/messages/reply_name.ts";
import { asIngress } from "../as_ingress.ts";

const Bank = protocol("bank", {
  charge: submit(z.number(), z.object({ cents: z.number() })),
  date: submit(z.string().transform(Number), z.date().transform((date) => date.toISOString())),
  wait: submit(unchecked<Promise<number>>(), z.number()),
  fail: submit(unchecked<unknown>(), z.number()),
  misfit: submit(z.number()),
});
const Books = protocol("books", {
  paid: tell(z.object({ cents: z.number() })),
  strict: tell(z.object({ cents: z.literal(1) })),
  refused: tell(Failure),
  buy: tell(z.number()),
  order: tell(z.string()),
});

interface Got {
  readonly operation: string;
  readonly payload: unknown;
  readonly causationId: string | undefined;
}

function bank(options: { handled?: unknown[]; capacity?: number } = {}) {
  const { handled = [], capacity = 1_000 } = options;
  return actor(Bank, {
    state: () => null,
    on: {
      charge: (_ctx, cents) => {
        handled.push(cents);
        if (cents < 0) {
          throw new TerminalError("Cannot charge less than nothing", { code: "negative-amount" });
        }
        return { cents };
      },
      date: (_ctx, ms) => new Date(ms),
      wait: (_ctx, until) => until,
      fail: (ctx, error) => {
        handled.push(ctx.attempt);
        throw error;
      },
      misfit: () => untyped("no number"),
    },
    retry: { attempts: 2, baseMs: 100 },
    onFailure: "resume",
    mailbox: { capacity },
  });
}

function books(got: Got[], submitted: string[] = []) {
  const keep = (operation: string) => (ctx: { causationId: string | undefined }, payload: unknown) => {
    got.push({ operation, payload, causationId: ctx.causationId });
  };
  return actor(Books, {
    state: () => null,
    on: {
      paid: keep("paid"),
      strict: keep("strict"),
      refused: keep("refused"),
      buy: (ctx, cents) => {
        const { self } = ctx;
        submitted.push(
          ctx.ref(Bank, "main").submit(Bank.charge, cents, {
            replyTo: self.at(Books.paid),
            failTo: self.at(Books.refused),
          }),
        );
      },
      order: (ctx, id) => {
        submitted.push(ctx.ref(Bank, "main").submit(Bank.charge, 5, { id }));
      },
    },
  });
}

const has = (type: new (...args: never[]) => Error, code: string) => (error: unknown) => {
  assert.ok(error instanceof type, String(error));
  assert.equal((error as Error & { code?: string }).code, code);
  return true;
};

/** The ticket of a request that waits for a gate. */
async function submitWaiting(
  world: World,
): Promise<{ ticket: Ticket<number>; done: (reply: number) => void }> {
  const { promise, resolve } = gate<number>();
  const ticket = await world.system.ref(Bank, crypto.randomUUID()).submit(Bank.wait, promise);
  await world.clock.settle();
  return { ticket, done: resolve };
}

Deno.test("a submit resolves with a ticket when it is accepted; the reply is collected later", async () => {
  const handled: unknown[] = [];
  await using world = new World([bank({ handled })]);
  const submitted = world.system.ref(Bank, "main").submit(Bank.charge, 450);
  assert.deepEqual([world.system.stats().accepted, handled], [1, []]);
  const ticket = await submitted;
  assert.match(ticket.id, /^R[0-9A-HJKMNP-TV-Z]{26}$/);
  await world.clock.advance(60_000);
  assert.deepEqual(await ticket.reply(), { cents: 450 });
});

Deno.test("a reply can be waited for before it comes, by any number", async () => {
  await using world = new World([bank()]);
  const { ticket, done } = await submitWaiting(world);
  const waiting = [watch(ticket.reply()), watch(world.system.ticket(ticket.id).reply())];
  await world.clock.advance(4_000);
  assert.deepEqual(waiting.map((reply) => reply.done), [false, false]);
  done(5);
  await world.clock.settle();
  assert.deepEqual(waiting.map((reply) => reply.value), [5, 5]);
  assert.equal(await ticket.reply(), 5);
});

Deno.test("waiting for a reply ends in time, and it can be collected after that", async () => {
  await using world = new World([bank()]);
  const { ticket, done } = await submitWaiting(world);
  const first = watch(ticket.reply());
  const second = watch(ticket.reply({ timeoutMs: 100 }));
  await world.clock.advance(100);
  assert.ok(second.error instanceof ReplyPendingError && second.error instanceof DeadlineExceededError);
  assert.equal(second.error.message, `Cannot collect the reply ${ticket.id}: it did not come in 100 ms`);
  await world.clock.advance(4_899);
  assert.ok(!first.done);
  await world.clock.advance(1);
  assert.ok(has(ReplyPendingError, "deadline")(first.error));
  await assert.rejects(ticket.reply({ timeoutMs: 0 }), has(ReplyPendingError, "deadline"));
  for (const timeoutMs of [-1, NaN]) {
    const message = `Cannot use timeoutMs: it must be at least 0: current value is ${timeoutMs}`;
    await assert.rejects(ticket.reply({ timeoutMs }), { name: "RangeError", message });
    await assert.rejects(ticket.cancel({ timeoutMs }), { name: "RangeError", message });
  }
  done(5);
  await world.clock.settle();
  assert.equal(await ticket.reply({ timeoutMs: 0 }), 5);
});

Deno.test("a signal ends the waiting for a reply, and the reply stays for as long as it would have", async () => {
  await using world = new World([bank()], { replyRetentionMs: 600_000, laterMs: 600_000 });
  const { ticket, done } = await submitWaiting(world);
  const aborted = AbortSignal.abort(new Error("changed my mind"));
  const { accepted } = world.system.stats();
  await assert.rejects(ticket.reply({ signal: aborted }), { message: "changed my mind" });
  assert.equal(world.system.stats().accepted, accepted);
  const controller = new AbortController();
  const waiting = watch(ticket.reply({ timeoutMs: 500_000, signal: controller.signal }));
  await world.clock.settle();
  controller.abort(new Error("changed my mind"));
  await world.clock.settle();
  assert.equal((waiting.error as Error).message, "changed my mind");
  done(5);
  await world.clock.advance(300_000); // nobody has collected it
  assert.equal(await ticket.reply(), 5);
});

Deno.test("a payload that does not fit rejects, and nothing is accepted or kept", async () => {
  await using world = new World([bank()]);
  await assert.rejects(
    world.system.ref(Bank, "main").submit(Bank.charge, untyped("450")),
    has(InvalidPayloadError, "invalid-payload"),
  );
  assert.deepEqual([world.system.stats().accepted, world.population], [0, {}]);
});

Deno.test("a request that is refused leaves no reply to wait for", async () => {
  await using world = new World([bank({ capacity: 1 })]);
  const ref = world.system.ref(Bank, "main");
  await ref.submit(Bank.wait, gate<number>().promise);
  await world.clock.settle();
  await ref.submit(Bank.charge, 1);
  await assert.rejects(ref.submit(Bank.charge, 2, { id: "7" }), has(MailboxFullError, "mailbox-full"));
  const Nobody = protocol("nobody", { ask: submit(z.number()) });
  await assert.rejects(
    world.system.ref(Nobody, "a").submit(Nobody.ask),
    has(NotFoundError, "unknown-protocol"),
  );
  await world.clock.settle();
  assert.deepEqual(world.population, { bank: 1, "~reply": 2 });
  await assert.rejects(world.system.ticket("7").reply(), has(NotFoundError, "unknown-reply"));
});

Deno.test("a handler gets the payload's output, the ticket's owner the reply's, anyone else what travels", async () => {
  await using world = new World([bank()]);
  const ticket = await world.system.ref(Bank, "main").submit(Bank.date, "0");
  assert.equal(await ticket.reply(), "1970-01-01T00:00:00.000Z");
  assert.deepEqual(await world.system.ticket(ticket.id).reply(), new Date(0));
});

Deno.test("a ticket rejects with the handler's TerminalError, before and after it has failed", async () => {
  await using world = new World([bank()]);
  const ticket = await world.system.ref(Bank, "main").submit(Bank.charge, -5);
  const refused = {
    name: "TerminalError",
    code: "negative-amount",
    message: "Cannot charge less than nothing",
  };
  await assert.rejects(ticket.reply(), refused);
  await assert.rejects(ticket.reply(), refused);
});

Deno.test("a request whose handler fails is retried, and then the ticket rejects", async () => {
  const handled: unknown[] = [];
  await using world = new World([bank({ handled })]);
  const ticket = await world.system.ref(Bank, "main").submit(Bank.fail, new Error("broken"));
  const waiting = watch(ticket.reply());
  await world.clock.settle();
  assert.deepEqual([handled, waiting.done], [[1], false]);
  await world.clock.advance(100);
  assert.deepEqual(handled, [1, 2]);
  assert.ok(has(DeadLetterError, "failed")(waiting.error));
  const misfit = await world.system.ref(Bank, "main").submit(Bank.misfit);
  await world.clock.advance(100);
  await assert.rejects(misfit.reply(), has(DeadLetterError, "failed"));
});

Deno.test("a request that is not started before its deadline fails", async () => {
  await using world = new World([bank()]);
  const ref = world.system.ref(Bank, "main");
  const { promise, resolve } = gate<number>();
  await ref.submit(Bank.wait, promise);
  const ticket = await ref.submit(Bank.charge, 5, { timeoutMs: 100 });
  await world.clock.advance(100);
  resolve(1);
  await world.clock.settle();
  await assert.rejects(ticket.reply(), has(DeadlineExceededError, "deadline"));
});

Deno.test("an uncollected reply is kept for its retention, counted from the submit", async () => {
  await using world = new World([bank()], { replyRetentionMs: 100_000 });
  const ticket = await world.system.ref(Bank, "main").submit(Bank.charge, 5);
  await world.clock.advance(99_999);
  assert.equal(world.population["~reply"], 1);
  await world.clock.advance(1);
  assert.equal(world.population["~reply"], undefined);
  await assert.rejects(ticket.reply(), has(NotFoundError, "expired-reply"));
  await assert.rejects(world.system.ticket(ticket.id).reply(), has(NotFoundError, "expired-reply"));
});

Deno.test("a reply that never was is unknown, and one that was kept for its time has expired", async () => {
  await using world = new World([bank()], { replyRetentionMs: 1_000, laterMs: 1_000 });
  const ref = world.system.ref(Bank, "main");
  const tickets = [await ref.submit(Bank.charge, 5), await ref.submit(Bank.charge, 5, { id: "mine" })];
  await world.clock.advance(1_000);
  for (const { id } of tickets) {
    await assert.rejects(world.system.ticket(id).reply(), has(NotFoundError, "expired-reply"));
  }
  const never = replyName(systemRandom().ulid(world.clock.now()));
  for (const id of ["mine", never, "01ARZ3NDEKTSV4RRFFQ69G5FAV", world.system.newId()]) {
    await assert.rejects(world.system.ticket(id).reply(), has(NotFoundError, "unknown-reply"));
  }
});

Deno.test("a collected reply is kept for a minute, however long it would have been kept", async () => {
  await using world = new World([bank()], { replyRetentionMs: 3_600_000 });
  const ticket = await world.system.ref(Bank, "main").submit(Bank.charge, 5);
  await world.clock.advance(1_000_000);
  assert.deepEqual(await ticket.reply(), { cents: 5 });
  await world.clock.advance(30_000);
  assert.deepEqual(await ticket.reply(), { cents: 5 }); // which does not extend the minute
  await world.clock.advance(29_999);
  assert.deepEqual(await ticket.reply(), { cents: 5 });
  await world.clock.advance(1);
  assert.equal(world.population["~reply"], undefined);
  await assert.rejects(ticket.reply(), NotFoundError);
});

Deno.test("a reply that somebody waited for is collected when it comes", async () => {
  await using world = new World([bank()]);
  const { ticket, done } = await submitWaiting(world);
  const waiting = watch(ticket.reply());
  await world.clock.advance(1_000);
  done(5);
  await world.clock.advance(59_999);
  assert.deepEqual([waiting.value, world.population["~reply"]], [5, 1]);
  await world.clock.advance(1);
  assert.equal(world.population["~reply"], undefined);
});

Deno.test("a ticket that waits when its reply expires rejects at once, and the reply is a dead letter", async () => {
  await using world = new World([bank()], { replyRetentionMs: 1_000, laterMs: 1_000 });
  const { ticket, done } = await submitWaiting(world);
  const waiting = watch(ticket.reply());
  await world.clock.advance(1_000);
  assert.ok(has(NotFoundError, "expired-reply")(waiting.error));
  done(5);
  await world.clock.settle();
  assert.deepEqual(world.letters, ["~reply arrive: late-reply"]);
  assert.equal(world.population["~reply"], undefined);
});

Deno.test("a ticket that waits for a reply rejects when the system stops", async () => {
  const world = new World([bank()]);
  const { ticket } = await submitWaiting(world);
  const waiting = watch(ticket.reply());
  await world.stop();
  await world.clock.settle();
  assert.ok(waiting.error instanceof StoppedError || waiting.error instanceof DeadLetterError);
  assert.equal((waiting.error as StoppedError).code, "stopping");
  await assert.rejects(ticket.reply(), has(StoppedError, "stopping"));
  await assert.rejects(world.system.ref(Bank, "a").submit(Bank.charge, 5), has(StoppedError, "stopping"));
});

Deno.test("a reply is collected while the system drains, before and after it comes, and not when it has stopped", async () => {
  const world = new World([bank()]);
  const { ticket, done } = await submitWaiting(world);
  const other = await world.system.ref(Bank, "main").submit(Bank.charge, 1);
  await world.clock.settle();
  const stopped = world.system.stop({ drainMs: 1_000 });
  assert.equal(world.system.health.status, "stopping");
  assert.deepEqual(await other.reply(), { cents: 1 });
  await assert.rejects(ticket.reply({ timeoutMs: 0 }), has(ReplyPendingError, "deadline"));
  const reply = ticket.reply();
  done(5);
  assert.equal(await reply, 5);
  assert.equal((await stopped).drained, true);
  await assert.rejects(ticket.reply(), has(StoppedError, "stopping"));
});

Deno.test("replyTo gets the reply, and sees the id of the submit; the ticket has nothing to collect", async () => {
  const got: Got[] = [];
  await using world = new World([bank(), books(got)]);
  const main = world.system.ref(Books, "main");
  const ticket = await world.system.ref(Bank, "main").submit(Bank.charge, 5, {
    replyTo: main.at(Books.paid),
    failTo: main.at(Books.refused),
  });
  await world.clock.settle();
  assert.deepEqual(got, [{ operation: "paid", payload: { cents: 5 }, causationId: ticket.id }]);
  await assert.rejects(ticket.reply(), has(NotFoundError, "unknown-reply"));
  assert.equal(world.population["~reply"], undefined);
});

Deno.test("failTo gets the failure, and sees the id of the submit", async () => {
  const got: Got[] = [];
  await using world = new World([bank(), books(got)]);
  const main = world.system.ref(Books, "main");
  const addresses = { replyTo: main.at(Books.paid), failTo: main.at(Books.refused) };
  const ticket = await world.system.ref(Bank, "main").submit(Bank.charge, -5, addresses);
  await world.clock.settle();
  const message = "Cannot charge less than nothing";
  const payload = { id: ticket.id, code: "negative-amount", message };
  assert.deepEqual(got, [{ operation: "refused", payload, causationId: ticket.id }]);
});

Deno.test("failTo without replyTo: the failure goes there, and a reply can still be collected", async () => {
  const got: Got[] = [];
  await using world = new World([bank(), books(got)], { replyRetentionMs: 1_000, laterMs: 1_000 });
  const failTo = world.system.ref(Books, "main").at(Books.refused);
  const ref = world.system.ref(Bank, "main");
  const good = await ref.submit(Bank.charge, 5, { failTo });
  assert.deepEqual(await good.reply(), { cents: 5 });
  await ref.submit(Bank.charge, -5, { failTo });
  await world.clock.settle();
  assert.deepEqual(got.map(({ operation }) => operation), ["refused"]);
});

Deno.test("a submit with an address that a full mailbox refused may be sent again under its id", async () => {
  const got: Got[] = [];
  await using world = new World([bank({ capacity: 1 }), books(got)]);
  const ref = world.system.ref(Bank, "main");
  const until = gate<number>();
  await ref.submit(Bank.wait, until.promise);
  await world.clock.settle();
  await ref.submit(Bank.charge, 1);
  const options = { id: "one", replyTo: world.system.ref(Books, "main").at(Books.paid) };
  await assert.rejects(ref.submit(Bank.charge, 5, options), has(MailboxFullError, "mailbox-full"));
  until.resolve(0);
  await world.clock.settle();
  for (let times = 0; times < 2; times++) assert.equal((await ref.submit(Bank.charge, 5, options)).id, "one");
  await world.clock.settle();
  assert.deepEqual(got.map(({ payload }) => payload), [{ cents: 5 }]);
});

Deno.test("a reply that its address does not take is a dead letter", async () => {
  const got: Got[] = [];
  await using world = new World([bank(), books(got)]);
  const replyTo = world.system.ref(Books, "main").at(Books.strict);
  await world.system.ref(Bank, "main").submit(Bank.charge, 5, { replyTo: untyped(replyTo) });
  await world.clock.settle();
  assert.deepEqual([got, world.letters], [[], ["books strict: invalid-payload"]]);
});

Deno.test("a submit within a turn leaves with the commit, and its answer comes to the address", async () => {
  const got: Got[] = [];
  const submitted: string[] = [];
  await using world = new World([bank(), books(got, submitted)]);
  await world.system.ref(Books, "main").tell(Books.buy, 5);
  await world.system.ref(Books, "main").tell(Books.buy, -5);
  await world.clock.settle();
  assert.deepEqual(got.map(({ operation, causationId }) => [operation, causationId]), [
    ["paid", submitted[0]],
    ["refused", submitted[1]],
  ]);
});

Deno.test("a submit within a turn without an address can be collected by what it returns", async () => {
  const submitted: string[] = [];
  await using world = new World([bank(), books([], submitted)]);
  await world.system.ref(Books, "main").tell(Books.order, "my-id");
  await world.clock.settle();
  assert.deepEqual(await world.system.ticket(submitted[0]).reply(), { cents: 5 });
  await assert.rejects(world.system.ticket("my-id").reply(), has(NotFoundError, "unknown-reply"));
});

Deno.test("the same id again is answered with the ticket of the first, and handled once", async () => {
  const handled: unknown[] = [];
  await using world = new World([bank({ handled })]);
  const ref = world.system.ref(Bank, "main");
  const [first, again] = await Promise.all(
    [5, 5].map((cents) => ref.submit(Bank.charge, cents, { id: "7" })),
  );
  assert.equal(again.id, first.id);
  await assert.rejects(world.system.ticket("7").reply(), has(NotFoundError, "unknown-reply"));
  assert.deepEqual([await first.reply(), await again.reply()], [{ cents: 5 }, { cents: 5 }]);
  await assert.rejects(ref.submit(Bank.charge, 6, { id: "7" }), has(IdConflictError, "id-reused"));
  assert.deepEqual(handled, [5]);
});

Deno.test("the same id to two receivers is two requests, and each has its reply", async () => {
  await using world = new World([bank()]);
  const one = await world.system.ref(Bank, "one").submit(Bank.charge, 1, { id: "7" });
  const two = await world.system.ref(Bank, "two").submit(Bank.charge, 2, { id: "7" });
  assert.notEqual(one.id, two.id);
  assert.deepEqual([await one.reply(), await two.reply()], [{ cents: 1 }, { cents: 2 }]);
  const again = await world.system.ref(Bank, "two").submit(Bank.charge, 2, { id: "7" });
  assert.equal(again.id, two.id);
});

Deno.test("a turn that submits again under the same id changes nothing", async () => {
  const Clerk = protocol("clerk", { order: tell(unchecked<number>()) });
  const replies: string[] = [];
  const handled: unknown[] = [];
  const clerk = actor(Clerk, {
    state: () => null,
    on: {
      order(ctx, cents) {
        for (const _ of [1, 2]) replies.push(ctx.ref(Bank, "main").submit(Bank.charge, cents, { id: "7" }));
      },
    },
  });
  await using world = new World([bank({ handled }), clerk]);
  for (const cents of [5, 5, 6]) {
    await world.system.ref(Clerk, "ada").tell(Clerk.order, cents);
    await world.clock.settle();
  }
  assert.deepEqual([handled, new Set(replies.slice(0, 4)).size], [[5], 1]);
  assert.deepEqual(await world.system.ticket(replies[0]).reply({ timeoutMs: 0 }), { cents: 5 });
  await assert.rejects(world.system.ticket(replies[4]).reply({ timeoutMs: 0 }), { code: "id-reused" });
});

Deno.test("a failed request that is resent gets its reply", async () => {
  let broken = true;
  const Report = protocol("report", { render: submit(z.string()) });
  const report = actor(Report, {
    state: () => null,
    on: {
      render() {
        if (broken) throw new Error("broken");
        return "done";
      },
    },
    retry: { attempts: 1 },
  });
  await using world = new World([report]);
  const ticket = await world.system.ref(Report, "a").submit(Report.render);
  const [{ id }] = world.system.deadLetters.list();
  await assert.rejects(ticket.reply(), { code: "failed", id });
  broken = false;
  world.system.deadLetters.resend(id);
  await world.clock.settle();
  assert.equal(await ticket.reply(), "done");
  assert.deepEqual(world.letters, []);
});

Deno.test("a dead letter to a reply can be resent once there is room", async () => {
  const submitted: string[] = [];
  await using world = new World([bank(), books([], submitted)], { limits: { replies: 1 } });
  const { system, clock } = world;
  const first = await system.ref(Bank, "main").submit(Bank.charge, 1);
  await system.ref(Books, "main").tell(Books.order, "7");
  await clock.settle();
  assert.deepEqual(world.letters, ["~reply open: too-many-replies", "~reply arrive: late-reply"]);
  const [open, arrive] = system.deadLetters.list();
  assert.throws(() => system.deadLetters.resend(open.id), { code: "too-many-replies" });
  assert.deepEqual(await first.reply(), { cents: 1 });
  assert.throws(() => system.deadLetters.resend(arrive.id), { code: "late-reply" });
  assert.equal(world.letters.length, 2);
  system.deadLetters.resend(open.id);
  system.deadLetters.resend(arrive.id);
  assert.deepEqual(await system.ticket(submitted[0]).reply(), { cents: 5 });
  assert.deepEqual(world.letters, []);
  const { accepted, done, dead } = system.stats();
  assert.equal(accepted, done + dead);
});

Deno.test("a reply that is a dead letter cannot be resent when the system has stopped", async () => {
  const world = new World([bank()], { replyRetentionMs: 1_000, laterMs: 1_000 });
  const { done } = await submitWaiting(world);
  await world.clock.advance(1_000);
  done(5);
  await world.clock.settle();
  const [{ id }] = world.system.deadLetters.list();
  await world.stop();
  assert.throws(() => world.system.deadLetters.resend(id), { code: "stopping" });
});

Deno.test("ids of two callers never meet", async () => {
  await using world = new World([bank()]);
  const ref = world.system.ref(Bank, "main");
  const ada = await ref.submit(Bank.charge, 1, asIngress({ id: "7", caller: "ada" }));
  const bob = await ref.submit(Bank.charge, 2, asIngress({ id: "7", caller: "bob" }));
  assert.deepEqual([await ada.reply(), await bob.reply()], [{ cents: 1 }, { cents: 2 }]);
  assert.deepEqual(await world.system.ticket(bob.id, undefined, { caller: "bob" }).reply(), { cents: 2 });
  for (const caller of [undefined, "ada"]) {
    await assert.rejects(
      world.system.ticket(bob.id, undefined, { caller }).reply(),
      has(NotFoundError, "unknown-reply"),
    );
  }
});

Deno.test("a submit above the limit of replies rejects, and is accepted again when there is room", async () => {
  await using world = new World([bank()], { limits: { replies: 2 }, replyRetentionMs: 1_000 });
  const ref = world.system.ref(Bank, "main");
  await ref.submit(Bank.charge, 1);
  await ref.submit(Bank.charge, 2);
  await assert.rejects(ref.submit(Bank.charge, 3), has(LimitExceededError, "too-many-replies"));
  assert.deepEqual([world.population, world.system.stats().dead], [{ bank: 1, "~reply": 2 }, 0]);
  await world.clock.advance(1_000);
  await ref.submit(Bank.charge, 4);
});

Deno.test("a submit that could never be accepted says so even if there is no room for its reply", async () => {
  const world = new World([bank()], { limits: { replies: 1 } });
  const ref = world.system.ref(Bank, "main");
  await ref.submit(Bank.charge, 1);
  await assert.rejects(ref.submit(Bank.charge, untyped("much")), has(InvalidPayloadError, "invalid-payload"));
  const Elsewhere = protocol("elsewhere", { go: submit(z.number()) });
  const elsewhere = world.system.ref(Elsewhere, "main");
  await assert.rejects(elsewhere.submit(Elsewhere.go), has(NotFoundError, "unknown-protocol"));
  await world.stop();
  await assert.rejects(ref.submit(Bank.charge, 1), has(StoppedError, "stopping"));
});

Deno.test("a reply that must go while it is being collected is given, and takes no place any more", async () => {
  const Large = protocol("large", { make: submit(unchecked<Promise<string>>(), z.string()) });
  const large = actor(Large, { state: () => null, on: { make: (_ctx, text) => text } });
  await using world = new World([large], { limits: { replies: 4, replyBytes: 1_000 } });
  const [first, second] = [gate<string>(), gate<string>()];
  const one = await world.system.ref(Large, "1").submit(
    Large.make,
    first.promise,
    asIngress({ caller: "ada" }),
  );
  await world.system.ref(Large, "2").submit(Large.make, second.promise, asIngress({ caller: "ada" }));
  first.resolve("a".repeat(600));
  await world.clock.settle();
  second.resolve("b".repeat(600));
  assert.equal((await one.reply()).length, 600);
  await assert.rejects(one.reply(), has(NotFoundError, "expired-reply"));
  const third = world.system.ref(Large, "3");
  for (let more = 0; more < 3; more++) await third.submit(Large.make, Promise.resolve(""));
  await assert.rejects(
    third.submit(Large.make, Promise.resolve("")),
    has(LimitExceededError, "too-many-replies"),
  );
  assert.equal(world.population["~reply"], 4);
});

Deno.test("a thousand requests leave nothing behind, collected, refused or expired", async () => {
  await using world = new World([bank()], { replyRetentionMs: 600_000, laterMs: 600_000 });
  const ref = world.system.ref(Bank, "main");
  for (let cents = 0; cents < 500; cents++) {
    assert.deepEqual(await (await ref.submit(Bank.charge, cents)).reply(), { cents });
  }
  for (let cents = 0; cents < 250; cents++) await ref.submit(Bank.charge, cents);
  for (let cents = 1; cents <= 250; cents++) await ref.submit(Bank.charge, -cents);
  await world.clock.settle();
  assert.equal(world.population["~reply"], 1_000);
  await world.clock.advance(60_000);
  assert.equal(world.population["~reply"], 500);
  await world.clock.advance(540_000);
  assert.deepEqual([world.population, world.clock.waiting], [{}, 0]);
});

Deno.test("a refused submit evicts no collected reply", async () => {
  await using world = new World([bank()], { limits: { replies: 1 } });
  const ref = world.system.ref(Bank, "main");
  const first = await ref.submit(Bank.charge, 1);
  assert.deepEqual(await first.reply(), { cents: 1 });
  await assert.rejects(ref.submit(Bank.charge, untyped("much")), { code: "invalid-payload" });
  assert.deepEqual(await first.reply(), { cents: 1 });
  await ref.submit(Bank.charge, 2);
  await assert.rejects(first.reply(), { code: "expired-reply" });
});

Deno.test("replies that were collected make room for new ones, and what was not collected stays", async () => {
  await using world = new World([bank()], { limits: { replies: 3 } });
  const ref = world.system.ref(Bank, "main");
  const kept = await ref.submit(Bank.charge, 0);
  for (let cents = 1; cents < 20; cents++) {
    const ticket = await ref.submit(Bank.charge, cents);
    assert.deepEqual(await ticket.reply(), { cents });
    await world.clock.settle();
  }
  assert.deepEqual(await kept.reply(), { cents: 0 });
  const others = [
    await ref.submit(Bank.charge, 1),
    await ref.submit(Bank.charge, 2),
    await ref.submit(Bank.charge, 3),
  ];
  await world.clock.settle();
  await assert.rejects(ref.submit(Bank.charge, 4), { code: "too-many-replies" });
  await assert.rejects(kept.reply(), { code: "expired-reply" });
  assert.deepEqual(await others[0].reply(), { cents: 1 });
});

Deno.test("collecting a reply never keeps it longer than it would have been", async () => {
  await using world = new World([bank()], { replyRetentionMs: 1_000, laterMs: 1_000 });
  const ticket = await world.system.ref(Bank, "main").submit(Bank.charge, 5);
  await world.clock.advance(400);
  await ticket.reply();
  await world.clock.advance(599);
  assert.deepEqual(await ticket.reply(), { cents: 5 });
  await world.clock.advance(1);
  await assert.rejects(ticket.reply(), { code: "expired-reply" });
});

Deno.test("a hundred may wait for one reply, and for one more it is pending at once", async () => {
  const open = gate<number>();
  const Slow = protocol("slow", { answer: submit(z.number()) });
  const slow = actor(Slow, { state: () => null, on: { answer: () => open.promise } });
  await using world = new World([slow]);
  const ticket = await world.system.ref(Slow, "main").submit(Slow.answer);
  const waiting = Array.from({ length: 100 }, () => ticket.reply());
  await world.clock.settle();
  await assert.rejects(ticket.reply(), {
    name: "ReplyPendingError",
    message: `Cannot collect the reply ${ticket.id}: it is pending, and 100 of 100 wait for it`,
  });
  open.resolve(7);
  assert.deepEqual(new Set(await Promise.all(waiting)), new Set([7]));
});

Deno.test("a caller has no more replies waiting than are left free, so another finds room", async () => {
  await using world = new World([bank()], { limits: { replies: 12 } });
  const ref = world.system.ref(Bank, "main");
  const submits = async (caller: string | undefined, count: number) => {
    const told = await Promise.allSettled(
      Array.from({ length: count }, () => ref.submit(Bank.charge, 1, asIngress({ caller }))),
    );
    await world.clock.settle();
    return told.filter(({ status }) => status === "fulfilled").length;
  };
  assert.equal(await submits("mallory", 100), 6);
  await assert.rejects(ref.submit(Bank.charge, 1, asIngress({ caller: "mallory" })), {
    name: "LimitExceededError",
    code: "too-many-replies",
    message:
      "Cannot keep one more reply for its caller: 6 of 12 wait for it to be collected, and 6 are left for all",
  });
  assert.equal(await submits("", 100), 3); // the empty caller is a caller as well
  const ticket = await ref.submit(Bank.charge, 1, asIngress({ caller: "alice" }));
  assert.equal(await submits(undefined, 100), 2); // the program itself may use all the room
  await ticket.reply();
  assert.equal(await submits(undefined, 100), 1);
  // the reply collected first was evicted
  await assert.rejects(ticket.reply(), has(NotFoundError, "expired-reply"));
});

Deno.test("a caller whose replies were collected, have expired or were refused has its share again", async () => {
  await using world = new World([bank({ capacity: 2 })], {
    limits: { replies: 4 },
    replyRetentionMs: 120_000,
  });
  const ref = world.system.ref(Bank, "main");
  const caller = "alice";
  for (let round = 0; round < 3; round++) {
    const tickets = [
      await ref.submit(Bank.charge, 1, asIngress({ caller })),
      await ref.submit(Bank.charge, 1, asIngress({ caller })),
    ];
    await world.clock.settle();
    await assert.rejects(ref.submit(Bank.charge, 1, asIngress({ caller })), { code: "too-many-replies" });
    if (round === 0) await world.clock.advance(120_000);
    else for (const ticket of tickets) assert.deepEqual(await ticket.reply(), { cents: 1 });
  }
  await world.clock.advance(120_000);
  const { promise, resolve } = gate<number>();
  await world.system.ref(Bank, "busy").submit(Bank.wait, promise);
  await world.clock.settle();
  for (const _ of [1, 2]) await world.system.ref(Bank, "busy").tell(untyped(Bank.charge), untyped(1));
  for (const _ of [1, 2, 3]) {
    const refused = world.system.ref(Bank, "busy").submit(Bank.charge, 1, asIngress({ caller }));
    await assert.rejects(refused, { code: "mailbox-full" });
  }
  await world.clock.settle();
  await ref.submit(Bank.charge, 1, asIngress({ caller }));
  resolve(1);
});

Deno.test("replies to callers are bounded in bytes: a caller that has as many as there is room left is refused", async () => {
  const Big = protocol("big", { make: submit(z.number(), z.string()) });
  const big = actor(Big, { state: () => null, on: { make: (_ctx, length) => "x".repeat(length) } });
  await using world = new World([big], { limits: { replyBytes: 10_000 } });
  const ref = world.system.ref(Big, "main");
  const alices = await ref.submit(Big.make, 1_000, asIngress({ caller: "alice" }));
  await world.clock.settle();
  for (let count = 0; count < 5; count++) {
    await ref.submit(Big.make, 1_000, asIngress({ caller: "mallory" }));
    await world.clock.settle();
  }
  await assert.rejects(ref.submit(Big.make, 1_000, asIngress({ caller: "mallory" })), (error: Error) => {
    assert.match(error.message, /its replies hold 5\d\d\d of 10000 bytes, and 3\d\d\d are left for all$/);
    return has(LimitExceededError, "too-many-replies")(error);
  });
  const late = await Promise.all(
    Array.from({ length: 5 }, () => ref.submit(Big.make, 2_000, asIngress({ caller: "eve" }))),
  );
  await world.clock.settle(); // they were all pending: the oldest of the caller with the most was evicted
  assert.equal(await alices.reply(), "x".repeat(1_000));
  const told = await Promise.allSettled(late.map((ticket) => ticket.reply()));
  const lost = told.flatMap((one) => one.status === "rejected" ? [one.reason] : []);
  assert.deepEqual([told.length, lost.length], [5, 3]);
  for (const error of lost) assert.ok(has(NotFoundError, "expired-reply")(error));
  await assert.rejects(
    (await ref.submit(Big.make, 20_000, asIngress({ caller: "bob" }))).reply(),
    NotFoundError,
  );
  assert.equal((await (await ref.submit(Big.make, 20_000)).reply()).length, 20_000); // the program's own
});
