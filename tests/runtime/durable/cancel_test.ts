// Requests that are taken back: one commit decides, wherever the request is and whichever process takes it back.

import assert from "node:assert/strict";
import {
  actor,
  CancelledError,
  Failure,
  protocol,
  RetryableError,
  submit,
  type System,
  tell,
  TerminalError,
  type Ticket,
} from "@posthorn/posthorn";
import * as z from "zod";
import {
  deadOf,
  inMemory,
  kinds,
  missedMs,
  note,
  notesOf,
  onEach,
  ref,
  type Scripts,
  sharedKinds,
  type Stage,
  watch,
  Worker,
  worker,
} from "./durable_stage.ts";

const Desk = protocol("desk", { lost: tell(Failure) });
const Quick = protocol("quick", { work: submit(z.string(), z.string()) });

function desk(got: unknown[]) {
  return actor(Desk, { state: () => null, on: { lost: (_ctx, failure) => void got.push(failure) } });
}

/** Scripts of which one waits until the test lets it go on, and one fails. */
class Work {
  readonly gate = Promise.withResolvers<void>();
  readonly signals: AbortSignal[] = [];
  runs = 0;

  readonly scripts: Scripts = {
    wait: async (ctx, text) => {
      this.runs++;
      this.signals.push(ctx.signal);
      await this.gate.promise;
      note(ctx, `waited ${text}`);
      return "waited";
    },
    busy: async () => {
      await this.gate.promise;
    },
    down: () => {
      this.runs++;
      throw new RetryableError("the service is down", { afterMs: 60_000 });
    },
    add: (ctx, text) => {
      note(ctx, text);
      return text;
    },
    refuse: () => {
      throw new TerminalError("no");
    },
  };
}

/** The counts, and whether they balance. */
function counts(system: System) {
  const { accepted, done, dead, cancelled, waiting, running } = system.stats();
  assert.equal(accepted, done + dead + cancelled + waiting + running);
  return { cancelled, dead, waiting, running };
}

/** A request that is taken back leaves a failure, no letter and no message. */
async function requireGone(stage: Stage, ticket: Ticket<unknown>): Promise<void> {
  await assert.rejects(ticket.reply({ timeoutMs: 0 }), CancelledError);
  assert.equal(await ticket.cancel(), "cancelled");
  assert.deepEqual(await stage.keys("mail", "dead"), []);
}

onEach(
  kinds,
  "a request that waits is taken back: it never runs, and the others keep their order",
  async (stage) => {
    const work = new Work();
    const system = await stage.start([worker(work.scripts)]);
    const ada = ref(system, "ada");
    await ada.submit(Worker.job, "busy");
    await stage.settle();
    const tickets = await Promise.all(["a", "b", "c"].map((text) => ada.submit(Worker.job, `add ${text}`)));
    assert.equal(await tickets[1].cancel(), "cancelled");
    assert.deepEqual(counts(system), { cancelled: 1, dead: 0, waiting: 2, running: 1 });
    work.gate.resolve();
    await stage.settle();
    assert.deepEqual(await notesOf(system, "ada"), ["a", "c"]);
    assert.deepEqual(counts(system), { cancelled: 1, dead: 0, waiting: 0, running: 0 });
    await requireGone(stage, tickets[1]);
  },
);

onEach(
  kinds,
  "a request that runs is taken back: its signal is aborted, and its turn commits nothing",
  async (stage) => {
    const work = new Work();
    const got: unknown[] = [];
    const system = await stage.start([worker(work.scripts), desk(got)]);
    const ada = ref(system, "ada");
    const failTo = system.ref(Desk, "one").at(Desk.lost);
    const ticket = await ada.submit(Worker.job, "wait x", { id: "mine", failTo });
    await stage.settle();
    await ada.tell(Worker.note, "next");
    const seen = watch(system, "cancelled", "done", "retrying", "failed");
    assert.equal(await ticket.cancel(), "cancelled");
    assert(work.signals[0].reason instanceof CancelledError);
    await stage.settle();
    assert.deepEqual(got, [{ id: "mine", code: "cancelled", message: "worker/ada job was cancelled" }]);
    assert.deepEqual(counts(system), { cancelled: 0, dead: 0, waiting: 1, running: 1 });
    work.gate.resolve();
    await stage.settle();
    assert.deepEqual(await notesOf(system, "ada"), ["next"]);
    assert.equal(work.runs, 1);
    assert.deepEqual(seen, ["cancelled ada job", "done one lost", "done ada note", "done ada call"]);
    assert.deepEqual(counts(system), { cancelled: 1, dead: 0, waiting: 0, running: 0 });
    await requireGone(stage, ticket);
  },
);

