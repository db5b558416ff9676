// Delayed tells and submits without a store: they wait in memory.

import assert from "node:assert/strict";
import {
  actor,
  ask,
  Failure,
  LimitExceededError,
  protocol,
  submit,
  System,
  type SystemOptions,
  tell,
  unchecked,
} from "@posthorn/posthorn";
import { VirtualClock } from "@posthorn/posthorn/testing";
import * as z from "zod";

const Box = protocol("box", {
  put: tell(z.string()),
  hold: tell(unchecked<Promise<void>>()),
  fill: tell(z.string()),
  begin: tell(unchecked<{ readonly text: string; readonly afterMs: number; readonly id?: string }>()),
  relay: tell(unchecked<{ readonly text: string; readonly afterMs: number }>()),
  double: submit(z.number(), z.number()),
  failed: tell(Failure),
  read: ask(z.array(z.string())),
});

interface State {
  readonly texts: readonly string[];
}

const boxOf = (capacity?: number) =>
  actor(Box, {
    state: (): State => ({ texts: [] }),
    on: {
      put: (ctx, text) => put(ctx, text),
      hold: (_ctx, until) => until,
      begin: (ctx, { text, afterMs, id }) =>
        ctx.ref(Box, "other").tell(Box.put, text, { afterMs, ...(id !== undefined && { id }) }),
      relay: (ctx, { text, afterMs }) =>
        void ctx.ref(Box, "other").submit(Box.double, Number(text), {
          afterMs,
          failTo: ctx.self.at(Box.failed),
        }),
      double: (ctx, number) => {
        put(ctx, `double ${number}`);
        return number * 2;
      },
      failed: (ctx, { code }) => put(ctx, code),
      read: (ctx) => [...ctx.state.texts],
      fill: (ctx, text) => ctx.ref(Box, "ada").tell(Box.put, text),
    },
    mailbox: { capacity },
  });
const box = boxOf();

function put(ctx: { state: State }, text: string): void {
  ctx.state = { texts: [...ctx.state.texts, text] };
}

function begin(options: Partial<SystemOptions> = {}) {
  const clock = new VirtualClock({ nowMs: Date.UTC(2030, 0, 1) });
  const system = new System({ actors: [box], clock, log: false, ...options });
  const read = (key = "ada") => system.ref(Box, key).ask(Box.read);
  return { clock, system, ada: system.ref(Box, "ada"), read };
}

Deno.test("a delayed tell takes its place when it is due, and not before", async () => {
  const { clock, system, ada, read } = begin();
  await using _ = system;
  await ada.tell(Box.put, "later", { afterMs: 1_000 });
  await ada.tell(Box.put, "at", { at: new Date(clock.now() + 500) });
  await ada.tell(Box.put, "now");
  assert.deepEqual([await read(), system.stats().delayed], [["now"], 2]);
  await clock.advance(499);
  assert.deepEqual(await read(), ["now"]);
  await clock.advance(1);
  assert.deepEqual(await read(), ["now", "at"]);
  await clock.advance(500);
  assert.deepEqual([await read(), system.stats().delayed], [["now", "at", "later"], 0]);
  const { accepted, done, dead, waiting, running } = system.stats();
  assert.equal(accepted, done + dead + waiting + running);
});

Deno.test("a time that has passed, and a delay of 0, are no delay", async () => {
  const { clock, system, ada, read } = begin();
  await using _ = system;
  await ada.tell(Box.put, "a", { at: new Date(clock.now() - 1) });
  await ada.tell(Box.put, "b", { afterMs: 0 });
  await ada.tell(Box.put, "c");
  assert.deepEqual(await read(), ["a", "b", "c"]);
});

Deno.test("a delay that is no time is refused, and so is one where there is none", async () => {
  const { system, ada } = begin();
  await using _ = system;
  for (const afterMs of [-1, NaN, Infinity, "5" as never]) {
    await assert.rejects(ada.tell(Box.put, "x", { afterMs }), {
      name: "RangeError",
      message: /afterMs: it must be a finite/,
    });
  }
  for (const at of [new Date(NaN), 5 as never]) {
    await assert.rejects(ada.tell(Box.put, "x", { at }), {
      name: "RangeError",
      message: /at: it must be a valid date/,
    });
  }
  const both = { afterMs: 5, at: new Date() } as never;
  await assert.rejects(ada.tell(Box.put, "x", both), { name: "RangeError", message: /afterMs and at/ });
  const delayed = { afterMs: 5 } as never;
  await assert.rejects(ada.ask(Box.read, delayed), {
    name: "TypeError",
    message: "Cannot delay box read: only a tell or a submit can be delayed",
  });
});

Deno.test("what could not be accepted now is refused now", async () => {
  const { system, ada } = begin();
  await using _ = system;
  await assert.rejects(ada.tell(Box.put, 5 as never, { afterMs: 1_000 }), { code: "invalid-payload" });
  assert.equal(system.stats().delayed, 0);
});

Deno.test("the reply of a delayed submit is kept as long after it is due as that of another one", async () => {
  const { clock, system, ada } = begin({ replyRetentionMs: 1_000 });
  await using _ = system;
  const ticket = await ada.submit(Box.double, 4, { afterMs: 5_000 });
  await clock.advance(4_900);
  await assert.rejects(ticket.reply({ timeoutMs: 0 }), { name: "ReplyPendingError" });
  await clock.advance(1_000);
  assert.equal(await ticket.reply(), 8);
  const missed = await ada.submit(Box.double, 5, { afterMs: 5_000 });
  await clock.advance(6_001);
  await assert.rejects(missed.reply({ timeoutMs: 0 }), { code: "expired-reply" });
});

