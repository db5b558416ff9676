// What a service with a store sends to others: rows of its outbox, sent lane by lane, against a broker made by hand.

import assert from "node:assert/strict";
import {
  actor,
  type ActorId,
  event,
  protocol,
  StoreError,
  submit,
  type System,
  tell,
} from "@posthorn/posthorn";
import type { Parcel } from "@posthorn/posthorn/transport";
import * as z from "zod";
import { deadOf, inMemory, type Stage } from "../durable/durable_stage.ts";
import { Remote, remoteAddress } from "../../../runtime/messages/remote_address.ts";
import type { Turn } from "../../../runtime/turns/turn.ts";
import type { SendOptions } from "../../../runtime/language/address.ts";
import type { IngressSendOptions } from "../../../runtime/language/ingress_options.ts";
import { receivedMessage } from "../../../runtime/remote/received_message.ts";
import { FakeTransport } from "./fake_transport.ts";
import { delivered, tenureOf } from "./intake_stage.ts";

const Ledger = protocol("ledger", {
  note: tell(z.string()),
  book: submit(z.number(), z.string()),
});
const Archive = protocol("archive", { keep: tell(z.string()) });
const Shop = protocol("shop", {
  send: tell(z.array(z.string())),
  opened: event(z.string()),
  open: tell(z.string()),
  fail: tell(z.string()),
  answer: tell(z.object({ protocol: z.string(), key: z.string(), operation: z.string() })),
});

const shop = actor(Shop, {
  state: () => 0,
  on: {
    send: (ctx, lines) => {
      for (const line of lines) ctx.ref(Ledger, "main").tell(Ledger.note, line);
      ctx.state++;
    },
    open: (ctx, name) => ctx.publish(Shop.opened, name),
    answer: (ctx, { protocol, key }) => {
      const to: ActorId = { protocol, key };
      (ctx as unknown as Turn).send(to, Remote.arrive, "the answer"); // as the reply to a submit of another service is
    },
    fail: (ctx, line) => {
      ctx.ref(Ledger, "main").tell(Ledger.note, line);
      throw new Error("it fails after it has sent");
    },
  },
  retry: { attempts: 1 },
});

interface Options {
  readonly transport?: FakeTransport;
  readonly limits?: { readonly outbox?: number; readonly outboxBytes?: number };
  readonly deduplicationWindowMs?: number;
}

async function start(stage: Stage, options: Options = {}) {
  const transport = options.transport ?? new FakeTransport([Shop.opened]);
  const system = await stage.start([shop], {
    name: "shop",
    remote: [Ledger, Archive],
    ...options,
    transport,
  });
  return { system, transport };
}

/** The rows of the outbox, by lane. */
async function lanesOf(stage: Stage): Promise<string[]> {
  return (await stage.keys("out")).map((key) => key.split(" ")[1]);
}

inMemory("what a turn sends is a row of its commit, and goes when the broker has it", async (stage) => {
  const { system, transport } = await start(stage);
  transport.state = { status: "connecting" };
  await system.ref(Shop, "a").tell(Shop.send, ["one", "two"]);
  await stage.settle();
  assert.deepEqual(await lanesOf(stage), ["inbox:ledger", "inbox:ledger"]);
  assert.deepEqual(transport.batches, []);
  transport.state = { status: "connected" };
  await stage.settle();
  assert.deepEqual(transport.bodies, ['"one"', '"two"']);
  assert.deepEqual(await lanesOf(stage), []);
  const [first] = transport.taken;
  assert.deepEqual(first.to, {
    kind: "inbox",
    protocol: "ledger",
    key: "main",
    operation: { name: "note", mode: "tell" },
  });
  assert.equal(first.contentType, "application/json");
  assert.equal(first.headers["posthorn-sender"], "shop/shop/a");
});

inMemory("what a failed turn sent never leaves", async (stage) => {
  const { system, transport } = await start(stage);
  await system.ref(Shop, "a").tell(Shop.fail, "one");
  await stage.settle();
  assert.deepEqual(deadOf(system), ["a fail: failed"]);
  assert.deepEqual(transport.taken, []);
});