onEach(
  sharedKinds,
  "another process takes back what runs here, and the turn commits nothing",
  async (stage) => {
    const work = new Work();
    const first = await stage.start([worker(work.scripts)]);
    const second = await stage.start([worker(work.scripts)]);
    const ticket = await ref(first, "ada").submit(Worker.job, "wait x");
    await stage.settle();
    assert.equal(work.runs, 1);
    assert.equal(await second.ticket(ticket.id, Worker.job).cancel(), "cancelled");
    await stage.pass(100, 20); // sqlite looks for commits of other processes every 20 ms
    assert(work.signals[0].reason instanceof CancelledError, "it hears of it before its commit fails");
    work.gate.resolve();
    await stage.pass(5_000);
    assert.deepEqual(await notesOf(first, "ada"), []);
    assert.equal(work.runs, 1);
    await requireGone(stage, ticket);
  },
);

for (const order of ["hold", "aside"] as const) {
  onEach(
    kinds,
    `a request that waits for a retry (${order}) is taken back, also after a restart`,
    async (stage) => {
      const work = new Work();
      const actors = [worker(work.scripts, { retry: { order } })];
      const first = await stage.start(actors);
      const ada = ref(first, "ada");
      const [here, later] = [await ada.submit(Worker.job, "down"), await ada.submit(Worker.job, "down")];
      await stage.settle();
      assert.equal(work.runs, order === "hold" ? 1 : 2);
      assert.equal(await here.cancel(), "cancelled");
      await stage.settle();
      assert.equal(work.runs, 2, "the next one runs at once");
      await first.stop();
      const second = await stage.start(actors);
      const again = second.ticket(later.id);
      assert.equal(await again.cancel(), "cancelled");
      await stage.pass(120_000, 10_000);
      assert.equal(work.runs, 2);
      assert.deepEqual(deadOf(second), []);
      await requireGone(stage, again);
      await ref(second, "ada").tell(Worker.note, "next");
      assert.deepEqual(await notesOf(second, "ada"), ["next"]);
    },
  );
}

onEach(kinds, "a request for an actor that no process hosts is taken back", async (stage) => {
  const first = await stage.start([worker(new Work().scripts), desk([])]);
  const ada = ref(first, "ada");
  const ticket = await ada.submit(Worker.job, "busy");
  const waits = await ada.submit(Worker.job, "add a");
  await stage.settle();
  await stage.kill(first);
  const front = await stage.start([desk([])]);
  for (const { id } of [ticket, waits]) assert.equal(await front.ticket(id).cancel(), "cancelled");
  assert.deepEqual(counts(front), { cancelled: 2, dead: 0, waiting: 0, running: 0 });
  await requireGone(stage, front.ticket(waits.id));
});

onEach(kinds, "a request that may have crashed a process is taken back", async (stage) => {
  const work = new Work();
  const first = await stage.start([worker(work.scripts)]);
  const ticket = await ref(first, "ada").submit(Worker.job, "wait x");
  await stage.settle();
  await stage.kill(first);
  const second = await stage.start([worker(work.scripts)]);
  await stage.pass(missedMs + 5_000);
  assert.equal(work.runs, 2, "it is tried");
  assert.equal(await second.ticket(ticket.id).cancel(), "cancelled");
  work.gate.resolve();
  await stage.pass(5_000);
  await ref(second, "ada").tell(Worker.note, "next");
  assert.deepEqual(await notesOf(second, "ada"), ["next"]);
  await requireGone(stage, second.ticket(ticket.id));
});

