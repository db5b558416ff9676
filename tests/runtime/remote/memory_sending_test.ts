// What goes to other services from memory: asks, and everything if there is no store.

import assert from "node:assert/strict";
import {
  actor,
  ask,
  event,
  type PosthornError,
  protocol,
  submit,
  survey,
  System,
  type SystemOptions,
  tell,
} from "@posthorn/posthorn";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import type { Delivery, Parcel, Refusal } from "@posthorn/posthorn/transport";
import * as z from "zod";
import { FakeTransport } from "./fake_transport.ts";

const Ledger = protocol("ledger", {
  note: tell(z.string()),
  read: ask(z.string(), z.number()),
  book: submit(z.number(), z.string()),
});
const Shop = protocol("shop", {
  send: tell(z.string()),
  look: ask(z.string(), z.number()),
  opened: event(z.string()),
  quote: survey(z.number(), z.number()),
});

const shop = actor(Shop, {
  state: () => 0,
  transient: true,
  on: {
    send: (ctx, line) => ctx.ref(Ledger, "main").tell(Ledger.note, line),
    look: async (ctx, line) => await ctx.ref(Ledger, "main").ask(Ledger.read, line),
    quote: () => undefined,
  },
  retry: { attempts: 1 },
});

class World implements AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly transport: FakeTransport;
  readonly system: System;

  constructor(
    transport = new FakeTransport([Shop.opened, Shop.quote]),
    options: Partial<SystemOptions> = {},
  ) {
    this.transport = transport;
    this.system = new System({
      name: "shop",
      actors: [shop],
      transport,
      remote: [Ledger],
      clock: this.clock,
      random: seededRandom(3),
      drainMs: 0,
      log: false,
      ...options,
    });
  }

  async ready(): Promise<this> {
    await this.system.ready();
    return this;
  }

  /** Replies to a parcel, as another service does. */
  async reply(parcel: Parcel, payload: unknown, more: Partial<Delivery> = {}): Promise<void> {
    const delivery: Delivery = {
      key: "",
      body: new TextEncoder().encode(JSON.stringify(payload)),
      contentType: "application/json",
      headers: {},
      correlationId: parcel.correlationId,
      again: false,
      ...more,
    };
    const tenure = { shard: "0", signal: new AbortController().signal };
    await this.transport.receivers.get("process")!.take([delivery], tenure);
    await this.clock.settle();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.system.stop({ drainMs: 0 });
  }
}

Deno.test("an ask is sent once, with its deadline and the name of its reply, and gets what comes", async () => {
  await using world = await new World().ready();
  const asked = world.system.ref(Ledger, "main").ask(Ledger.read, "cents", { timeoutMs: 700 });
  await world.clock.settle();
  const [parcel] = world.transport.taken;
  const deadlineMs = world.clock.now() + 700;
  assert.deepEqual(parcel.replyTo, { kind: "process" });
  assert.equal(parcel.headers["posthorn-deadline"], String(deadlineMs));
  assert.equal(parcel.expiresAtMs, deadlineMs);
  await world.reply(parcel, 5);
  assert.equal(await asked, 5);
  await world.reply(parcel, 6); // nobody waits any more
});

Deno.test("an ask rejects with the failure that comes, and if its reply does not fit", async () => {
  await using world = await new World().ready();
  const main = world.system.ref(Ledger, "main");
  const failed = main.ask(Ledger.read, "a");
  const odd = main.ask(Ledger.read, "b");
  const results = Promise.allSettled([failed, odd]);
  await world.clock.settle();
  const problem = { code: "broke", detail: "it broke", id: "7" };
  await world.reply(world.transport.taken[0], problem, { contentType: "application/problem+json" });
  await world.reply(world.transport.taken[1], "no number");
  const [one, two] = await results;
  assert.equal(one.status === "rejected" && one.reason.code, "broke");
  assert.equal(two.status === "rejected" && two.reason.code, "invalid-payload");
});