Deno.test("the deadline of a delayed message counts from when it is due", async () => {
  const { clock, system, ada, read } = begin();
  await using _ = system;
  await ada.tell(Box.put, "in time", { afterMs: 5_000, timeoutMs: 100 });
  await clock.advance(5_000);
  assert.deepEqual(await read(), ["in time"]);
});

Deno.test("the id of a delayed message is known until the window after it was due", async () => {
  const { clock, system, ada, read } = begin({ deduplicationWindowMs: 1_000 });
  await using _ = system;
  const send = () => ada.tell(Box.put, "once", { afterMs: 5_000, id: "a" });
  await send();
  await clock.advance(3_000);
  await send();
  await clock.advance(2_500);
  await send();
  assert.deepEqual([await read(), system.stats().delayed], [["once"], 0]);
  await assert.rejects(ada.tell(Box.put, "another", { id: "a" }), { code: "id-reused" });
  await clock.advance(600);
  await send();
  assert.equal(system.stats().delayed, 1);
});

Deno.test("a delayed submit with an id gives a repeat the same ticket", async () => {
  const { clock, system, ada } = begin();
  await using _ = system;
  const send = () => ada.submit(Box.double, 4, { afterMs: 5_000, id: "a" });
  const [first, second] = [await send(), await send()];
  assert.equal(first.id, second.id);
  await clock.advance(5_000);
  assert.equal(await second.reply(), 8);
});

Deno.test("a turn sends delayed messages with its commit, once for each id", async () => {
  const { clock, system, ada, read } = begin();
  await using _ = system;
  for (let turn = 0; turn < 2; turn++) await ada.tell(Box.begin, { text: "x", afterMs: 1_000, id: "a" });
  await ada.tell(Box.begin, { text: "y", afterMs: -1 });
  await clock.settle();
  assert.deepEqual([system.stats().delayed, await read("other")], [1, []]);
  await clock.advance(1_000);
  assert.deepEqual(await read("other"), ["x"]);
});

Deno.test("a turn's delayed submit keeps its reply until it is due and longer", async () => {
  const { clock, system, ada, read } = begin({ replyRetentionMs: 1_000 });
  await using _ = system;
  await ada.tell(Box.relay, { text: "4", afterMs: 60_000 });
  await clock.advance(60_000);
  assert.deepEqual([await read("other"), system.deadLetters.size], [["double 4"], 0]);
});

Deno.test("delayed messages have a bound, of which a caller may have as many as are left for others", async () => {
  const { clock, system, ada, read } = begin({ limits: { delayed: 3, delayedBytes: 100 } });
  await using _ = system;
  const send = (caller?: string, bytes?: number) =>
    ada.tell(Box.put, "x", { afterMs: 1_000, caller, bytes } as { afterMs: number });
  const refused = (message: string) => ({ name: LimitExceededError.name, code: "too-many-delayed", message });
  await send("eve", 90);
  await assert.rejects(
    send("bob", 11),
    refused("Cannot delay box/ada put: the delayed messages that wait take 90 of 100 bytes"),
  );
  await send("eve");
  await assert.rejects(
    send("eve"),
    refused("Cannot delay box/ada put: 2 of 3 delayed messages of its caller wait, and 1 are left for all"),
  );
  await send();
  await assert.rejects(send(), refused("Cannot delay box/ada put: 3 of 3 delayed messages wait"));
  await clock.advance(1_000);
  await send("eve", 100);
  assert.deepEqual(await read(), ["x", "x", "x"]);
});

Deno.test("a turn's delayed message without room is a dead letter", async () => {
  const { clock, system, ada } = begin({ limits: { delayed: 1 } });
  await using _ = system;
  for (let n = 0; n < 11; n++) await ada.tell(Box.begin, { text: String(n), afterMs: 1_000 });
  await clock.settle();
  assert.deepEqual(system.deadLetters.list().map(({ key, reason }) => `${key} ${reason}`), [
    "other too-many-delayed",
  ]);
  assert.equal(system.stats().delayed, 10);
});

Deno.test("a stop makes dead letters of what was delayed, and the submitter hears of it", async () => {
  const { clock, system, ada } = begin({ drainMs: 0 });
  await ada.tell(Box.put, "never", { afterMs: 1_000 });
  const ticket = await ada.submit(Box.double, 4, { afterMs: 1_000 });
  const reply = ticket.reply({ timeoutMs: 60_000 });
  reply.catch(() => {});
  await clock.settle();
  const report = system.stop();
  await clock.settle();
  assert.equal((await report).left, 2);
  await assert.rejects(reply, { code: "stopping" });
  assert.deepEqual(system.deadLetters.list().map(({ reason }) => reason), ["stopping", "stopping"]);
});

Deno.test("a delayed message that finds its mailbox full waits for room, until its deadline", async () => {
  const { clock, system, ada, read } = begin({ actors: [boxOf(1)] });
  await using _ = system;
  const held = Promise.withResolvers<void>();
  await ada.tell(Box.hold, held.promise);
  await clock.settle();
  const writer = system.ref(Box, "writer");
  for (let n = 0; n < 10; n++) {
    await writer.tell(Box.fill, String(n));
    await clock.settle();
  }
  await ada.tell(Box.put, "in time", { afterMs: 1_000, timeoutMs: 60_000 });
  await ada.tell(Box.put, "too late", { afterMs: 1_000, timeoutMs: 2_000 });
  await clock.advance(10_000);
  assert.deepEqual([system.stats().delayed, system.deadLetters.list().map(({ reason }) => reason)], [
    1,
    ["mailbox-full"],
  ]);
  held.resolve();
  await clock.advance(1_000);
  assert.equal((await read()).at(-1), "in time");
});