inMemory("a message from outside is accepted when it is in the outbox, in order", async (stage) => {
  const { system, transport } = await start(stage);
  transport.state = { status: "connecting" };
  const told = ["one", "two", "three"].map((line) => system.ref(Ledger, "main").tell(Ledger.note, line));
  await Promise.all(told);
  assert.equal((await lanesOf(stage)).length, 3);
  transport.state = { status: "connected" };
  await stage.settle();
  assert.deepEqual(transport.bodies, ['"one"', '"two"', '"three"']);
  assert.equal(transport.taken[0].headers["posthorn-sender"], "shop");
});

inMemory("a repeat with the same id is not sent again, and another payload is refused", async (stage) => {
  const { system, transport } = await start(stage);
  const main = system.ref(Ledger, "main");
  await main.tell(Ledger.note, "one", { id: "7" });
  await main.tell(Ledger.note, "one", { id: "7" });
  await assert.rejects(main.tell(Ledger.note, "two", { id: "7" }), { code: "id-reused" });
  await stage.settle();
  assert.deepEqual(transport.ids, ["7"]);
});

inMemory("if nobody knows what became of a batch, all of it is sent again from the head", async (stage) => {
  const { system, transport } = await start(stage);
  let attempts = 0;
  transport.answer = (batch) => {
    if (attempts++ === 0) {
      transport.take(batch, 1); // a prefix lands
      throw new Error("the connection was cut");
    }
    transport.take(batch);
    return batch.map(() => undefined);
  };
  await system.ref(Shop, "a").tell(Shop.send, ["one", "two", "three"]);
  await stage.pass(1_000, 100);
  assert.deepEqual(transport.bodies, ['"one"', '"one"', '"two"', '"three"']);
  assert.equal(transport.ids[0], transport.ids[1]);
  assert.deepEqual(await lanesOf(stage), []);
});

inMemory("no batch of a lane is sent before the answer to the one before", async (stage) => {
  const { system, transport } = await start(stage);
  const answers: (() => void)[] = [];
  transport.answer = (batch) =>
    new Promise((resolve) => answers.push(() => resolve(batch.map(() => undefined))));
  await system.ref(Shop, "a").tell(Shop.send, ["one"]);
  await stage.settle();
  await system.ref(Shop, "a").tell(Shop.send, ["two"]);
  await stage.settle();
  assert.equal(transport.batches.length, 1);
  answers.shift()!();
  await stage.until("the second batch", () => transport.batches.length === 2);
  assert.equal(transport.batches[1].length, 1);
  answers.shift()!();
  await stage.settle();
});

inMemory(
  "a destination that is away stops no other one, and waits until somebody receives there",
  async (stage) => {
    const { system, transport } = await start(stage);
    let there = false;
    transport.answer = (batch) => {
      if (batch[0].to.kind !== "inbox" || batch[0].to.protocol !== "ledger" || there) {
        transport.take(batch);
        return batch.map(() => undefined);
      }
      return batch.map(() => ({ code: "no-receiver", message: "nobody receives for ledger" }));
    };
    await system.ref(Ledger, "main").tell(Ledger.note, "one");
    await system.ref(Archive, "main").tell(Archive.keep, "two");
    await stage.pass(20_000);
    assert.deepEqual(transport.bodies, ['"two"']);
    assert.ok(transport.batches.length < 20, `it was tried ${transport.batches.length} times in 20 s`);
    assert.deepEqual(await lanesOf(stage), ["inbox:ledger"]);
    there = true;
    await stage.pass(6_000);
    assert.deepEqual(transport.bodies, ['"two"', '"one"']);
  },
);

