import assert from "node:assert/strict";
import {
  actor,
  ask,
  IdConflictError,
  InvalidPayloadError,
  LimitExceededError,
  MailboxFullError,
  NotFoundError,
  PosthornError,
  protocol,
  StoppedError,
  System,
  tell,
  unchecked,
} from "@posthorn/posthorn";
import fc from "fast-check";
import * as z from "zod";
import { gate, untyped, World } from "./memory_world.ts";
import { asIngress } from "../as_ingress.ts";

const Log = protocol("log", {
  write: tell(z.string()),
  length: tell(z.string().transform((text) => text.length)),
  wait: tell(unchecked<Promise<void>>()),
  fail: tell(z.string()),
  forward: tell(z.object({ to: z.string(), lines: z.array(z.string()), fail: z.boolean() })),
});
const Nobody = protocol("nobody", { hear: tell() });

function logActor(heard: string[], options: { capacity?: number } = {}) {
  return actor(Log, {
    state: () => null,
    on: {
      write: (ctx, line) => {
        heard.push(`${ctx.key}: ${line}`);
      },
      length: (_ctx, length) => {
        heard.push(`${typeof length} ${length}`);
      },
      wait: (_ctx, until) => until,
      fail: () => {
        throw new Error("broken");
      },
      forward: (ctx, { to, lines, fail }) => {
        for (const line of lines) ctx.ref(Log, to).tell(Log.write, line);
        if (fail) throw new Error("broken");
      },
    },
    retry: { attempts: 1 },
    onFailure: "resume",
    mailbox: { capacity: options.capacity ?? 1_000 },
  });
}

Deno.test("a tell resolves when it is accepted, and is handled after that", async () => {
  const heard: string[] = [];
  await using world = new World([logActor(heard)]);
  const sent = world.system.ref(Log, "a").tell(Log.write, "one");
  assert.deepEqual([heard.length, world.system.stats().accepted], [0, 1]);
  assert.equal(await sent, undefined);
  await world.clock.settle();
  assert.deepEqual(heard, ["a: one"]);
});

Deno.test("tells of one process to one actor are handled in the order of sending", async () => {
  await fc.assert(fc.asyncProperty(
    fc.array(fc.record({ key: fc.constantFrom("a", "b", "c"), line: fc.string() }), { maxLength: 60 }),
    fc.array(fc.nat(60), { maxLength: 4 }),
    async (sends, pauses) => {
      const heard: string[] = [];
      await using world = new World([logActor(heard)], { scheduler: { throughput: 3 } });
      for (const [index, { key, line }] of sends.entries()) {
        void world.system.ref(Log, key).tell(Log.write, line);
        if (pauses.includes(index)) await world.clock.settle();
      }
      await world.clock.settle();
      for (const key of ["a", "b", "c"]) {
        const sent = sends.filter((send) => send.key === key).map(({ line }) => `${key}: ${line}`);
        assert.deepEqual(heard.filter((line) => line.startsWith(`${key}: `)), sent);
      }
    },
  ));
});

Deno.test("a payload that does not fit rejects, and nothing is accepted", async () => {
  await using world = new World([logActor([])]);
  const ref = world.system.ref(Log, "a");
  await assert.rejects(ref.tell(Log.write, untyped(5)), (error: unknown) => {
    assert.ok(error instanceof InvalidPayloadError);
    assert.match(error.message, /^Cannot accept log\/a write: /);
    return true;
  });
  assert.deepEqual([world.system.stats().accepted, world.population], [0, {}]);
});

Deno.test("a handler gets what the schema makes of the payload, a dead letter keeps what was sent", async () => {
  const heard: string[] = [];
  await using world = new World([logActor(heard, { capacity: 1 })]);
  await world.system.ref(Log, "a").tell(Log.length, "four");
  await world.system.ref(Log, "b").tell(Log.fail, "four");
  await world.clock.settle();
  assert.deepEqual(heard, ["number 4"]);
  assert.deepEqual(world.system.deadLetters.list().map(({ payload }) => payload), ["four"]);
});