/** A transport that sends without waiting, as long as `ready`, and lets a test tell what failed. */
function immediate() {
  const transport = new FakeTransport([Shop.look]);
  const sent: { parcel: Parcel; failed: (refusal?: Refusal) => void }[] = [];
  const gate = { ready: true };
  transport.sendNow = (parcel, failed) => {
    if (gate.ready) sent.push({ parcel, failed });
    return gate.ready;
  };
  return { transport, sent, gate };
}

Deno.test("an ask goes without waiting if the connection can do that, and rejects if the broker will not have it", async () => {
  const { transport, sent, gate } = immediate();
  await using world = await new World(transport).ready();
  const main = world.system.ref(Ledger, "main");
  const refused = assert.rejects(main.ask(Ledger.read, "a"), { code: "no-receiver" });
  const unknown = main.ask(Ledger.read, "b"); // nobody knows whether the broker has it, and it is not sent again
  assert.equal(sent.length, 2);
  sent[0].failed({ code: "no-receiver", message: "nobody reads it" });
  sent[1].failed();
  await refused;
  await world.clock.settle();
  assert.deepEqual(transport.batches, []);
  await world.reply(sent[1].parcel, 5);
  assert.equal(await unknown, 5);
  gate.ready = false;
  const late = main.ask(Ledger.read, "c");
  await world.clock.settle();
  await world.reply(transport.taken[0], 6);
  assert.equal(await late, 6);
});

Deno.test("an ask does not go past those to the same destination that wait", async () => {
  const { transport, sent, gate } = immediate();
  await using world = await new World(transport).ready();
  const main = world.system.ref(Ledger, "main");
  const release = Promise.withResolvers<void>();
  transport.answer = async (batch) => {
    await release.promise;
    transport.take(batch);
    return batch.map(() => undefined);
  };
  gate.ready = false;
  const first = main.ask(Ledger.read, "a");
  await world.clock.settle();
  gate.ready = true;
  const second = main.ask(Ledger.read, "b");
  assert.equal(sent.length, 0);
  release.resolve();
  await world.clock.settle();
  assert.deepEqual(transport.bodies, ['"a"', '"b"']);
  for (const parcel of transport.taken) await world.reply(parcel, 1);
  assert.deepEqual(await Promise.all([first, second]), [1, 1]);
});

Deno.test("a reply goes without waiting, and again in the usual way if nobody knows whether the broker has it", async () => {
  const { transport, sent } = immediate();
  await using world = await new World(transport).ready();
  const ask = {
    id: "t",
    key: "main",
    operation: "look",
    body: new TextEncoder().encode('"a"'),
    headers: {},
    replyTo: "q",
    again: false,
  };
  const tenure = { shard: "0", signal: new AbortController().signal };
  await transport.receivers.get("inbox shop")!.take([ask], tenure);
  await world.clock.settle();
  await world.reply(sent[0].parcel, 5); // the shop has asked the ledger
  await world.clock.settle();
  const reply = sent[1];
  assert.deepEqual(reply.parcel.to, { kind: "reply", address: "q" });
  assert.deepEqual(transport.batches, []);
  reply.failed();
  await world.clock.settle();
  assert.deepEqual(transport.taken, [reply.parcel]);
});

Deno.test("a reply of which nobody knows when the system has stopped is reported as such, and is not sent again", async () => {
  const { transport, sent } = immediate();
  const world = await new World(transport).ready();
  const reported: unknown[] = [];
  world.system.inspect((event) => {
    if (event.type === "transport-failed") reported.push((event.error as PosthornError).code);
  });
  const ask = {
    id: "t",
    key: "main",
    operation: "look",
    body: new TextEncoder().encode("7"), // it is refused
    headers: {},
    replyTo: "q",
    again: false,
  };
  const tenure = { shard: "0", signal: new AbortController().signal };
  await transport.receivers.get("inbox shop")!.take([ask], tenure);
  const unanswered = assert.rejects(world.system.ref(Ledger, "main").ask(Ledger.read, "a"), {
    code: "stopping",
  });
  const stopping = world.system.stop({ drainMs: 0 });
  await world.clock.settle();
  for (const { failed } of sent) failed();
  await stopping;
  await unanswered;
  assert.deepEqual([sent.length, reported], [2, ["outcome-unknown"]]);
  assert.deepEqual(transport.batches, []);
});

