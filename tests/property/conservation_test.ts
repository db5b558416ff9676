import assert from "node:assert/strict";
import {
  type Cancellation,
  type Event,
  type Overflow,
  protocol,
  type Ref,
  RetryableError,
  type Stats,
  tell,
  TerminalError,
  type Ticket,
  unchecked,
} from "@posthorn/posthorn";
import fc from "fast-check";
import { fail, note, Stage, Walker, Worker, worker, type WorkerContext } from "../runtime/memory_stage.ts";

const keys = ["ada", "bob", "cyd"] as const;
const slowMs = 15;
const Stranger = protocol("worker", { vanish: tell(unchecked<string>()) });
const behaviours = {
  done: (ctx: WorkerContext) => note(ctx, "done"),
  slow: (_ctx: WorkerContext, it: Stage) =>
    new Promise<void>((resolve) => void it.clock.setTimer(slowMs, resolve)),
  stuck: () => new Promise<void>(() => {}),
  broken: () => fail(),
  flaky: (ctx: WorkerContext) => ctx.attempt < 3 ? fail() : note(ctx, "flaky"),
  rejected: () => Promise.reject(new Error("boom")),
  terminal() {
    throw new TerminalError("No.");
  },
  later() {
    throw new RetryableError("busy", { afterMs: 5 });
  },
  flood(ctx: WorkerContext) {
    for (let count = 0; count < 15; count++) ctx.self.tell(Worker.note, "flood");
  },
  stray(ctx: WorkerContext) {
    ctx.ref(Walker, "wim").tell(Walker.note, "nobody hosts it");
    ctx.ref(Worker, "ada").tell(Stranger.vanish, "it is no operation of its");
    ctx.publish(Walker.note as unknown as Event<string>, "nobody subscribed");
  },
  twice(ctx: WorkerContext) {
    for (const text of ["one", "one", "other"]) ctx.self.tell(Worker.note, text, { id: "same" });
  },
  passivate: (ctx: WorkerContext) => ctx.passivate(),
  erase: (ctx: WorkerContext) => ctx.erase(),
  tick: (ctx: WorkerContext) => ctx.schedule("tick", { everyMs: 7 }, ctx.self.at(Worker.note), "tick"),
};

/** Retains its refs, which cache their actors. */
class Ground extends Stage {
  readonly tickets: Ticket<unknown>[] = [];
  /** What was taken back, and how it ended. */
  readonly ended = new Map<Ticket<unknown>, Cancellation>();
  readonly #refs = new Map<string, Ref<"worker">>();

  override ref(key: string): Ref<"worker"> {
    const known = this.#refs.get(key) ?? super.ref(key);
    this.#refs.set(key, known);
    return known;
  }
}

/** The behaviour of one message, and the messages that its turn sends. */
interface Plan {
  readonly key: typeof keys[number];
  readonly mode: "tell" | "ask" | "submit";
  readonly behaviour: keyof typeof behaviours;
  readonly timeoutMs: number | undefined;
  readonly sends: readonly Plan[];
}

const { plan } = fc.letrec<{ plan: Plan }>((tie) => ({
  plan: fc.record({
    key: fc.constantFrom(...keys),
    mode: fc.constantFrom("tell", "ask", "submit"),
    behaviour: fc.constantFrom(...Object.keys(behaviours) as (keyof typeof behaviours)[]),
    timeoutMs: fc.constantFrom(undefined, undefined, 20),
    sends: fc.oneof({ maxDepth: 3 }, fc.constant([]), fc.array(tie("plan"), { maxLength: 3 })),
  }),
}));

type Step = (it: Ground) => unknown;

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: plan.map((plan): Step => (it) => send(it, plan)) },
  { weight: 2, arbitrary: fc.nat(60).map((byMs): Step => (it) => it.clock.advance(byMs)) },
  { weight: 1, arbitrary: fc.nat(9).map((which): Step => (it) => resend(it, which)) },
  { weight: 3, arbitrary: fc.nat(9).map((which): Step => (it) => cancel(it, which)) },
  // from here on there is a listener
  { weight: 1, arbitrary: fc.constant<Step>((it) => void it.watch("stopped")) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom("passivate", "restart", "erase"), fc.constantFrom(...keys)).map(
      ([signal, key]): Step => (it) => it.system.signal({ protocol: "worker", key }, signal),
    ),
  },
);

const traits = fc.record({
  mailbox: fc.record({
    capacity: fc.integer({ min: 1, max: 4 }),
    overflow: fc.constantFrom<Overflow>("reject", "drop-oldest", "drop-newest"),
  }),
  retry: fc.record({
    attempts: fc.integer({ min: 1, max: 4 }),
    baseMs: fc.constant(10),
    order: fc.constantFrom("hold", "aside"),
  }),
  limit: fc.record({ restarts: fc.nat(3), windowMs: fc.constant(100) }),
  onFailure: fc.constantFrom("resume", "restart", "stop", "escalate"),
  idleMs: fc.constantFrom(50, 60_000),
  onIdle: fc.constantFrom("keep", "drop"),
});

