import assert from "node:assert/strict";
import fc from "fast-check";
import { event, protocol, TerminalError, unchecked } from "@posthorn/posthorn";
import { fail, notesOf, Stage, stage, Walker, walker, Worker, worker } from "../memory_stage.ts";
import { asIngress } from "../../as_ingress.ts";

const again = { id: "again" };

Deno.test("Deduplication lets a repeated tell in once", async () => {
  await using it = stage(worker());
  const ada = it.ref("ada");
  for (let count = 0; count < 3; count++) await ada.tell(Worker.note, "1", again);
  assert.deepEqual(await notesOf(ada), ["1"]);
});

Deno.test("Deduplication answers a repeated ask as the first was, also when that failed", async () => {
  await using it = stage(worker());
  let turns = 0;
  for (const [key, script] of [["ada", () => ++turns], ["bob", () => (turns++, fail())]] as const) {
    const asks = [1, 2].map(() => it.ref(key).ask(Worker.call, script, again));
    const [first, second] = await Promise.allSettled(asks);
    assert.deepEqual(second, first);
  }
  assert.equal(turns, 2);
});

Deno.test("Deduplication gives a repeated submit the ticket of the first", async () => {
  await using it = stage(worker());
  let turns = 0;
  const script = () => ++turns;
  const tickets = [
    await it.ref("ada").submit(Worker.job, script, again),
    await it.ref("ada").submit(Worker.job, script, again),
  ];
  assert.equal(tickets[1].id, tickets[0].id);
  assert.deepEqual(await Promise.all(tickets.map((ticket) => ticket.reply())), [1, 1]);
});

Deno.test("Deduplication publishes a repeated event once", async () => {
  await using it = stage(worker());
  const News = protocol("news", { said: event(unchecked<string>()) });
  it.system.subscribe(News.said, it.ref("ada").at(Worker.note));
  await it.system.publish(News.said, "1", again);
  await it.system.publish(News.said, "1", again);
  await it.clock.settle();
  assert.deepEqual(await notesOf(it.ref("ada")), ["1"]);
});

Deno.test("Deduplication refuses the same id with another payload", async () => {
  await using it = stage(worker());
  const ada = it.ref("ada");
  await ada.tell(Worker.note, "1", again);
  await assert.rejects(ada.tell(Worker.note, "2", again), {
    name: "IdConflictError",
    code: "id-reused",
    message: 'Cannot accept worker/ada note: the id "again" came before with another payload',
  });
  assert.deepEqual(await notesOf(ada), ["1"]);
});

Deno.test("Deduplication tells callers, receivers and operations apart", async () => {
  await using it = stage(worker(), walker());
  const ada = it.ref("ada");
  await ada.tell(Worker.note, "1", again);
  await ada.tell(Worker.note, "2", asIngress({ ...again, caller: "someone else" }));
  await it.ref("bob").tell(Worker.note, "3", again);
  await ada.tell(Worker.run, (ctx) => ctx.self.tell(Worker.note, "4", again), again);
  await it.walker("ada").tell(Walker.note, "5", again);
  await it.clock.settle();
  assert.deepEqual(await notesOf(ada), ["1", "2", "4"]);
  assert.equal(it.system.stats().done, 7);
});

Deno.test("Deduplication forgets an id after its window, counted from the first", async () => {
  await using it = new Stage({ actors: [worker()], deduplicationWindowMs: 1_000 });
  const ada = it.ref("ada");
  await ada.tell(Worker.note, "1", again);
  await it.clock.advance(999);
  await ada.tell(Worker.note, "1", again);
  await it.clock.advance(1);
  await ada.tell(Worker.note, "2", again);
  assert.deepEqual(await notesOf(ada), ["1", "2"]);
});

Deno.test("Deduplication forgets the oldest id past its bound", async () => {
  await using it = new Stage({ actors: [worker()], limits: { ids: 2 } });
  const ada = it.ref("ada");
  for (const id of ["a", "b", "c", "b", "a"]) await ada.tell(Worker.note, id, { id });
  assert.deepEqual(await notesOf(ada), ["a", "b", "c", "a"]);
});

Deno.test("Deduplication counts an id that came again after its window as the newest", async () => {
  await using it = new Stage({ actors: [worker()], limits: { ids: 2 }, deduplicationWindowMs: 1_000 });
  const ada = it.ref("ada");
  for (const id of ["a", "b"]) await ada.tell(Worker.note, id, { id });
  await it.clock.advance(1_000);
  for (const id of ["a", "c", "a"]) await ada.tell(Worker.note, id, { id });
  assert.deepEqual(await notesOf(ada), ["a", "b", "a", "c"]);
});

Deno.test("Deduplication does not remember what was refused", async () => {
  await using it = stage(worker({ mailbox: { capacity: 1 } }));
  const ada = it.ref("ada");
  void ada.tell(Worker.note, "full");
  await assert.rejects(ada.tell(Worker.note, "1", again), { code: "mailbox-full" });
  await ada.tell(Worker.note, "1", again);
  assert.deepEqual(await notesOf(ada), ["full", "1"]);
});

Deno.test("Deduplication takes no notice of an id that is known to be new", async () => {
  await using it = stage(worker());
  const ada = it.ref("ada");
  for (const text of ["1", "2"]) {
    await ada.tell(Worker.note, text, asIngress({ ...again, deduplicate: false }));
  }
  assert.deepEqual(await notesOf(ada), ["1", "2"]);
});