Deno.test("the time of an ask begins when it is sent, and its timer ends with it", async () => {
  const { transport, sent } = immediate();
  await using world = await new World(transport).ready();
  const { clock, system } = world;
  const idle = clock.waiting;
  const main = system.ref(Ledger, "main");
  await clock.advance(7);
  const late: string[] = [];
  const expired = (timeoutMs: number) =>
    main.ask(Ledger.read, "a", { timeoutMs }).catch(({ code }) => void late.push(`${timeoutMs} ${code}`));
  const waiting = [expired(100), expired(50)];
  await clock.advance(49);
  assert.deepEqual(late, []);
  await clock.advance(1);
  assert.deepEqual(late, ["50 deadline"]);
  const abort = new AbortController();
  const aborted = assert.rejects(main.ask(Ledger.read, "b", { timeoutMs: 10, signal: abort.signal }));
  abort.abort();
  await aborted;
  const answered = main.ask(Ledger.read, "c", { timeoutMs: 10 });
  await world.reply(sent[3].parcel, 5);
  assert.equal(await answered, 5);
  await clock.advance(50);
  await Promise.all(waiting);
  assert.deepEqual(late, ["50 deadline", "100 deadline"]);
  assert.equal(clock.waiting, idle);
  for (const { failed } of sent) failed({ code: "no-receiver", message: "too late" });
  await clock.settle();
});

Deno.test("what only hinders another service for a while is no failure after which nobody tries again", async () => {
  await using world = await new World().ready();
  const main = world.system.ref(Ledger, "main");
  const codes = ["outcome-unknown", "store-unavailable", "newer-state", "mailbox-full", "broke"];
  const asked = Promise.allSettled(codes.map((code) => main.ask(Ledger.read, code)));
  await world.clock.settle();
  for (const [index, code] of codes.entries()) {
    const problem = { code, detail: "it is so", id: "7" };
    await world.reply(world.transport.taken[index], problem, { contentType: "application/problem+json" });
  }
  const errors = (await asked).map((result) => result.status === "rejected" ? result.reason : undefined);
  assert.deepEqual(errors.map(({ code }) => code), codes);
  assert.deepEqual(errors.map(({ name }) => name), [
    "OutcomeUnknownError",
    "DeadLetterError",
    "DeadLetterError",
    "DeadLetterError",
    "TerminalError",
  ]);
});

Deno.test("an ask that nobody receives rejects at once", async () => {
  await using world = await new World().ready();
  world.transport.answer = (batch) =>
    batch.map(() => ({ code: "no-receiver", message: "nobody has that inbox" }));
  await assert.rejects(world.system.ref(Ledger, "main").ask(Ledger.read, "a"), {
    name: "NotFoundError",
    code: "no-receiver",
    message: "Cannot send to ledger/main read: nobody has that inbox",
  });
});

Deno.test("an ask of which nobody knows whether the broker has it is not sent again, and may still be answered", async () => {
  await using world = await new World().ready();
  world.transport.answer = (batch) => {
    world.transport.take(batch);
    throw new Error("cut");
  };
  const asked = world.system.ref(Ledger, "main").ask(Ledger.read, "a");
  await world.clock.settle();
  world.transport.answer = undefined;
  await world.clock.advance(1_000);
  assert.equal(world.transport.batches.length, 1);
  await world.reply(world.transport.taken[0], 5);
  assert.equal(await asked, 5);
});

Deno.test("an ask waits for the broker until its deadline, and is not sent after it", async () => {
  await using world = await new World().ready();
  world.transport.state = { status: "connecting" };
  const asked = world.system.ref(Ledger, "main").ask(Ledger.read, "a", { timeoutMs: 500 });
  const rejected = assert.rejects(asked, { code: "deadline" });
  await world.clock.advance(1_000);
  await rejected;
  world.transport.state = { status: "connected" };
  await world.clock.settle();
  assert.deepEqual(world.transport.batches, []);
});

