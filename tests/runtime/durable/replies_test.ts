// Replies of submits are in the store: any instance collects them, until they expire.

import assert from "node:assert/strict";
import { TerminalError } from "@posthorn/posthorn";
import {
  inMemory,
  kinds,
  missedMs,
  note,
  notesOf,
  onEach,
  ref,
  sharedKinds,
  Worker,
  worker,
} from "./durable_stage.ts";

const echo = { echo: (_ctx: unknown, text: string) => text };

onEach(kinds, "a reply survives its process, and is collected as often as one likes", async (stage) => {
  const first = await stage.start([worker(echo)]);
  const { id } = await ref(first, "ada").submit(Worker.job, "echo tea");
  assert.equal(await first.ticket(id).reply(), "tea");
  await stage.kill(first);
  const second = await stage.start([worker(echo)]);
  for (let time = 0; time < 3; time++) assert.equal(await second.ticket(id).reply({ timeoutMs: 0 }), "tea");
});

onEach(sharedKinds, "another instance waits for a reply, and has it when it comes", async (stage) => {
  const gate = Promise.withResolvers<string>();
  const worksHere = await stage.start([worker({ wait: () => gate.promise })]);
  const waits = await stage.start([worker()]);
  const { id } = await ref(worksHere, "ada").submit(Worker.job, "wait");
  const collected = waits.ticket(id).reply({ timeoutMs: 60_000 });
  await stage.pass(100, 20);
  gate.resolve("tea");
  await stage.pass(100, 20);
  assert.equal(await collected, "tea");
});

onEach(kinds, "a reply that is not there yet is pending, and comes later", async (stage) => {
  const gate = Promise.withResolvers<string>();
  const system = await stage.start([worker({ wait: () => gate.promise })]);
  const ticket = await ref(system, "ada").submit(Worker.job, "wait");
  await assert.rejects(ticket.reply({ timeoutMs: 0 }), { name: "ReplyPendingError" });
  const waiting = assert.rejects(ticket.reply({ timeoutMs: 1_000 }), { name: "ReplyPendingError" });
  await stage.pass(1_000);
  await waiting;
  gate.resolve("tea");
  assert.equal(await ticket.reply(), "tea");
});

onEach(
  kinds,
  "a reply that is kept no longer has expired, and one that never was is unknown",
  async (stage) => {
    const system = await stage.start([worker(echo)], { replyRetentionMs: 1_000 });
    const ticket = await ref(system, "ada").submit(Worker.job, "echo tea");
    assert.equal(await ticket.reply(), "tea");
    await stage.pass(1_000);
    const expired = { name: "NotFoundError", code: "expired-reply" };
    await assert.rejects(ticket.reply({ timeoutMs: 0 }), expired);
    await stage.pass(65_000, 10_000); // by then the store may delete it
    await ref(system, "ada").tell(Worker.note, "something");
    await stage.pass(60_000, 10_000);
    await assert.rejects(ticket.reply({ timeoutMs: 0 }), expired);
    await assert.rejects(system.ticket(system.newId()).reply({ timeoutMs: 0 }), { code: "unknown-reply" });
    await assert.rejects(system.ticket("nothing").reply({ timeoutMs: 0 }), { code: "unknown-reply" });
  },
);

onEach(
  kinds,
  "a handler that refuses leaves its words as the reply, also for the next process",
  async (stage) => {
    const actors = [worker({
      refuse() {
        throw new TerminalError("Sold out", { code: "sold-out" });
      },
    })];
    const first = await stage.start(actors);
    const { id } = await ref(first, "ada").submit(Worker.job, "refuse");
    const refusal = { name: "TerminalError", code: "sold-out", message: "Sold out" };
    await assert.rejects(first.ticket(id).reply(), refusal);
    await stage.kill(first);
    const second = await stage.start(actors);
    await assert.rejects(second.ticket(id).reply({ timeoutMs: 0 }), refusal);
  },
);

onEach(
  kinds,
  "a reply goes to an address with the turn's commit, and a failure to the other",
  async (stage) => {
    const actors = [worker({
      ...echo,
      refuse() {
        throw new TerminalError("Sold out", { code: "sold-out" });
      },
      failed: (ctx, payload) => note(ctx, payload),
    })];
    const first = await stage.start(actors);
    const books = ref(first, "books");
    const ada = ref(first, "ada");
    await ada.submit(Worker.job, "echo tea", { replyTo: books.at(Worker.note) as never });
    await stage.settle();
    await stage.kill(first);
    const second = await stage.start(actors);
    await ref(second, "ada").submit(Worker.job, "refuse", {
      replyTo: books.at(Worker.note) as never,
      failTo: books.at(Worker.note) as never,
    });
    await stage.pass(missedMs);
    const notes = await notesOf(second, "books") as [string, { code: string }];
    assert.equal(notes[0], "tea");
    assert.equal(notes[1].code, "sold-out");
  },
);

onEach(kinds, "the reply of a submit in a turn goes to the address that it names", async (stage) => {
  const system = await stage.start([worker({
    ...echo,
    order(ctx) {
      const bob = ctx.ref(Worker, "bob");
      bob.submit(Worker.job, "echo tea", { replyTo: ctx.self.at(Worker.note) as never });
    },
  })]);
  await ref(system, "ada").tell(Worker.run, "order");
  await stage.until("ada has it", async () => (await notesOf(system, "ada") as string[]).length === 1);
  assert.deepEqual(await notesOf(system, "ada"), ["tea"]);
});

inMemory("replies may be dates, maps and undefined", async (stage) => {
  const values = {
    date: new Date(0),
    map: new Map([[1, new Set(["a"])]]),
    nothing: undefined,
    big: 2n ** 80n,
  };
  const first = await stage.start([worker({ all: () => values, nothing: () => undefined })]);
  const ids = await Promise.all(
    ["all", "nothing"].map(async (name) => (await ref(first, "ada").submit(Worker.job, name)).id),
  );
  await stage.settle();
  await stage.kill(first);
  const second = await stage.start([worker()]);
  assert.deepEqual(await second.ticket(ids[0]).reply({ timeoutMs: 0 }), values);
  assert.equal(await second.ticket(ids[1]).reply({ timeoutMs: 0 }), undefined);
});

inMemory(
  "at most a hundred callers wait for one reply, and those that stop waiting make room",
  async (stage) => {
    const gate = Promise.withResolvers<string>();
    const system = await stage.start([worker({ wait: () => gate.promise })]);
    const ticket = await ref(system, "ada").submit(Worker.job, "wait");
    const stop = new AbortController();
    const waiting = Array.from(
      { length: 100 },
      () => ticket.reply({ timeoutMs: 9_000, signal: stop.signal }),
    );
    const ended = Promise.allSettled(waiting);
    await stage.settle();
    await assert.rejects(ticket.reply({ timeoutMs: 9_000 }), { name: "ReplyPendingError" });
    stop.abort();
    await ended;
    const one = ticket.reply({ timeoutMs: 9_000 });
    gate.resolve("tea");
    assert.equal(await one, "tea");
  },
);