inMemory("a refusal for good is a dead letter, and what is behind it goes on", async (stage) => {
  const { system, transport } = await start(stage);
  transport.answer = (batch) => {
    const refused = (parcel: Parcel) => new TextDecoder().decode(parcel.body) === '"bad"';
    for (const parcel of batch) if (!refused(parcel)) transport.take([parcel]);
    return batch.map((parcel) =>
      refused(parcel) ? { code: "refused", message: "this program may not write there" } : undefined
    );
  };
  await system.ref(Shop, "a").tell(Shop.send, ["one", "bad", "two"]);
  await stage.settle();
  assert.deepEqual(transport.bodies, ['"one"', '"two"']);
  assert.deepEqual(deadOf(system), ["main note: undeliverable"]);
  assert.match(system.deadLetters.list()[0].message, /ledger\/main note: this program may not write there/);
  assert.deepEqual(await lanesOf(stage), []);
  transport.answer = undefined;
  await system.deadLetters.resend(system.deadLetters.list()[0].id);
  await stage.settle();
  assert.deepEqual(transport.bodies, ['"one"', '"two"', '"bad"']);
});

inMemory("a row that nobody takes is a dead letter after half of the window of ids", async (stage) => {
  const { system, transport } = await start(stage, { deduplicationWindowMs: 120_000 });
  transport.answer = (batch) => batch.map(() => ({ code: "no-receiver", message: "nobody" }));
  await system.ref(Ledger, "main").tell(Ledger.note, "one");
  await stage.pass(50_000, 2_000);
  assert.deepEqual(deadOf(system), []);
  await stage.pass(20_000, 2_000);
  assert.deepEqual(deadOf(system), ["main note: expired"]);
  assert.match(system.deadLetters.list()[0].message, /may have been delivered all the same/);
  assert.deepEqual(await lanesOf(stage), []);
});

inMemory(
  "sends from outside are refused at the bound, and what turns send at ten times that",
  async (stage) => {
    const { system, transport } = await start(stage, { limits: { outbox: 3 } });
    transport.state = { status: "connecting" };
    const main = system.ref(Ledger, "main");
    for (const line of ["1", "2", "3"]) await main.tell(Ledger.note, line);
    await assert.rejects(main.tell(Ledger.note, "4"), {
      name: "LimitExceededError",
      code: "outbox-full",
      message: "Cannot accept ledger/main note: the outbox to ledger holds 3 of 3 messages",
    });
    await system.ref(Archive, "main").tell(Archive.keep, "another lane has room");
    const lines = Array.from({ length: 30 }, (_, index) => `turn ${index}`);
    await system.ref(Shop, "a").tell(Shop.send, lines);
    await stage.settle();
    assert.equal((await lanesOf(stage)).filter((lane) => lane === "inbox:ledger").length, 30);
    assert.deepEqual(deadOf(system), Array(3).fill("main note: outbox-full"));
    transport.state = { status: "connected" };
    await stage.settle();
    assert.equal(transport.taken.length, 31);
    await main.tell(Ledger.note, "there is room again");
  },
);

inMemory("the bytes of an outbox are bounded too", async (stage) => {
  const { system, transport } = await start(stage, { limits: { outboxBytes: 2_000 } });
  transport.state = { status: "connecting" };
  const main = system.ref(Ledger, "main");
  await main.tell(Ledger.note, "x".repeat(1_000));
  await assert.rejects(main.tell(Ledger.note, "x".repeat(1_000)), {
    code: "outbox-full",
    message: /of 2000 bytes/,
  });
});

inMemory("the messages of one turn count together, also where nothing waits yet", async (stage) => {
  for (const [limits, lines, kept] of [[{ outbox: 3 }, 40, 30], [{ outboxBytes: 1_000 }, 40, 9]] as const) {
    const { system, transport } = await start(stage, { limits });
    transport.state = { status: "connecting" };
    await system.ref(Shop, "a").tell(Shop.send, Array.from({ length: lines }, () => "x".repeat(1_000)));
    await stage.settle();
    assert.equal((await lanesOf(stage)).length, kept);
    assert.deepEqual(deadOf(system), Array(lines - kept).fill("main note: outbox-full"));
    await system.control.discardAll({ reason: "outbox-full" });
    transport.state = { status: "connected" };
    await stage.settle();
    assert.deepEqual(await lanesOf(stage), []);
    await stage.kill(system);
  }
});