Deno.test("a turn of a transient actor asks another service", async () => {
  await using world = await new World().ready();
  const looked = world.system.ref(Shop, "a").ask(Shop.look, "cents");
  await world.clock.settle();
  await world.reply(world.transport.taken[0], 9);
  assert.equal(await looked, 9);
});

Deno.test("without a store a tell is accepted when the broker has it, and is sent again until it is known", async () => {
  await using world = await new World().ready();
  let accepted = false;
  world.transport.answer = () => Promise.reject(new Error("cut"));
  const told = world.system.ref(Ledger, "main").tell(Ledger.note, "one").then(() => accepted = true);
  await world.clock.advance(300);
  assert.equal(accepted, false);
  world.transport.answer = undefined;
  await world.clock.advance(1_000);
  await told;
  assert.ok(world.transport.batches.length > 1);
  assert.equal(new Set(world.transport.batches.flat().map(({ id }) => id)).size, 1);
});

Deno.test("without a store a send that is refused may be repeated with its id, and one that was accepted is not", async () => {
  await using world = await new World().ready();
  const main = world.system.ref(Ledger, "main");
  world.transport.answer = (batch) => batch.map(() => ({ code: "no-receiver", message: "nobody" }));
  await assert.rejects(main.tell(Ledger.note, "one", { id: "7" }), { code: "no-receiver" });
  world.transport.answer = undefined;
  await main.tell(Ledger.note, "one", { id: "7" });
  await main.tell(Ledger.note, "one", { id: "7" });
  assert.deepEqual(world.transport.ids, ["7"]);
});

Deno.test("without a store a message of a turn that is refused is a dead letter", async () => {
  await using world = await new World().ready();
  world.transport.answer = (batch) => batch.map(() => ({ code: "refused", message: "it may not" }));
  await world.system.ref(Shop, "a").tell(Shop.send, "one");
  await world.clock.settle();
  assert.deepEqual(
    world.system.deadLetters.list().map(({ key, operation, reason }) => ({ key, operation, reason })),
    [
      { key: "main", operation: "note", reason: "undeliverable" },
    ],
  );
  world.transport.answer = undefined;
  await world.system.deadLetters.resend(world.system.deadLetters.list()[0].id);
  assert.deepEqual(world.transport.bodies, ['"one"']);
});

Deno.test("what waits in memory for the broker is bounded", async () => {
  await using world = await new World().ready();
  world.transport.state = { status: "connecting" };
  const main = world.system.ref(Ledger, "main");
  const waiting = Array.from({ length: 10_000 }, () => main.tell(Ledger.note, "x"));
  const settled = Promise.allSettled(waiting);
  await assert.rejects(main.tell(Ledger.note, "x"), {
    code: "outbox-full",
    message: "Cannot send to ledger/main note: 10000 of 10000 messages wait in memory for the broker",
  });
  world.transport.state = { status: "connected" };
  await settled;
  await main.tell(Ledger.note, "x");
  assert.ok(world.transport.batches.every((batch) => batch.length <= 100));
});

Deno.test("a destination that is full leaves room for others", async () => {
  const Archive = protocol("archive", { keep: tell(z.string()) });
  await using world = await new World(undefined, { remote: [Ledger, Archive] }).ready();
  world.transport.answer = (batch) => {
    if (batch[0].to.kind === "inbox" && batch[0].to.protocol === "ledger") {
      throw new Error("its queue is full");
    }
    world.transport.take(batch);
    return batch.map(() => undefined);
  };
  const ledger = world.system.ref(Ledger, "main");
  const settled = Promise.allSettled(Array.from({ length: 10_000 }, () => ledger.tell(Ledger.note, "x")));
  await assert.rejects(ledger.tell(Ledger.note, "x"), { code: "outbox-full" });
  await world.system.ref(Archive, "main").tell(Archive.keep, "y");
  assert.deepEqual(world.transport.bodies, ['"y"']);
  world.transport.answer = undefined;
  await world.clock.advance(1_000);
  await settled;
});