Deno.test("a tell to a full mailbox rejects, and says how full it is", async () => {
  const heard: string[] = [];
  await using world = new World([logActor(heard, { capacity: 2 })]);
  const ref = world.system.ref(Log, "a");
  const { promise, resolve } = gate();
  await ref.tell(Log.wait, promise);
  await world.clock.settle();
  await ref.tell(Log.write, "one");
  await ref.tell(Log.write, "two");
  await assert.rejects(ref.tell(Log.write, "three"), (error: unknown) => {
    assert.ok(error instanceof MailboxFullError);
    assert.equal(error.message, "Cannot deliver to log/a: its mailbox holds 2 of 2 messages");
    assert.deepEqual([error.code, error.capacity], ["mailbox-full", 2]);
    return true;
  });
  resolve();
  await world.clock.settle();
  assert.deepEqual(heard, ["a: one", "a: two"]);
  await ref.tell(Log.write, "four");
});

Deno.test("a tell to an unknown protocol rejects", async () => {
  await using world = new World([logActor([])], { limits: { actors: 2 } });
  await assert.rejects(
    world.system.ref(Nobody, "a").tell(Nobody.hear),
    (error: unknown) => error instanceof NotFoundError && error.code === "unknown-protocol",
  );
  const [one, two, three, four, five] = [tell(), tell(), tell(), tell(), tell()];
  const Newer = protocol("log", { one, two, three, four, five, erase: tell() });
  await assert.rejects(
    world.system.ref(Newer, "a").tell(Newer.erase),
    (error: unknown) => error instanceof NotFoundError && error.code === "unknown-operation",
  );
  for (const key of ["a", "b"]) await world.system.ref(Log, key).tell(Log.wait, gate().promise);
  await assert.rejects(
    world.system.ref(Log, "c").tell(Log.write, "one"),
    (error: unknown) => error instanceof LimitExceededError && error.code === "too-many-actors",
  );
  assert.equal(world.system.stats().accepted, 2);
});

Deno.test("a tell to a system that has stopped rejects", async () => {
  const world = new World([logActor([])]);
  await world.stop();
  await assert.rejects(
    world.system.ref(Log, "a").tell(Log.write, "one"),
    (error: unknown) => error instanceof StoppedError && error.code === "stopping",
  );
});

Deno.test("options that are out of their bounds reject", async () => {
  await using world = new World([logActor([])]);
  const ref = world.system.ref(Log, "a");
  for (const id of ["", "a b", "ä", "x".repeat(256), "line\n"]) {
    await assert.rejects(
      ref.tell(Log.write, "one", { id }),
      (error: unknown) => error instanceof PosthornError && error.code === "invalid-id",
      JSON.stringify(id),
    );
  }
  for (const timeoutMs of [0, -1, NaN]) {
    const words = { name: "RangeError", message: new RegExp(`^Cannot use timeoutMs: .* ${timeoutMs}$`) };
    await assert.rejects(ref.tell(Log.write, "one", { timeoutMs }), words);
  }
  assert.equal(world.system.stats().accepted, 0);
  await ref.tell(Log.write, "one", { id: "x".repeat(255) });
});

Deno.test("the same id again is accepted as the first was, and handled once", async () => {
  const heard: string[] = [];
  await using world = new World([logActor(heard)], { deduplicationWindowMs: 1_000 });
  const ref = world.system.ref(Log, "a");
  await ref.tell(Log.write, "one", { id: "7" });
  await ref.tell(Log.write, "one", { id: "7" });
  await world.clock.settle();
  assert.deepEqual(heard, ["a: one"]);
  await assert.rejects(
    ref.tell(Log.write, "two", { id: "7" }),
    (error: unknown) => error instanceof IdConflictError && error.code === "id-reused",
  );
  await ref.tell(Log.write, "caller", asIngress({ id: "7", caller: "bob" }));
  await world.system.ref(Log, "b").tell(Log.write, "receiver", { id: "7" });
  await ref.tell(Log.write, "new", asIngress({ id: "7", deduplicate: false }));
  await world.clock.advance(1_000);
  await ref.tell(Log.write, "window", { id: "7" });
  await world.clock.settle();
  assert.deepEqual(heard, ["a: one", "a: caller", "b: receiver", "a: new", "a: window"]);
});