inMemory("publications that come at the same time count together", async (stage) => {
  const { system, transport } = await start(stage, { limits: { outbox: 3 } });
  transport.state = { status: "connecting" };
  const publish = (name: string) => system.publish(Shop.opened, name);
  const told = await Promise.allSettled(Array.from({ length: 20 }, (_, index) => publish(`${index}`)));
  const codes = told.flatMap((one) => one.status === "rejected" ? [one.reason.code as string] : []);
  assert.deepEqual(codes, Array(17).fill("outbox-full"));
  assert.equal((await lanesOf(stage)).length, 3);
  await assert.rejects(publish("one more"), { code: "outbox-full" });
  transport.state = { status: "connected" };
  await stage.settle();
  await publish("there is room again");
});

inMemory("a payload that the transport cannot carry is refused before it is accepted", async (stage) => {
  const { system } = await start(stage, { transport: new FakeTransport([], { messageBytes: 100 }) });
  await assert.rejects(system.ref(Ledger, "main").tell(Ledger.note, "x".repeat(200)), {
    name: "TooLargeError",
    code: "too-large",
    message: /^Cannot send to .*: it takes 202 of 100 bytes$/,
  });
  await system.ref(Shop, "a").tell(Shop.send, ["x".repeat(200), "short"]);
  await stage.settle();
  assert.deepEqual(deadOf(system), ["main note: too-large"]);
});

inMemory("headers travel, and those that cannot are refused", async (stage) => {
  const { system, transport } = await start(stage);
  const main = system.ref(Ledger, "main");
  await main.tell(Ledger.note, "one", { headers: { "X-Trace": "7", city: "Köln" } });
  await stage.settle();
  const { headers } = transport.taken[0];
  assert.equal(headers["x-trace"], "7");
  assert.equal(headers.city, encodeURIComponent("Köln"));
  assert.equal(headers["posthorn-encoded"], "city");
  for (const name of ["posthorn-sender", "a b", "ä"]) {
    await assert.rejects(main.tell(Ledger.note, "two", { headers: { [name]: "x" } }), {
      code: "invalid-headers",
    });
  }
});

inMemory("a header that means something to a broker travels under another name", async (stage) => {
  const { system, transport } = await start(stage);
  const headers = { operation: "pay", "Reply-To": "elsewhere", "nats-rollup": "all", "ce-id": "ü" };
  await system.ref(Ledger, "main").tell(Ledger.note, "one", { headers });
  await stage.settle();
  const { "posthorn-sender": _, ...sent } = transport.taken[0].headers;
  assert.deepEqual(sent, {
    "posthorn-header-operation": "pay",
    "posthorn-header-reply-to": "elsewhere",
    "posthorn-header-nats-rollup": "all",
    "posthorn-header-ce-id": "%C3%BC",
    "posthorn-encoded": "posthorn-header-ce-id",
  });
  const delivery = { key: "main", body: new Uint8Array(), again: false };
  const forged = { "posthorn-header-posthorn-sender": "x", "posthorn-header-city": "x", "ce-id": "7" };
  const received = receivedMessage({ ...delivery, headers: { ...sent, ...forged } }, tenureOf(), () => "id");
  const { "Reply-To": replyTo, ...others } = headers;
  assert.deepEqual(received.headers, { ...others, "reply-to": replyTo });
});

inMemory("a published event leaves with the commit of its turn", async (stage) => {
  const { system, transport } = await start(stage);
  await system.ref(Shop, "a").tell(Shop.open, "today");
  await stage.settle();
  await system.publish(Shop.opened, "tomorrow");
  await stage.settle();
  assert.deepEqual(transport.bodies, ['"today"', '"tomorrow"']);
  const [first, second] = transport.taken;
  const to = { kind: "event", protocol: "shop", event: "opened", mode: "event", subject: "" };
  assert.deepEqual(first.to, { ...to, key: "shop/shop/a" });
  assert.deepEqual(second.to, { ...to, key: "shop" });
});

inMemory("a request that is given up stays so when its row comes too late to be sent", async (stage) => {
  const { system, transport } = await start(stage);
  transport.state = { status: "connecting", reason: "it is away" };
  const ticket = await system.ref(Ledger, "main").submit(Ledger.book, 5, { timeoutMs: 5_000 });
  const cancelling = ticket.cancel({ timeoutMs: 10_000 });
  await stage.pass(5_000, 500);
  assert.equal(await cancelling, "given-up");
  transport.state = { status: "connected" };
  await stage.pass(20_000);
  assert.deepEqual(await stage.keys("out"), []);
  assert.equal(await ticket.cancel(), "given-up");
  await assert.rejects(ticket.reply({ timeoutMs: 0 }), { code: "given-up" });
  assert.deepEqual(deadOf(system), []);
});