onEach(kinds, "what is over was too late to take back", async (stage) => {
  const system = await stage.start([worker(new Work().scripts), desk([])]);
  const ada = ref(system, "ada");
  const done = await ada.submit(Worker.job, "add a");
  const failed = await ada.submit(Worker.job, "refuse");
  const told = await ada.submit(Worker.job, "refuse", { failTo: system.ref(Desk, "one").at(Desk.lost) });
  await stage.settle();
  for (let time = 0; time < 2; time++) {
    assert.deepEqual(await Promise.all([done, failed, told].map((one) => one.cancel())), [
      "done",
      "failed",
      "failed",
    ]);
  }
});

onEach(
  kinds,
  "a request that was taken back and is submitted again with its id is answered as the first",
  async (stage) => {
    const work = new Work();
    const system = await stage.start([worker(work.scripts)]);
    const ada = ref(system, "ada");
    await ada.submit(Worker.job, "busy");
    await stage.settle();
    const first = await ada.submit(Worker.job, "add a", { id: "mine" });
    assert.equal(await first.cancel(), "cancelled");
    const again = await ada.submit(Worker.job, "add a", { id: "mine" });
    assert.equal(again.id, first.id);
    assert.equal(await again.cancel(), "cancelled");
    work.gate.resolve();
    await stage.settle();
    assert.deepEqual(await notesOf(system, "ada"), []);
    await requireGone(stage, again);
  },
);

onEach(
  kinds,
  "a request is taken back only for its caller, and not after its reply has expired",
  async (stage) => {
    const work = new Work();
    const system = await stage.start([worker(work.scripts)], { replyRetentionMs: 60_000, laterMs: 60_000 });
    const options = { id: "mine", caller: "alice" };
    const { id } = await ref(system, "ada").submit(Worker.job, "down", options);
    for (const other of [undefined, { caller: "bob" }]) {
      await assert.rejects(system.ticket(id, Worker.job, other).cancel(), {
        code: "unknown-reply",
        message: `Cannot take back the request of the reply ${id}: no such reply is kept`,
      });
    }
    await assert.rejects(system.ticket("nonsense").cancel(), { code: "unknown-reply" });
    await stage.pass(50_000, 10_000);
    await stage.pass(20_000, 10_000);
    await assert.rejects(system.ticket(id, Worker.job, { caller: "alice" }).cancel(), {
      code: "expired-reply",
      message: `Cannot take back the request of the reply ${id}: it was kept for as long as replies are`,
    });
  },
);

onEach(kinds, "a request of a turn is taken back by its id", async (stage) => {
  const work = new Work();
  const ids: string[] = [];
  const scripts: Scripts = {
    ...work.scripts,
    send: (ctx) => void ids.push(ctx.ref(Worker, "ada").submit(Worker.job, "add a")),
  };
  const system = await stage.start([worker(scripts)]);
  await ref(system, "ada").submit(Worker.job, "busy");
  await stage.settle();
  await ref(system, "boss").tell(Worker.run, "send");
  await stage.settle();
  assert.equal(await system.ticket(ids[0]).cancel(), "cancelled");
  work.gate.resolve();
  await stage.settle();
  assert.deepEqual(await notesOf(system, "ada"), []);
});