Deno.test("an id whose message was refused may come again", async () => {
  const heard: string[] = [];
  await using world = new World([logActor(heard)]);
  const ref = world.system.ref(Log, "a");
  await assert.rejects(ref.tell(Log.write, untyped(5), { id: "7" }));
  await ref.tell(Log.write, "one", { id: "7" });
  await world.clock.settle();
  assert.deepEqual(heard, ["a: one"]);
});

Deno.test("a tell that is not started before its deadline is a dead letter", async () => {
  const heard: string[] = [];
  await using world = new World([logActor(heard)]);
  const ref = world.system.ref(Log, "a");
  const { promise, resolve } = gate();
  await ref.tell(Log.wait, promise);
  await ref.tell(Log.write, "late", { timeoutMs: 100 });
  await ref.tell(Log.write, "patient", { timeoutMs: 101 });
  await world.clock.advance(100);
  resolve();
  await world.clock.settle();
  assert.deepEqual([heard, world.letters], [["a: patient"], ["log write: deadline"]]);
});

Deno.test("headers travel with a tell, and with what its turn sends", async () => {
  await using world = new World([logActor([])]);
  const headers: unknown[] = [];
  using _ = world.system.inspect((event) => {
    if (event.type === "done") headers.push(event.message.headers);
  });
  const trace = { traceparent: "00-1-2-01" };
  const payload = { to: "b", lines: ["one"], fail: false };
  await world.system.ref(Log, "a").tell(Log.forward, payload, { headers: trace });
  await world.clock.settle();
  assert.deepEqual(headers, [trace, trace]);
});

Deno.test("tells of a turn are sent with its commit, in order, and not if it fails", async () => {
  const heard: string[] = [];
  await using world = new World([logActor(heard)]);
  const lines = ["one", "two", "three"];
  await world.system.ref(Log, "a").tell(Log.forward, { to: "b", lines, fail: true });
  await world.clock.settle();
  assert.deepEqual([heard, world.letters], [[], ["log forward: failed"]]);
  await world.system.ref(Log, "a").tell(Log.forward, { to: "b", lines, fail: false });
  await world.clock.settle();
  assert.deepEqual(heard, ["b: one", "b: two", "b: three"]);
});

Deno.test("an undeliverable message of a turn becomes a dead letter, and the turn commits", async () => {
  const Sender = protocol("sender", { send: tell() });
  const sender = actor(Sender, {
    state: () => 0,
    on: {
      send: (ctx) => {
        ctx.ref(Log, "a").tell(Log.write, untyped(5));
        ctx.ref(Nobody, "a").tell(Nobody.hear);
      },
    },
  });
  await using world = new World([sender, logActor([])]);
  await world.system.ref(Sender, "a").tell(Sender.send);
  await world.clock.settle();
  assert.deepEqual(world.letters, ["log write: invalid-payload", "nobody hear: unknown-protocol"]);
  assert.equal(world.system.stats().protocols.sender.done, 1);
});

Deno.test("a loop of awaited sends never fills a mailbox, however long it is", async () => {
  const Counter = protocol("counter", { add: tell(unchecked<number>()), read: ask(unchecked<number>()) });
  const counter = actor(Counter, {
    state: () => 0,
    on: {
      add(ctx, n) {
        ctx.state += n;
      },
      read: (ctx) => ctx.state,
    },
    mailbox: { capacity: 10 },
  });
  await using system = new System({ actors: [counter], scheduler: { sliceMs: 0.01, mailboxMs: 0.01 } });
  const ref = system.ref(Counter, "main");
  for (let n = 0; n < 5_000; n++) await ref.tell(Counter.add, 1);
  assert.equal(await ref.ask(Counter.read), 5_000);
});
