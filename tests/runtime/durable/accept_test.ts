// An accepted message is in the store: each message is accepted once, and the send resolves only after the
// commit.

import assert from "node:assert/strict";
import { StoreError } from "@posthorn/posthorn";
import {
  deadOf,
  inMemory,
  kinds,
  missedMs,
  note,
  notesOf,
  onEach,
  ref,
  Worker,
  worker,
} from "./durable_stage.ts";

onEach(kinds, "accepted means persisted: what was told survives the process that took it", async (stage) => {
  const closed = Promise.withResolvers<void>();
  const first = await stage.start([worker({ wait: () => closed.promise })]);
  const ada = ref(first, "ada");
  await ada.tell(Worker.run, "wait"); // no message behind it is handled
  for (const text of ["one", "two", "three"]) await ada.tell(Worker.note, text);
  await stage.kill(first);

  const second = await stage.start([worker({ wait: (ctx) => note(ctx, "waited") })]);
  await stage.pass(missedMs);
  assert.deepEqual(await notesOf(second, "ada"), ["waited", "one", "two", "three"]);
});

onEach(kinds, "accepted means persisted: so is what was submitted, with the reply to come", async (stage) => {
  const closed = Promise.withResolvers<void>();
  const first = await stage.start([worker({ job: () => closed.promise })]);
  const ticket = await ref(first, "ada").submit(Worker.job, "job");
  await stage.kill(first);

  const second = await stage.start([worker({ job: () => "done" })]);
  await stage.pass(missedMs);
  assert.equal(await second.ticket(ticket.id).reply({ timeoutMs: 0 }), "done");
});

onEach(kinds, "a publication that was accepted reaches its subscribers over a crash", async (stage) => {
  const first = await stage.start([worker()]);
  first.subscribe(Worker.happened, ref(first, "ada").at(Worker.note));
  await stage.settle();
  await first.publish(Worker.happened, "de one");
  await stage.kill(first);

  const second = await stage.start([worker()]);
  await stage.pass(missedMs);
  assert.deepEqual(await notesOf(second, "ada"), ["de one"]);
});

inMemory(
  "what the store refuses was not accepted: the send says so, and nothing comes of it",
  async (stage) => {
    const system = await stage.start([worker()]);
    const refusal = new StoreError("store-unavailable", "Cannot commit to memory: it is away");
    stage.storeOf(system).refuse = () => refusal;
    await assert.rejects(ref(system, "ada").tell(Worker.note, "lost"), { code: "store-unavailable" });
    await assert.rejects(ref(system, "ada").submit(Worker.job, "notes"), { code: "store-unavailable" });
    await assert.rejects(system.publish(Worker.happened, "de lost"), { code: "store-unavailable" });
    stage.storeOf(system).refuse = undefined;
    await ref(system, "ada").tell(Worker.note, "kept");
    assert.deepEqual(await notesOf(system, "ada"), ["kept"]);
    assert.deepEqual(deadOf(system), []);
  },
);

inMemory("sends wait until the store is open, and keep their order", async (stage) => {
  const system = stage.begin([worker()]);
  const sent = ["one", "two", "three"].map((text) => ref(system, "ada").tell(Worker.note, text));
  assert.equal(system.health.store?.status, "opening");
  await Promise.all(sent);
  assert.deepEqual(await notesOf(system, "ada"), ["one", "two", "three"]);
  assert.equal(system.health.store?.status, "volatile");
});

onEach(kinds, "messages of one sender keep their order over a crash", async (stage) => {
  const first = await stage.start([worker()]);
  const texts = Array.from({ length: 300 }, (_, index) => String(index));
  const sent = texts.map((text) => ref(first, "ada").tell(Worker.note, text));
  await Promise.all(sent.slice(0, 100));
  await Promise.all(sent);
  await stage.kill(first);
  const second = await stage.start([worker()]);
  await stage.pass(missedMs);
  assert.deepEqual(await notesOf(second, "ada"), texts);
});