onEach(
  kinds,
  "a request of an actor that keeps nothing is taken back in its process, and nowhere else",
  async (stage) => {
    const gate = Promise.withResolvers<void>();
    const ran: string[] = [];
    const quick = actor(Quick, {
      transient: true,
      state: () => null,
      on: {
        work: async (_ctx, text) => {
          ran.push(text);
          await gate.promise;
          return text;
        },
      },
    });
    const system = await stage.start([quick]);
    const q = system.ref(Quick, "q");
    const [runs, waits, stays] = await Promise.all(["a", "b", "c"].map((text) => q.submit(Quick.work, text)));
    await stage.settle();
    if (stage.store.traits.processes === "many") {
      const other = await stage.start([quick]);
      await assert.rejects(other.ticket(stays.id).cancel({ timeoutMs: 0 }), { code: "deadline" });
    }
    for (const one of [waits, runs]) assert.equal(await system.ticket(one.id).cancel(), "cancelled");
    gate.resolve();
    await stage.settle();
    assert.deepEqual(ran, ["a", "c"]);
    assert.equal(await stays.reply(), "c");
    for (const one of [waits, runs]) await requireGone(stage, one);
    assert.deepEqual(counts(system), { cancelled: 2, dead: 0, waiting: 0, running: 0 });
  },
);

inMemory("a request is not asked after without end when as many wait for its reply as may", async (stage) => {
  const gate = Promise.withResolvers<string>();
  const quick = actor(Quick, { transient: true, state: () => null, on: { work: () => gate.promise } });
  const [system, other] = [await stage.start([quick]), await stage.start([])];
  const { id } = await system.ref(Quick, "q").submit(Quick.work, "a");
  const waiters = Array.from({ length: 100 }, () => other.ticket(id).reply());
  await stage.settle();
  await assert.rejects(other.ticket(id).cancel(), {
    code: "deadline",
    message: `Cannot take back the request of the reply ${id}: it is pending, and 100 of 100 wait for it`,
  });
  gate.resolve("done");
  await stage.pass(1_000);
  assert.deepEqual(new Set(await Promise.all(waiters)), new Set(["done"]));
});

onEach(kinds, "a delayed request is taken back before it is due, also after a restart", async (stage) => {
  const work = new Work();
  const actors = [worker(work.scripts)];
  const first = await stage.start(actors);
  const options = { afterMs: 60_000, id: "mine" };
  const ticket = await ref(first, "ada").submit(Worker.job, "add a", options);
  const other = await ref(first, "ada").submit(Worker.job, "add b", { afterMs: 60_000 });
  assert.equal(await ticket.cancel(), "cancelled");
  assert.equal(first.stats().delayed, 1);
  await stage.kill(first);
  const second = await stage.start(actors);
  await stage.pass(missedMs);
  assert.equal(await second.ticket(other.id, Worker.job).cancel(), "cancelled");
  assert.deepEqual(await stage.keys("timer", "schedule"), []);
  assert.equal((await ref(second, "ada").submit(Worker.job, "add a", options)).id, ticket.id);
  await stage.pass(120_000, 10_000);
  assert.deepEqual(await notesOf(second, "ada"), []);
  await assert.rejects(second.ticket(ticket.id).reply({ timeoutMs: 0 }), CancelledError);
});

onEach(sharedKinds, "a delayed request is taken back by another process", async (stage) => {
  const work = new Work();
  const actors = [worker(work.scripts)];
  const [first, second] = [await stage.start(actors), await stage.start(actors)];
  const ticket = await ref(first, "ada").submit(Worker.job, "add a", { afterMs: 20_000 });
  assert.equal(await second.ticket(ticket.id, Worker.job).cancel(), "cancelled");
  await stage.pass(60_000, 5_000);
  assert.deepEqual(await notesOf(second, "ada"), []);
  await requireGone(stage, ticket);
});

onEach(kinds, "a delayed request is taken back after it was due, like any other", async (stage) => {
  const work = new Work();
  const system = await stage.start([worker(work.scripts)]);
  await ref(system, "ada").submit(Worker.job, "busy");
  const ticket = await ref(system, "ada").submit(Worker.job, "add a", { afterMs: 2_000 });
  await stage.pass(5_000);
  assert.equal(await ticket.cancel(), "cancelled");
  assert.deepEqual(counts(system), { cancelled: 1, dead: 0, waiting: 0, running: 1 });
  work.gate.resolve();
  await stage.settle();
  assert.deepEqual(await notesOf(system, "ada"), []);
});