Deno.test("Deduplication lets what turns of one actor repeat in once, and tells their actors apart", async () => {
  await using it = stage(worker());
  for (const key of ["ada", "bob", "ada"]) {
    await it.ref(key).tell(Worker.run, (ctx) => ctx.ref(Worker, "cyd").tell(Worker.note, "1", again));
  }
  assert.deepEqual(await notesOf(it.ref("cyd")), ["1", "1"]);
});

Deno.test("Deduplication does not remember what a failed turn would have sent", async () => {
  await using it = stage(worker());
  for (const broken of [true, false]) {
    await it.ref("ada").tell(Worker.run, (ctx) => {
      ctx.ref(Worker, "bob").tell(Worker.note, "1", again);
      if (broken) throw new TerminalError("No.");
    });
  }
  await it.clock.settle();
  assert.deepEqual(await notesOf(it.ref("bob")), ["1"]);
});

const told = fc.record({ id: fc.constantFrom(..."abcdefg"), waitMs: fc.constantFrom(0, 0, 1, 3, 8) });

Deno.test("Deduplication knows an id within its window, and the latest ids within its bound", () =>
  fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.array(told, { maxLength: 40 }),
      async (ids, script) => {
        await using it = new Stage({ actors: [worker()], limits: { ids }, deduplicationWindowMs: 10 });
        const ada = it.ref("ada");
        const accepted: { readonly id: string; readonly atMs: number }[] = [];
        const expected: string[] = [];
        for (const { id, waitMs } of script) {
          await it.clock.advance(waitMs);
          const nowMs = it.clock.monotonicMs();
          const inWindow = accepted.filter(({ atMs }) => atMs + 10 > nowMs);
          if (!inWindow.slice(-ids).some((first) => first.id === id)) {
            accepted.push({ id, atMs: nowMs });
            expected.push(id);
          }
          await ada.tell(Worker.note, id, { id });
        }
        assert.deepEqual(await notesOf(ada), expected);
      },
    ),
    { numRuns: 200 },
  ));

Deno.test("Deduplication evicts the oldest id of the caller that has the most: a flood of one caller does not evict another's", async () => {
  await using it = new Stage({ actors: [worker()], limits: { ids: 10 } });
  const ada = it.ref("ada");
  await ada.tell(Worker.note, "alice", asIngress({ id: "1", caller: "alice" }));
  await ada.tell(Worker.run, (ctx) => ctx.ref(Worker, "bob").tell(Worker.note, "ada", again));
  for (let id = 0; id < 100; id++) {
    await it.ref("eve").tell(Worker.note, "", asIngress({ id: `${id}`, caller: "mallory" }));
  }
  await ada.tell(Worker.note, "alice", asIngress({ id: "1", caller: "alice" }));
  await ada.tell(Worker.run, (ctx) => ctx.ref(Worker, "bob").tell(Worker.note, "ada", again));
  await it.clock.settle();
  assert.deepEqual([await notesOf(ada), await notesOf(it.ref("bob"))], [["alice"], ["ada"]]);
});

const large = "x".repeat(1_000);
const expiredReply = { name: "NotFoundError", code: "expired-reply" };

Deno.test("Deduplication lets the oldest answers go when they are too large together; their ids are known all the same", async () => {
  await using it = new Stage({ actors: [worker()], limits: { answerBytes: 5_000 } });
  const ada = it.ref("ada");
  let turns = 0;
  const ask = (id: string, caller: string) =>
    ada.ask(Worker.call, () => `${++turns}${large}`, asIngress({ id, caller }));
  await ask("first", "alice");
  for (let id = 0; id < 20; id++) await ask(`${id}`, "mallory");
  assert.equal(await ask("first", "alice"), `1${large}`);
  assert.equal(await ask("19", "mallory"), `21${large}`);
  await assert.rejects(ask("0", "mallory"), expiredReply);
  assert.equal(turns, 21);
  await assert.rejects(ada.ask(Worker.call, () => "other", asIngress({ id: "0", caller: "mallory" })), {
    code: "id-reused",
  });
});

Deno.test("Deduplication keeps an answer no longer than replies are kept, and its id to the end of the window", async () => {
  await using it = new Stage({ actors: [worker()], replyRetentionMs: 1_000, deduplicationWindowMs: 5_000 });
  const ada = it.ref("ada");
  let turns = 0;
  const ask = () => ada.ask(Worker.call, () => ++turns, again);
  await ask();
  await it.clock.advance(999);
  assert.equal(await ask(), 1);
  await it.clock.advance(1);
  await assert.rejects(ask(), expiredReply);
  await ada.tell(Worker.note, "1", again); // whose reply takes no room
  await it.clock.advance(2_000);
  await ada.tell(Worker.note, "1", again);
  assert.deepEqual(await notesOf(ada), ["1"]);
  await it.clock.advance(2_000);
  assert.equal(await ask(), 2);
});

Deno.test("Deduplication gives an answer that is too large once, and does not keep it", async () => {
  await using it = new Stage({ actors: [worker()], limits: { answerBytes: 500 } });
  const ask = () => it.ref("ada").ask(Worker.call, () => large, again);
  const [first, second] = [ask(), ask()];
  // the caller that waited for the first gets it
  assert.deepEqual([await first, await second], [large, large]);
  await assert.rejects(ask(), expiredReply);
});
