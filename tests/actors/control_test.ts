// What an operator does to a system without a store.

import assert from "node:assert/strict";
import {
  type Actor,
  actor,
  type MailboxOptions,
  protocol,
  submit,
  TerminalError,
  unchecked,
} from "@posthorn/posthorn";
import { memoryBroker, memoryTransport } from "@posthorn/posthorn/memory";
import { note, notesOf, Stage, stage, Walker, walker, Worker, worker } from "../runtime/memory_stage.ts";

Deno.test("messages to a paused protocol are accepted and wait, and are handled in order when it is resumed", async () => {
  await using it = stage(worker());
  await it.ref("ada").tell(Worker.note, "before");
  await it.clock.settle();
  await it.system.control.pause("worker");
  for (const word of ["one", "two", "three"]) await it.ref("ada").tell(Worker.note, word);
  await it.ref("new").tell(Worker.note, "first");
  await it.clock.advance(60_000);
  assert.deepEqual([it.system.stats().done, it.system.stats().waiting], [1, 4]);
  await it.system.control.resume("worker");
  await it.clock.settle();
  assert.deepEqual(await notesOf(it.ref("ada")), ["before", "one", "two", "three"]);
  assert.deepEqual(await notesOf(it.ref("new")), ["first"]);
});

Deno.test("what is ready when a protocol is paused waits, and others run", async () => {
  await using it = stage(worker({ mailbox: { capacity: 10_000 } }), walker());
  const count = 40_000; // more than the scheduler runs before the event loop has its turn
  it.ref("0").tell(Worker.run, () => void it.system.control.pause("worker"));
  for (let sent = 1; sent < count; sent++) it.ref(`${sent % 7}`).tell(Worker.note, "");
  it.walker("other").tell(Walker.note, "");
  await it.clock.settle();
  const { done, protocols } = it.system.stats();
  assert.ok(done < count, "some waited for the event loop when the pause began");
  assert.equal(protocols.walker.done, 1);
  await it.clock.advance(60_000);
  assert.deepEqual(it.system.stats().protocols.worker, {
    actors: 7,
    waiting: count + 1 - done,
    done: done - 1,
  });
  await it.system.control.resume("worker");
  await it.clock.settle();
  assert.equal(it.system.stats().done, count + 1);
});

Deno.test("a turn that is awaited ends as usual, and the next message of its actor waits", async () => {
  await using it = stage(worker());
  const held = Promise.withResolvers<void>();
  it.ref("ada").tell(Worker.run, async (ctx) => {
    await held.promise;
    note(ctx, "done");
  });
  it.ref("ada").tell(Worker.note, "behind");
  await it.clock.settle();
  await it.system.control.pause("worker");
  held.resolve();
  await it.clock.settle();
  assert.deepEqual([it.system.stats().done, it.system.stats().waiting], [1, 1]);
  await it.system.control.resume("worker");
  assert.deepEqual(await notesOf(it.ref("ada")), ["done", "behind"]);
});

Deno.test("a paused actor obeys signals at once", async () => {
  await using it = stage(worker());
  it.watch("erased", "passivated");
  await it.ref("ada").tell(Worker.note, "before");
  await it.clock.settle();
  await it.system.control.pause("worker");
  it.ref("ada").tell(Worker.note, "after");
  await it.system.control.passivate(it.ref("ada"));
  await it.system.control.erase(it.ref("ada"));
  assert.deepEqual(it.events, ["passivated ada", "erased ada"]);
  await it.system.control.resume("worker");
  assert.deepEqual(await notesOf(it.ref("ada")), ["after"]);
});

Deno.test("a signal that came while its turn was awaited is obeyed although the protocol is paused", async () => {
  await using it = stage(worker());
  it.watch("erased");
  const held = Promise.withResolvers<void>();
  it.ref("ada").tell(Worker.run, () => held.promise);
  await it.clock.settle();
  await it.system.control.erase(it.ref("ada"));
  await it.system.control.pause("worker");
  held.resolve();
  await it.clock.settle();
  assert.deepEqual(it.events, ["erased ada"]);
  assert.equal(it.system.stats().protocols.worker.actors, 0);
});