inMemory("a request that failed for good is a dead letter again when it is sent again", async (stage) => {
  const { system, transport } = await start(stage);
  transport.answer = (batch) => batch.map(() => ({ code: "refused", message: "too bad" }));
  const ticket = await system.ref(Ledger, "main").submit(Ledger.book, 5);
  for (let round = 1; round <= 2; round++) {
    await stage.pass(1_000);
    assert.deepEqual(deadOf(system), ["main book: undeliverable"]);
    assert.equal(await ticket.cancel(), "failed");
    if (round === 1) await system.deadLetters.resend(system.deadLetters.list()[0].id);
  }
});

inMemory("a reply stays that came before its request was known to be sent", async (stage) => {
  const { system, transport } = await start(stage, { deduplicationWindowMs: 60_000 });
  transport.answer = (batch) => {
    transport.take(batch);
    throw new Error("the answer is lost");
  };
  const ticket = await system.ref(Ledger, "main").submit(Ledger.book, 5);
  await stage.pass(1_000);
  const receiving = transport.receivers.get("replies")!;
  const tenure = tenureOf();
  await receiving.begin(tenure);
  const { correlationId } = transport.taken[0];
  await receiving.take([delivered(undefined, "booked", { id: "reply", correlationId })], tenure);
  assert.equal(await ticket.reply({ peek: true }), "booked");
  await stage.pass(60_000);
  assert.deepEqual(await stage.keys("out"), []);
  assert.equal(await ticket.reply(), "booked");
  assert.deepEqual(deadOf(system), []);
});

inMemory("a submit says where its reply goes, and what it must carry", async (stage) => {
  const { system, transport } = await start(stage);
  const ticket = await system.ref(Ledger, "main").submit(Ledger.book, 5);
  await stage.settle();
  assert.deepEqual(transport.taken[0].replyTo, { kind: "replies" });
  assert.equal(transport.taken[0].correlationId, ticket.id);
  const shopAt = system.ref(Shop, "a").at(Shop.open);
  await system.ref(Ledger, "main").submit(Ledger.book, 6, { replyTo: shopAt });
  await stage.settle();
  const { replyTo, correlationId, headers, id } = transport.taken[1];
  assert.deepEqual(replyTo, { kind: "inbox", protocol: "shop", key: "a" });
  assert.equal(headers["posthorn-reply-protocol"], "shop");
  assert.equal(headers["posthorn-reply-key"], "a");
  assert.notEqual(correlationId, id);
  assert.deepEqual(await stage.keys("expect"), [`expect ${correlationId}`]);
});

inMemory(
  "what a killed process left is sent by another one, and by itself when it comes back",
  async (stage) => {
    const away = new FakeTransport([Shop.opened]);
    away.state = { status: "connecting" };
    const { system: first } = await start(stage, { transport: away });
    await first.ref(Ledger, "main").tell(Ledger.note, "one");
    await stage.kill(first);
    const { transport } = await start(stage);
    await stage.pass(60_000);
    assert.deepEqual(transport.bodies, ['"one"']);
    assert.deepEqual(await lanesOf(stage), []);
  },
);

inMemory("two processes that send the same lane keep the order of what comes first", async (stage) => {
  const { system: one, transport: first } = await start(stage);
  const second = new FakeTransport([Shop.opened]);
  await start(stage, { transport: second });
  const broker: Parcel[] = [];
  const slow = async (batch: readonly Parcel[]) => {
    await Promise.resolve();
    broker.push(...batch);
    return batch.map(() => undefined);
  };
  first.answer = slow;
  second.answer = slow;
  first.state = { status: "connecting" };
  const lines = Array.from({ length: 120 }, (_, index) => `${index}`);
  for (const line of lines) await one.ref(Ledger, "main").tell(Ledger.note, line);
  first.state = { status: "connected" };
  await stage.pass(60_000);
  const seen = new Set<string>();
  const order = broker.filter(({ id }) => !seen.has(id) && seen.add(id));
  assert.deepEqual(order.map(({ body }) => new TextDecoder().decode(body)), lines.map((line) => `"${line}"`));
  assert.deepEqual(await lanesOf(stage), []);
});

