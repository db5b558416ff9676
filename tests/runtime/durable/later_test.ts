// A request that is answered in a later turn: in memory, with a simulated store, and with each real one.

import assert from "node:assert/strict";
import {
  actor,
  Failure,
  isLater,
  type Later,
  later,
  type LaterOptions,
  protocol,
  submit,
  type System,
  tell,
  unchecked,
} from "@posthorn/posthorn";
import * as z from "zod";
import { kinds, onEach } from "./durable_stage.ts";
import { inEach, type World } from "./worlds.ts";

const Verdict = z.object({ ok: z.boolean() });
type Verdict = z.infer<typeof Verdict>;

const Desk = protocol("desk", {
  ask: submit(z.string(), Verdict),
  decide: tell(Verdict),
  decideTwice: tell(Verdict),
  refuse: tell(z.string()),
  misjudge: tell(),
  hand: tell(),
  passOn: tell(),
  abandoned: tell(Failure),
});
const Clerk = protocol("clerk", {
  decide: tell(later(Verdict)),
  judge: submit(z.string(), Verdict),
});
const Client = protocol("client", { got: tell(Verdict), failed: tell(Failure) });

interface State {
  readonly answer?: Later<Verdict>;
  readonly runs: number;
}

/** What a desk does besides keeping its later: how long it gives, and whether it hears that nobody waits. */
interface DeskTraits extends Pick<LaterOptions, "timeoutMs"> {
  readonly hears?: boolean;
}

function office({ timeoutMs, hears = false }: DeskTraits = {}) {
  const told: unknown[] = [];
  const desk = actor(Desk, {
    state: (): State => ({ runs: 0 }),
    on: {
      ask(ctx, question) {
        if (question === "easy") return { ok: true };
        const failTo = hears ? { failTo: ctx.self.at(Desk.abandoned) } : {};
        const answer = ctx.later({ ...failTo, ...timeoutMs === undefined ? {} : { timeoutMs } });
        ctx.state = { answer, runs: ctx.state.runs + 1 };
        told.push(`asked ${question}`);
        return answer;
      },
      decide: (ctx, verdict) => ctx.reply(ctx.state.answer!, verdict),
      decideTwice(ctx, verdict) {
        ctx.reply(ctx.state.answer!, verdict);
        assert.throws(() => ctx.reply(ctx.state.answer!, verdict), { code: "already-answered" });
      },
      refuse: (ctx, message) => ctx.fail(ctx.state.answer!, { code: "refused", message }),
      misjudge(ctx) {
        const wrong = { ok: "yes" } as unknown as Verdict;
        assert.throws(() => ctx.reply(ctx.state.answer!, wrong), { code: "invalid-payload" });
      },
      hand: (ctx) => ctx.ref(Clerk, "a").tell(Clerk.decide, ctx.state.answer!),
      passOn: (ctx) => void ctx.ref(Clerk, "a").submit(Clerk.judge, "fair", { replyTo: ctx.state.answer! }),
      abandoned: (_, { code }) => void told.push(`abandoned: ${code}`),
    },
  });
  const clerk = actor(Clerk, {
    state: () => null,
    on: {
      decide: (ctx, answer) => ctx.reply(answer, { ok: false }),
      judge: (_, how) => ({ ok: how === "fair" }),
    },
  });
  const client = actor(Client, {
    state: () => null,
    on: {
      got: (ctx, verdict) => void told.push(["got", verdict, ctx.causationId]),
      failed: (_, failure) => void told.push(failure),
    },
  });
  return { actors: [desk, clerk, client], told };
}

const at = (system: System) => system.ref(Desk, "d");

/** Waits for a call whose store takes time on the virtual clock. */
async function after<Result>(world: World, call: Promise<Result>): Promise<Result> {
  call.catch(() => {}); // it is awaited below
  await world.settle();
  return await call;
}

async function balanced(system: System): Promise<void> {
  const { accepted, done, dead, waiting, running } = system.stats();
  assert.equal(accepted, done + dead + waiting + running);
  await Promise.resolve();
}