Deno.test("actors with a limit of turns are paused, and go on one after the other", async () => {
  await using it = stage(worker({ concurrency: 2 }));
  const opened: (() => void)[] = [];
  for (const key of ["a", "b", "c", "d", "e"]) {
    it.ref(key).tell(Worker.run, () => new Promise<void>((resolve) => opened.push(resolve)));
  }
  await it.clock.settle();
  assert.equal(opened.length, 2);
  await it.system.control.pause("worker");
  for (const open of opened.splice(0)) open();
  await it.clock.settle();
  assert.deepEqual([it.system.stats().done, opened.length], [2, 0]);
  await it.system.control.resume("worker");
  for (const [running, done] of [[2, 2], [1, 4], [0, 5]]) {
    await it.clock.settle();
    assert.deepEqual([opened.length, it.system.stats().done], [running, done]);
    for (const open of opened.splice(0)) open();
  }
});

Deno.test("a system that stops does not wait for what is paused", async () => {
  await using it = stage(worker());
  const held = Promise.withResolvers<void>();
  it.ref("bob").tell(Worker.run, () => held.promise);
  await it.clock.settle();
  await it.system.control.pause("worker");
  it.ref("ada").tell(Worker.note, "waits");
  it.ref("bob").tell(Worker.note, "waits too");
  const stopped = it.system.stop({ drainMs: 60_000 });
  held.resolve();
  await it.clock.settle();
  assert.deepEqual(await stopped, { drained: false, left: 2 });
  assert.deepEqual(it.dead, ["bob note: stopping", "ada note: stopping"]);
});

Deno.test("retries, delayed messages and schedules of a paused protocol wait until it is resumed", async () => {
  await using it = stage(worker());
  let attempts = 0;
  it.ref("ada").tell(Worker.run, (ctx) => {
    if (++attempts === 1) throw new Error("boom");
    note(ctx, "again");
  });
  await it.clock.settle();
  await it.ref("bob").tell(Worker.note, "late", { afterMs: 1_000 });
  await it.system.schedule("tick", { afterMs: 2_000 }, it.ref("bob").at(Worker.note), "tick");
  await it.system.control.pause("worker");
  await it.clock.advance(60_000);
  assert.deepEqual([attempts, it.system.stats().waiting], [1, 3]);
  await it.system.control.resume("worker");
  await it.clock.settle();
  assert.deepEqual(await notesOf(it.ref("ada")), ["again"]);
  assert.deepEqual(await notesOf(it.ref("bob")), ["late", "tick"]);
});

Deno.test("what cannot be paused is refused", async () => {
  await using it = stage(worker());
  await assert.rejects(it.system.control.pause("wroker"), { code: "unknown-protocol" });
  await assert.rejects(it.system.control.pause("~collector"), RangeError);
  await assert.rejects(it.system.control.erase({ protocol: "other", key: "x" }), {
    code: "unknown-protocol",
  });
  await assert.rejects(it.system.control.passivate({ protocol: "worker", key: "" }), { code: "invalid-key" });
});

Deno.test("what is no name of a reply, a caller or a protocol gets a code", async () => {
  await using it = stage(worker());
  const { control } = it.system;
  const ticket = await it.ref("ada").submit(Worker.job, () => "done");
  for (const odd of [undefined, null, 5, {}, Symbol("odd")] as unknown as string[]) {
    await assert.rejects(control.cancelRequest(odd), { code: "unknown-reply" });
    await assert.rejects(control.cancelSchedule({ protocol: odd, key: "ada" }, "tick"), RangeError);
    if (odd === undefined) continue; // no caller
    await assert.rejects(control.cancelRequest(ticket.id, { caller: odd }), { code: "unknown-reply" });
    const sent = it.ref("ada").tell(Worker.note, "x", { caller: odd } as object);
    await assert.rejects(async () => await sent, { code: "invalid-caller" });
  }
});