inMemory("a row that cannot be read is a dead letter, and what is behind it goes on", async (stage) => {
  const { system, transport } = await start(stage);
  transport.state = { status: "connecting" };
  const connection = await stage.store.open({ clock: stage.clock });
  const key = ["out", "inbox:ledger", "00000000000"].join("\u001f");
  await connection.commit([{
    checks: [],
    writes: [{ key, value: new TextEncoder().encode("no row") }],
    removals: [],
  }]);
  await connection.close();
  await system.ref(Ledger, "main").tell(Ledger.note, "one");
  transport.state = { status: "connected" };
  await stage.settle();
  assert.deepEqual(transport.bodies, ['"one"']);
  assert.deepEqual(deadOf(system), ["inbox:ledger ~unreadable: failed"]);
});

inMemory("health and counts say how much waits, and for how long", async (stage) => {
  const { system, transport } = await start(stage);
  assert.deepEqual(system.health.transport, { name: "fake", status: "connected", tenures: 0, waiting: 0 });
  transport.state = { status: "connecting", reason: "the broker does not answer" };
  await system.ref(Ledger, "main").tell(Ledger.note, "one");
  await stage.pass(60_000);
  const { oldestMs, ...health } = system.health.transport!;
  assert.deepEqual(health, {
    name: "fake",
    status: "connecting",
    reason: "the broker does not answer",
    tenures: 0,
    waiting: 1,
  });
  assert.equal(oldestMs, 60_000);
  assert.deepEqual(system.stats().outbox, { "inbox:ledger": { waiting: 1, oldestMs: 60_000 } });
  transport.state = { status: "connected" };
  await stage.settle();
  assert.deepEqual(system.stats().outbox, {});
});

inMemory("what waits for return addresses is counted as one lane", async (stage) => {
  const { system, transport } = await start(stage);
  transport.state = { status: "connecting" };
  for (const address of ["one", "two", "three"]) {
    const { protocol, key, operation } = remoteAddress({ address, correlationId: "7" }, "arrive");
    await system.ref(Shop, "a").tell(Shop.answer, { protocol, key, operation });
    await stage.pass(1_000);
  }
  await stage.pass(60_000);
  assert.deepEqual(Object.keys(system.stats().outbox!), ["replies"]);
  const { waiting, oldestMs = 0 } = system.stats().outbox!.replies;
  assert.equal(waiting, 3);
  assert.equal(oldestMs, system.health.transport!.oldestMs);
});

inMemory("a failure to send is reported once until it works again", async (stage) => {
  const { system, transport } = await start(stage);
  const seen: unknown[] = [];
  system.inspect((event) => {
    if (event.type === "transport-failed") seen.push(event.error);
  });
  transport.answer = () => Promise.reject(new Error("no route"));
  await system.ref(Ledger, "main").tell(Ledger.note, "one");
  await stage.pass(30_000);
  assert.deepEqual(seen.map(String), ["Error: no route"]);
});

inMemory("a stop waits for nothing that the broker cannot answer", async (stage) => {
  const { system, transport } = await start(stage);
  await system.ref(Ledger, "main").tell(Ledger.note, "one");
  await stage.settle();
  transport.state = { status: "connecting" };
  await system.ref(Ledger, "main").tell(Ledger.note, "two");
  await stop(stage, system);
  assert.deepEqual([transport.drained, transport.closed], [1, 1]);
  assert.deepEqual(await lanesOf(stage), ["inbox:ledger"]);
  assert.equal(stage.clock.waiting, 0);
});