inEach("a handler says later, and another turn gives the reply to the ticket", async (world) => {
  const { actors } = office();
  const system = await world.start(actors);
  const ticket = await after(world, at(system).submit(Desk.ask, "hard"));
  await world.settle();
  await assert.rejects(after(world, ticket.reply({ timeoutMs: 0 })), { code: "deadline" });
  await after(world, at(system).tell(Desk.decide, { ok: true }));
  await world.settle();
  assert.deepEqual(await after(world, ticket.reply()), { ok: true });
  assert.deepEqual(await after(world, system.ticket(ticket.id).reply()), { ok: true });
  assert.equal(system.deadLetters.total, 0);
  await balanced(system);
});

inEach("the same handler may also reply at once", async (world) => {
  const system = await world.start(office().actors);
  const ticket = await after(world, at(system).submit(Desk.ask, "easy"));
  await world.settle();
  assert.deepEqual(await after(world, ticket.reply()), { ok: true });
});

inEach("a later that is sent on is answered by another actor", async (world) => {
  const system = await world.start(office().actors);
  const ticket = await after(world, at(system).submit(Desk.ask, "hard"));
  await after(world, at(system).tell(Desk.hand));
  await world.settle();
  assert.deepEqual(await after(world, ticket.reply()), { ok: false });
});

inEach("a later as replyTo takes the reply of another submit", async (world) => {
  const system = await world.start(office().actors);
  const ticket = await after(world, at(system).submit(Desk.ask, "hard"));
  await after(world, at(system).tell(Desk.passOn));
  await world.settle();
  assert.deepEqual(await after(world, ticket.reply()), { ok: true });
});

inEach("the reply goes to the address of the request, with its id as the cause", async (world) => {
  const { actors, told } = office();
  const system = await world.start(actors);
  const replyTo = system.ref(Client, "c").at(Client.got);
  const { id } = await after(world, at(system).submit(Desk.ask, "hard", { replyTo }));
  await after(world, at(system).tell(Desk.decide, { ok: true }));
  await world.settle();
  assert.deepEqual(told, ["asked hard", ["got", { ok: true }, id]]);
  await balanced(system);
});

inEach("a failure goes to the ticket, or to failTo, with the id of the request", async (world) => {
  const { actors, told } = office();
  const system = await world.start(actors);
  const ticket = await after(world, at(system).submit(Desk.ask, "hard"));
  await after(world, at(system).tell(Desk.refuse, "not today"));
  await world.settle();
  await assert.rejects(after(world, ticket.reply()), { code: "refused", message: "not today" });
  const client = system.ref(Client, "c");
  const options = { id: "request-1", replyTo: client.at(Client.got), failTo: client.at(Client.failed) };
  await after(world, at(system).submit(Desk.ask, "hard", options));
  await after(world, at(system).tell(Desk.refuse, "never"));
  await world.settle();
  assert.deepEqual(told.at(-1), { id: "request-1", code: "refused", message: "never" });
});

inEach("a second answer is a dead letter, and its turn stands", async (world) => {
  const system = await world.start(office().actors);
  const ticket = await after(world, at(system).submit(Desk.ask, "hard"));
  await after(world, at(system).tell(Desk.decideTwice, { ok: true }));
  await world.settle();
  await after(world, at(system).tell(Desk.decide, { ok: false }));
  await world.settle();
  assert.deepEqual(await after(world, ticket.reply()), { ok: true });
  assert.deepEqual(system.deadLetters.list().map(({ reason }) => reason), ["already-answered"]);
  await balanced(system);
});

inEach("an answer that does not fit fails in its turn, and the later stays open", async (world) => {
  const system = await world.start(office().actors);
  const ticket = await after(world, at(system).submit(Desk.ask, "hard"));
  await after(world, at(system).tell(Desk.misjudge));
  await after(world, at(system).tell(Desk.decide, { ok: true }));
  await world.settle();
  assert.deepEqual(await after(world, ticket.reply()), { ok: true });
});