/** An actor whose messages fail until it is mended. */
function breakable(mended: () => boolean, mailbox?: MailboxOptions): Actor {
  return actor(Worker, {
    state: (): readonly string[] => [],
    retry: { attempts: 1 },
    ...mailbox && { mailbox },
    on: {
      note: (ctx, text) => {
        if (mended()) note(ctx, text);
        else if (text.startsWith("other")) throw new TerminalError("No", { code: "other-reason" });
        else throw new Error("boom");
      },
      run: (ctx, script) => script(ctx) as void,
      call: (ctx, script) => script(ctx),
      job: (ctx, script) => script(ctx) as string,
    },
  });
}

Deno.test("dead letters that match are resent in order, and those that cannot be do not stop the others", async () => {
  let isMended = false;
  await using it = stage(breakable(() => isMended));
  for (const word of ["1", "other-2", "3", "4"]) await it.ref("ada").tell(Worker.note, word, { id: word });
  await it.clock.settle();
  isMended = true;
  const all = it.system.control.resendAll({ reason: "failed" });
  assert.deepEqual(await all, { done: 3, failed: 0, more: false });
  assert.deepEqual(await notesOf(it.ref("ada")), ["1", "3", "4"]);
  assert.deepEqual(it.dead, ["ada note: other-reason"]);
  const asMap: object = new Map([["protocol", "shop"]]);
  await assert.rejects(it.system.control.discardAll(asMap), /Cannot use the filter of discardAll/);
  assert.deepEqual(await it.system.control.resendAll({}), { done: 1, failed: 0, more: false });
});

Deno.test("messages that fail again are not resent twice", async () => {
  await using it = stage(breakable(() => false));
  for (const word of ["1", "2", "3"]) await it.ref("ada").tell(Worker.note, word);
  await it.clock.settle();
  assert.deepEqual(await it.system.control.resendAll({ protocol: "worker" }), {
    done: 3,
    failed: 0,
    more: false,
  });
  await it.clock.settle();
  assert.equal(it.dead.length, 3);
});

Deno.test("a full mailbox keeps the dead letters for which it has no room", async () => {
  await using it = stage(breakable(() => false, { capacity: 2 }));
  for (const word of ["1", "2", "3"]) {
    await it.ref("ada").tell(Worker.note, word);
    await it.clock.settle();
  }
  await it.system.control.pause("worker");
  assert.deepEqual(await it.system.control.resendAll({}), { done: 2, failed: 1, more: false });
  assert.equal(it.dead.length, 1);
});

Deno.test("dead letters for which there is no room do not keep those behind them from being resent", async () => {
  await using it = new Stage({
    actors: [breakable(() => false, { capacity: 2 })],
    limits: { deadLetters: 20_000 },
  });
  for (let sent = 0; sent < 10_002; sent++) {
    it.ref("ada").tell(Worker.note, "full");
    if (sent % 2 === 1) await it.clock.settle();
  }
  await it.ref("bob").tell(Worker.note, "behind");
  await it.clock.settle();
  await it.system.control.pause("worker");
  assert.deepEqual(await it.system.control.resendAll({}), { done: 3, failed: 10_000, more: false });
});

Deno.test("dead letters are discarded, one or all that match", async () => {
  await using it = stage(breakable(() => false));
  for (const word of ["1", "other-2", "3"]) await it.ref("ada").tell(Worker.note, word, { id: word });
  await it.clock.settle();
  const { control } = it.system;
  assert.equal(await control.discard("3"), true);
  assert.equal(await control.discard("3"), false);
  assert.deepEqual(await control.discardAll({ operation: "run" }), { done: 0, failed: 0, more: false });
  assert.deepEqual(await control.discardAll({ reason: "other-reason" }), { done: 1, failed: 0, more: false });
  assert.deepEqual(it.system.deadLetters.list().map(({ id }) => id), ["1"]);
  await assert.rejects(control.resend("3"), { code: "unknown-dead-letter" });
});