Deno.test("asks for which nobody waits any more take no room", async () => {
  await using world = await new World().ready();
  world.transport.state = { status: "connecting" };
  const main = world.system.ref(Ledger, "main");
  const asked = Array.from({ length: 10_000 }, () => main.ask(Ledger.read, "x", { timeoutMs: 50 }));
  const settled = Promise.allSettled(asked);
  await assert.rejects(main.tell(Ledger.note, "x"), { code: "outbox-full" });
  await world.clock.advance(1_000);
  await settled;
  const told = main.tell(Ledger.note, "x");
  world.transport.state = { status: "connected" };
  await told;
  assert.deepEqual(world.transport.bodies, ['"x"']);
});

Deno.test("the reply to an ask waits for a minute for the broker to take it, whatever deadline its asker gave", async () => {
  const answering = actor(Shop, {
    state: () => 0,
    on: { send: () => {}, look: () => 7, quote: () => undefined },
  });
  await using world = await new World(new FakeTransport([Shop.look]), { actors: [answering] }).ready();
  world.transport.answer = () => Promise.reject(new Error("its queue is full"));
  const receiver = world.transport.receivers.get("inbox shop")!;
  const tenure = { shard: "0", signal: new AbortController().signal };
  await receiver.begin(tenure);
  const headers = { "posthorn-deadline": "999999999999999" };
  const body = new TextEncoder().encode('"x"');
  await receiver.take([{ key: "a", operation: "look", body, headers, replyTo: "r", again: false }], tenure);
  await world.clock.advance(50_000);
  assert.equal(world.system.health.transport?.waiting, 1);
  await world.clock.advance(20_000);
  assert.equal(world.system.health.transport?.waiting, 0);
});

Deno.test("a stop tells who waits that what was not sent was not accepted, and that of the rest nobody knows", async () => {
  const world = await new World().ready();
  const main = world.system.ref(Ledger, "main");
  world.transport.answer = () => Promise.reject(new Error("cut"));
  const sent = assert.rejects(main.tell(Ledger.note, "one"), { name: "OutcomeUnknownError" });
  await world.clock.settle();
  const later = assert.rejects(main.tell(Ledger.note, "two"), { code: "stopping" });
  await world.system.stop({ drainMs: 0 });
  await Promise.all([sent, later]);
  assert.equal(world.clock.waiting, 0);
  assert.equal(world.transport.closed, 1);
});

Deno.test("a stop waits for what is being sent", async () => {
  const world = await new World().ready();
  let answer = () => {};
  world.transport.answer = (batch) =>
    new Promise((resolve) => {
      answer = () => resolve(batch.map(() => undefined));
    });
  const told = world.system.ref(Ledger, "main").tell(Ledger.note, "one");
  await world.clock.settle();
  const stopping = world.system.stop({ drainMs: 1_000 });
  await world.clock.settle();
  answer();
  await told;
  assert.equal((await stopping).drained, true);
});

Deno.test("events and surveys go out beside the subscribers here", async () => {
  await using world = await new World().ready();
  const heard: string[] = [];
  using _opened = world.system.subscribe(Shop.opened, (name) => void heard.push(name));
  using _quote = world.system.subscribe(Shop.quote, (grams) => grams);
  await world.system.publish(Shop.opened, "today");
  const quotes: number[] = [];
  const collecting = (async () => {
    for await (const quote of world.system.survey(Shop.quote, 10, { timeoutMs: 500, max: 3 })) {
      quotes.push(quote);
    }
  })();
  await world.clock.settle();
  assert.deepEqual(heard, ["today"]);
  assert.deepEqual(world.transport.bodies, ['"today"', "10"]);
  const survey = world.transport.taken[1];
  assert.deepEqual(survey.replyTo, { kind: "process" });
  await world.reply(survey, 20, { id: "one" });
  await world.reply(survey, 20, { id: "one" }); // a relay may send it twice
  await world.reply(survey, { code: "broke" }, { contentType: "application/problem+json" });
  await world.reply(survey, 30);
  await collecting;
  assert.deepEqual(quotes, [10, 20, 30]);
});