inEach("past its time the caller and the later's failTo are told, and an answer is late", async (world) => {
  const { actors, told } = office({ timeoutMs: 60_000, hears: true });
  const system = await world.start(actors);
  const ticket = await after(world, at(system).submit(Desk.ask, "hard"));
  await world.settle();
  await world.pass(70_000, 10_000);
  await assert.rejects(after(world, ticket.reply()), { code: "deadline" });
  assert.deepEqual(told, ["asked hard", "abandoned: deadline"]);
  await after(world, at(system).tell(Desk.decide, { ok: true }));
  await world.settle();
  assert.deepEqual(system.deadLetters.list().map(({ reason }) => reason), ["late-reply"]);
  await balanced(system);
});

inEach("an answered later never expires", async (world) => {
  const { actors, told } = office({ timeoutMs: 60_000, hears: true });
  const system = await world.start(actors);
  const ticket = await after(world, at(system).submit(Desk.ask, "hard"));
  await after(world, at(system).tell(Desk.decide, { ok: true }));
  await world.pass(70_000, 10_000);
  assert.deepEqual(await after(world, ticket.reply()), { ok: true });
  assert.deepEqual(told, ["asked hard"]);
});

inEach("the reply and the id are awaited for as long as the later", async (world) => {
  const { actors, told } = office({ timeoutMs: 600_000 });
  const times = { deduplicationWindowMs: 60_000, replyRetentionMs: 60_000, laterMs: 60_000 };
  const system = await world.start(actors, times);
  const ticket = await after(world, at(system).submit(Desk.ask, "hard", { id: "order-1" }));
  await world.settle();
  await world.pass(300_000, 10_000);
  const again = await after(world, at(system).submit(Desk.ask, "hard", { id: "order-1" }));
  assert.equal(again.id, ticket.id);
  await after(world, at(system).tell(Desk.decide, { ok: true }));
  await world.settle();
  assert.deepEqual(await after(world, ticket.reply()), { ok: true });
  assert.deepEqual(told, ["asked hard"]);
});

inEach("a failed turn opens no later", async (world) => {
  let fails = true;
  const laters: unknown[] = [];
  const Once = protocol("once", { ask: submit(unchecked<string>()) });
  const once = actor(Once, {
    state: () => null,
    on: {
      ask(ctx) {
        const answer = ctx.later();
        laters.push(answer);
        if (fails) throw new Error("not yet");
        ctx.reply(answer, "done");
        return answer;
      },
    },
    retry: { baseMs: 1_000 },
  });
  const system = await world.start([once]);
  const ticket = await after(world, system.ref(Once, "o").submit(Once.ask));
  await world.settle();
  fails = false;
  await world.pass(2_000, 500);
  assert.equal(await after(world, ticket.reply()), "done");
  assert.equal(new Set(laters.map((it) => (it as Later)["~later"])).size, laters.length);
  assert(laters.every(isLater));
  assert.equal(system.deadLetters.total, 0);
});

inEach("a later of another turn is no answer", async (world) => {
  const Sly = protocol("sly", { ask: submit(unchecked<unknown>()) });
  const sly = actor(Sly, {
    state: (): { kept?: Later<unknown> } => ({}),
    on: {
      ask(ctx) {
        const { kept } = ctx.state;
        if (kept !== undefined) return kept;
        const answer = ctx.later();
        assert.throws(() => ctx.later(), TypeError);
        ctx.state = { kept: answer };
        return answer;
      },
    },
    retry: { attempts: 1 },
  });
  const system = await world.start([sly]);
  await after(world, system.ref(Sly, "s").submit(Sly.ask));
  const second = await after(world, system.ref(Sly, "s").submit(Sly.ask));
  await world.settle();
  await assert.rejects(after(world, second.reply()), { code: "failed", message: /a later of another turn/ });
});

onEach(
  kinds,
  "a later is answered after the process that gave it was killed, by another one",
  async (stage) => {
    const { actors, told } = office();
    const first = await stage.start(actors);
    const ticket = await at(first).submit(Desk.ask, "hard");
    await stage.settle();
    await stage.kill(first);
    const second = await stage.start(actors);
    await at(second).tell(Desk.decide, { ok: true });
    await stage.settle();
    assert.deepEqual(await second.ticket(ticket.id).reply(), { ok: true });
    assert.deepEqual(told, ["asked hard"]);
  },
);