const limits = fc.record({ actors: fc.integer({ min: 1, max: 6 }), replies: fc.integer({ min: 1, max: 9 }) });

function scriptOf(it: Stage, { behaviour, sends }: Plan): (ctx: WorkerContext) => unknown {
  return (ctx) => {
    for (const plan of sends) {
      const ref = ctx.ref(Worker, plan.key);
      const { timeoutMs } = plan;
      if (plan.mode === "submit") ref.submit(Worker.job, scriptOf(it, plan), { timeoutMs });
      else ref.tell(Worker.run, scriptOf(it, plan), { timeoutMs });
    }
    return behaviours[behaviour](ctx, it);
  };
}

function send(it: Ground, plan: Plan): void {
  const ref = it.ref(plan.key);
  const script = scriptOf(it, plan);
  const { timeoutMs } = plan;
  const sent: Record<Plan["mode"], () => Promise<unknown>> = {
    tell: () => ref.tell(Worker.run, script, { timeoutMs }),
    ask: () => ref.ask(Worker.call, script, { timeoutMs }),
    submit: () => ref.submit(Worker.job, script, { timeoutMs }).then((ticket) => it.tickets.push(ticket)),
  };
  sent[plan.mode]().catch(() => {});
}

/** Takes back one of the latest requests, if it is not over. */
async function cancel({ tickets, ended }: Ground, which: number): Promise<void> {
  const ticket = tickets.at(-1 - which);
  const outcome = await ticket?.cancel({ timeoutMs: 0 }).catch(() => undefined); // it is kept no longer
  if (outcome !== undefined) ended.set(ticket!, outcome);
}

function resend({ system }: Stage, which: number): void {
  const letters = system.deadLetters.list();
  if (letters.length === 0) return;
  try {
    system.deadLetters.resend(letters[which % letters.length].id);
  } catch { /* refused: nothing was accepted */ }
}

/**
 * Every accepted message is counted exactly once, and the counts of the protocols add up to those of the
 * system.
 */
function checkBooks({ accepted, done, dead, cancelled, waiting, running, protocols }: Stats): void {
  assert.equal(
    accepted,
    done + dead + cancelled + waiting + running,
    JSON.stringify({ accepted, done, dead, cancelled, waiting, running }),
  );
  const all = Object.values(protocols);
  assert.equal(all.reduce((sum, one) => sum + one.waiting, 0), waiting);
  assert.equal(all.reduce((sum, one) => sum + one.done, 0), done);
}

Deno.test("Runtime loses no message and counts none twice, whatever fails, overflows, expires or stops", async () => {
  const ends = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(
      traits,
      limits,
      fc.boolean(),
      fc.array(step, { maxLength: 40, size: "max" }),
      async (traits, limits, listens, steps) => {
        const it = new Ground({ actors: [worker(traits)], limits });
        const heard = { accepted: 0, done: 0, dead: 0, cancelled: 0 };
        if (listens) {
          it.system.inspect(({ type }) => {
            if (type in heard) heard[type as keyof typeof heard]++;
          });
        }
        for (const take of steps) {
          await take(it);
          checkBooks(it.system.stats());
        }
        await it[Symbol.asyncDispose]();
        const stats = it.system.stats();
        checkBooks(stats);
        assert.deepEqual([stats.waiting, stats.running], [0, 0]);
        if (listens) {
          assert.deepEqual([heard.done, heard.dead, heard.cancelled], [
            stats.done,
            stats.dead,
            stats.cancelled,
          ]);
        }
        const told = [...it.ended.values()].filter((outcome) => outcome === "cancelled").length;
        assert.equal(told, stats.cancelled, "what was told to be cancelled is counted once");
        for (const outcome of it.ended.values()) ends.set(outcome, (ends.get(outcome) ?? 0) + 1);
        await it.clock.advance(slowMs); // timers of the handlers themselves
        assert.equal(it.clock.waiting, 0);
        for (const { reason } of it.system.deadLetters.list()) ends.set(reason, (ends.get(reason) ?? 0) + 1);
      },
    ),
    { seed: 6, numRuns: 400 },
  );
  const reasons = [
    "failed",
    "terminal",
    "stopped",
    "stopping",
    "deadline",
    "dropped",
    "mailbox-full",
    "too-many-actors",
    "unknown-protocol",
    "unknown-operation",
    "id-reused",
    "cancelled",
    "done",
  ];
  assert.deepEqual(reasons.filter((reason) => !ends.has(reason)), [], "a way to end that was never tried");
});