inMemory("a message goes behind one that another process accepted, if its sender says so", async (stage) => {
  const ahead = new FakeTransport([Shop.opened]);
  ahead.state = { status: "connecting" };
  const one = await stage.start([shop], {
    name: "shop",
    remote: [Ledger],
    transport: ahead,
    aheadMs: 60_000, // its positions are ahead of those of the other one
  });
  const behind = new FakeTransport([Shop.opened]);
  behind.state = { status: "connecting" };
  const two = await stage.start([shop], { name: "shop", remote: [Ledger], transport: behind });
  let place = "";
  const first: IngressSendOptions & SendOptions = { onAccepted: (accepted) => void (place = accepted) };
  await one.ref(Ledger, "main").tell(Ledger.note, "one", first);
  const second: IngressSendOptions & SendOptions = { after: place };
  await two.ref(Ledger, "main").tell(Ledger.note, "two", second);
  behind.state = { status: "connected" };
  await stage.pass(60_000);
  assert.deepEqual(behind.bodies, ['"one"', '"two"']);
});

/** Stops a system without letting time pass. */
async function stop(stage: Stage, system: System): Promise<void> {
  let stopped = false;
  const stopping = system.stop({ drainMs: 0 }).then(() => stopped = true);
  await stage.until("the stop", () => stopped);
  await stopping;
}

inMemory(
  "a batch is sent while the rows of the one before are removed, and what could not be removed goes again",
  async (stage) => {
    const { system, transport } = await start(stage);
    const store = stage.storeOf(system);
    transport.state = { status: "connecting" };
    const lines = Array.from({ length: 120 }, (_, index) => `${index}`);
    await system.ref(Shop, "a").tell(Shop.send, lines);
    await stage.settle();
    let refused = 0;
    store.refuse = (parts) => {
      const removes = parts.some(({ removals }) => removals.some(({ key }) => key.startsWith("out")));
      return removes && refused++ === 0 ? new StoreError("store-unavailable", "Cannot commit") : undefined;
    };
    transport.state = { status: "connected" };
    await stage.pass(2_000, 100);
    store.refuse = undefined;
    await stage.pass(2_000, 100);
    const { bodies } = transport;
    assert.deepEqual([...new Set(bodies)], lines.map((line) => `"${line}"`));
    assert.ok(bodies.length > lines.length, "what could not be removed is sent again");
    assert.deepEqual(await lanesOf(stage), []);
  },
);

inMemory("a row that lands in front of those that were sent goes before those behind it", async (stage) => {
  const { system, transport } = await start(stage);
  const main = system.ref(Ledger, "main");
  transport.state = { status: "connecting" };
  await main.tell(Ledger.note, "first");
  const connection = await stage.store.open({ clock: stage.clock });
  const prefix = ["out", "inbox:ledger", ""].join("\u001f");
  const [{ value }] = await connection.list({ prefix, limit: 1 });
  const row = new TextDecoder().decode(value);
  const land = async (place: string, line: string) => {
    const text = new TextEncoder().encode(row.replace('"first"', `"${line}"`));
    await connection.commit([{ checks: [], writes: [{ key: prefix + place, value: text }], removals: [] }]);
  };
  transport.answer = async (batch) => {
    // Another process commits while the rows of this batch are about to be removed: their positions were drawn before.
    if (transport.taken.length === 0) {
      await land("0", "in front");
      await land("z", "behind");
    }
    transport.take(batch);
    return batch.map(() => undefined);
  };
  transport.state = { status: "connected" };
  await stage.pass(1_000, 100);
  await connection.close();
  assert.deepEqual(transport.bodies, ['"first"', '"in front"', '"behind"']);
});

inMemory("a reply to an address at which nobody receives is given up after a while", async (stage) => {
  const { system, transport } = await start(stage);
  transport.answer = (batch) => batch.map(() => ({ code: "no-receiver", message: "nobody reads it" }));
  const { protocol, key, operation } = remoteAddress({ address: "somebody", correlationId: "7" }, "arrive");
  await system.ref(Shop, "a").tell(Shop.answer, { protocol, key, operation });
  await stage.pass(30_000);
  assert.deepEqual(deadOf(system), []);
  await stage.pass(60_000);
  assert.deepEqual(system.deadLetters.list().map(({ reason }) => reason), ["no-receiver"]);
  assert.deepEqual(await lanesOf(stage), []);
});