Deno.test("of dead letters with the same id, the one that is meant is discarded or resent", async () => {
  let isMended = false;
  await using it = stage(breakable(() => isMended));
  for (const key of ["ada", "bob", "cem"]) await it.ref(key).tell(Worker.note, key, { id: "same" });
  await it.clock.advance(5);
  const { control, deadLetters } = it.system;
  const keys = () => deadLetters.list().map(({ key }) => key);
  const [, bob, cem] = deadLetters.list();
  assert.equal(await control.discard("same", bob), true);
  assert.deepEqual(keys(), ["ada", "cem"]);
  assert.equal(await control.discard("same", bob), false, "and none of the others");
  assert.equal(await control.discard("same", { ...cem, atMs: cem.atMs + 1 }), false);
  isMended = true;
  await control.resend("same", cem);
  await it.clock.settle();
  assert.deepEqual(await notesOf(it.ref("cem")), ["cem"]);
  await assert.rejects(control.resend("same", cem), { code: "unknown-dead-letter" });
  assert.deepEqual(keys(), ["ada"]);
  assert.equal(await control.discard("same"), true, "without that it is the oldest");
});

Deno.test("a filter that is not understood changes nothing", async () => {
  await using it = stage(breakable(() => false));
  await it.ref("ada").tell(Worker.note, "1");
  await it.clock.settle();
  const { control } = it.system;
  const wrong: readonly unknown[] = [
    { protocl: "worker" },
    { protocol: undefined },
    undefined,
    "worker",
    null,
  ];
  for (const filter of wrong) {
    await assert.rejects(
      async () => await control.discardAll(filter as { protocol: string }),
      (error) => error instanceof TypeError || error instanceof RangeError,
    );
  }
  assert.equal(it.dead.length, 1);
});

Deno.test("a request is cancelled by the name of its reply, also one whose reply comes later", async () => {
  const Job = protocol("job", { wait: submit(unchecked<string>()), later: submit(unchecked<string>()) });
  const job = actor(Job, {
    state: () => 0,
    on: {
      wait: (ctx) =>
        new Promise<string>((_, reject) =>
          ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason))
        ),
      later: (ctx) => ctx.later(),
    },
  });
  await using it = stage(job);
  const one = it.system.ref(Job, "one");
  const { id } = await one.submit(Job.wait);
  assert.equal(await it.system.control.cancelRequest(id), "cancelled");
  const later = await it.system.ref(Job, "two").submit(Job.later);
  await it.clock.settle();
  assert.equal(await it.system.control.cancelRequest(later.id), "withdrawn");
  assert.equal(await it.system.control.cancelRequest(later.id), "withdrawn");
  await assert.rejects(it.system.control.cancelRequest("nothing"), { code: "unknown-reply" });
});

Deno.test("a schedule is cancelled", async () => {
  await using it = stage(worker());
  await it.system.schedule("tick", { everyMs: 1_000 }, it.ref("ada").at(Worker.note), "tick");
  assert.equal(await it.system.control.cancelSchedule(it.ref("ada"), "tick"), true);
  assert.equal(await it.system.control.cancelSchedule(it.ref("ada"), "tick"), false);
});

Deno.test("an ask of a paused protocol waits until its deadline", async () => {
  await using it = stage(worker());
  await it.system.control.pause("worker");
  const late = assert.rejects(it.ref("ada").ask(Worker.call, () => 1, { timeoutMs: 1_000 }), {
    code: "deadline",
  });
  const waits = it.ref("ada").ask(Worker.call, () => 2, { timeoutMs: 60_000 });
  await it.clock.advance(10_000);
  await late;
  await it.system.control.resume("worker");
  await it.clock.settle();
  assert.equal(await waits, 2);
});

Deno.test("what another service hosts is paused there", async () => {
  const transport = memoryTransport({ broker: memoryBroker() });
  await using it = new Stage({ actors: [], name: "shop", transport, remote: [Worker] });
  await assert.rejects(it.system.control.pause("worker"), {
    code: "unknown-protocol",
    message: /another service/,
  });
});