onEach(
  ["memory", "sqlite"],
  "nothing is left of an answered later, nor of one whose time is up",
  async (stage) => {
    const { actors } = office({ timeoutMs: 60_000 });
    const times = { replyRetentionMs: 60_000, laterMs: 60_000, deduplicationWindowMs: 60_000 };
    const system = await stage.start(actors, times);
    await at(system).submit(Desk.ask, "hard");
    await at(system).tell(Desk.decide, { ok: true });
    await at(system).submit(Desk.ask, "hard");
    await stage.settle();
    await stage.pass(700_000, 10_000);
    const left = await stage.keys("actor", "erased", "timer", "schedule", "mail", "index", "reply", "mark");
    assert.deepEqual(left.filter((key) => key !== "actor desk d"), []);
  },
);

onEach(kinds, "a later of an actor that keeps nothing is answered in its process", async (stage) => {
  const Quick = protocol("quick", { ask: submit(z.string(), Verdict), decide: tell(Verdict) });
  const quick = actor(Quick, {
    transient: true,
    state: (): { answer?: Later<Verdict> } => ({}),
    on: {
      ask(ctx) {
        const answer = ctx.later();
        ctx.state = { answer };
        return answer;
      },
      decide: (ctx, verdict) => ctx.reply(ctx.state.answer!, verdict),
    },
  });
  const { actors } = office();
  const system = await stage.start([quick, ...actors]);
  const ticket = await system.ref(Quick, "q").submit(Quick.ask, "hard");
  await stage.settle();
  await system.ref(Quick, "q").tell(Quick.decide, { ok: true });
  await stage.settle();
  assert.deepEqual(await ticket.reply(), { ok: true });
  assert.equal(system.deadLetters.total, 0);
  assert.equal(system.stats().protocols["~transient-later"].actors, 0);
});

inEach("a line of the log does not tell the name by which a request is answered", async (world) => {
  const lines: string[] = [];
  const system = await world.start(office().actors, { log: (line) => void lines.push(line) });
  await after(world, at(system).submit(Desk.ask, "hard"));
  for (const ok of [true, false]) await after(world, at(system).tell(Desk.decide, { ok }));
  await world.settle();
  assert.match(lines[0], /to ~later\/L\w{4}… answer, already-answered/);
  assert.doesNotMatch(lines[0], /L\w{32}/);
});

inEach("a later that the handler does not return is never opened", async (world) => {
  const Hasty = protocol("hasty", { ask: submit(z.string(), Verdict), decide: tell(Verdict) });
  const hasty = actor(Hasty, {
    state: (): { answer?: Later<Verdict> } => ({}),
    on: {
      ask(ctx) {
        ctx.state = { answer: ctx.later() };
        return { ok: true };
      },
      decide: (ctx, verdict) => ctx.reply(ctx.state.answer!, verdict),
    },
  });
  const system = await world.start([hasty]);
  const ticket = await after(world, system.ref(Hasty, "h").submit(Hasty.ask, "now"));
  await after(world, system.ref(Hasty, "h").tell(Hasty.decide, { ok: false }));
  await world.settle();
  assert.deepEqual(await after(world, ticket.reply()), { ok: true });
  assert.deepEqual(system.deadLetters.list().map(({ reason }) => reason), ["late-reply"]);
});

onEach(
  ["memory", "sqlite"],
  "answers that nobody waits for leave no record, however they come",
  async (stage) => {
    const { actors } = office();
    const system = await stage.start(actors);
    const forged = { "~later": `/desk.ask/L${"0".repeat(32)}` } as Later<Verdict>;
    const clerk = system.ref(Clerk, "a");
    for (let count = 0; count < 3; count++) await clerk.tell(Clerk.decide, forged);
    await stage.settle();
    assert.deepEqual(system.deadLetters.list().map(({ reason }) => reason), Array(3).fill("late-reply"));
    assert.deepEqual((await stage.keys("actor")).filter((key) => key.includes("~later")), []);
  },
);
