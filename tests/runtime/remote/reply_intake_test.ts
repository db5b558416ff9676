// Replies of other services: each row that waits takes one outcome, and nobody answers without its random name.

import assert from "node:assert/strict";
import type { Delivery } from "@posthorn/posthorn/transport";
import { WriteSet } from "../../../runtime/durable/commits/write_set.ts";
import { commitOne } from "../../../runtime/durable/commits/commit_one.ts";
import { expectKey } from "../../../runtime/durable/rows/keys.ts";
import { encodeValue } from "../../../runtime/durable/rows/value_codec.ts";
import { replyName } from "../../../runtime/messages/reply_name.ts";
import { inMemory, type Stage } from "../durable/durable_stage.ts";
import {
  delivered,
  inbox,
  lettersOf,
  notesOf,
  order,
  type Reader,
  reader,
  replies,
  tenureOf,
} from "./intake_stage.ts";

const name = "0123456789ABCDEF0123456789ABCDEF";
const to = { protocol: "order", key: "ada", operation: "replied" };
const failTo = { ...to, operation: "refused" };

/** One of our actors waits for a reply. */
async function expect(
  { open: { session } }: Reader,
  stage: Stage,
  row: object = {},
  under = name,
): Promise<void> {
  const writeSet = new WriteSet();
  writeSet.write(
    expectKey(under),
    encodeValue({ to, failTo, untilMs: stage.clock.now() + 60_000, ...row }, ""),
  );
  const committed = commitOne(session.committer, writeSet);
  await stage.settle();
  assert.ok(await committed);
}

/** A ticket waits for a reply; returns its name. */
async function ticket({ open: { session, replies } }: Reader, stage: Stage): Promise<string> {
  const writeSet = new WriteSet();
  const id = replyName("01J0000000000000000000000A".replace("01J", "01N"));
  replies.open(writeSet, id);
  const committed = commitOne(session.committer, writeSet);
  await stage.settle();
  assert.ok(await committed);
  return id;
}

function reply(payload: unknown, more: Partial<Delivery> = {}): Delivery {
  return delivered(undefined, payload, { id: `reply ${payload}`, correlationId: name, ...more });
}

function problem(more: Partial<Delivery> = {}): Delivery {
  const contentType = "application/problem+json";
  return delivered(undefined, { code: "sold-out", detail: "No tea is left" }, {
    id: "problem",
    correlationId: name,
    contentType,
    ...more,
  });
}

async function began(stage: Stage, channel = inbox, actors = [order()]) {
  const started = await reader(stage, {}, actors);
  const receiving = started.receiver(channel);
  const tenure = tenureOf();
  await receiving.begin(tenure);
  const take = (...batch: readonly Delivery[]) => receiving.take(batch, tenure);
  return { ...started, started, take };
}

inMemory(
  "a reply to an actor is its next message, in the order of what else its replier sent",
  async (stage) => {
    const { started, system, take } = await began(stage);
    await expect(started, stage);
    await take(
      delivered("add", "before", { id: "1" }),
      reply("yes"),
      delivered("add", "behind", { id: "2" }),
    );
    await stage.settle();
    assert.deepEqual(await notesOf(system), ["before", "replied yes", "behind"]);
    assert.deepEqual(await stage.keys("expect"), []);
  },
);

inMemory("a reply that comes again does nothing, and neither does another one", async (stage) => {
  const { started, system, take } = await began(stage);
  await expect(started, stage);
  await take(reply("yes"), reply("yes"), reply("no"));
  await take(reply("yes", { again: true }), reply("yes"), reply("later"));
  await stage.settle();
  assert.deepEqual(await notesOf(system), ["replied yes"]);
  assert.deepEqual(lettersOf(system), [
    'already-answered reply%20no "no"',
    'late-reply reply%20later "later"',
  ]);
});

inMemory("a stranger's reply without an id is recognised by what it answers", async (stage) => {
  const { started, system, take } = await began(stage);
  await expect(started, stage);
  await take(reply("yes", { id: undefined }));
  await take(reply("yes", { id: undefined, again: true }));
  await stage.settle();
  assert.deepEqual(await notesOf(system), ["replied yes"]);
  assert.deepEqual(lettersOf(system), []);
});

inMemory("a failure goes to the address for failures, as data", async (stage) => {
  const { started, system, take } = await began(stage);
  await expect(started, stage);
  await take(problem(), problem({ id: "second" }));
  await stage.settle();
  assert.deepEqual(await notesOf(system), ["refused sold-out: No tea is left"]);
  assert.deepEqual(system.deadLetters.list().map(({ reason }) => reason), ["already-answered"]);
  await expect(started, stage, { failTo: undefined }, "without");
  await take(problem({ id: "third", correlationId: "without" }));
  assert.deepEqual(await stage.keys("expect"), [], "nobody wants to know, and nobody waits any more");
});

for (const channel of [inbox, replies]) {
  inMemory(`of two replies on two shards of ${channel.kind} one is taken`, async (stage) => {
    const started = await reader(stage);
    const receiving = started.receiver(channel);
    const [zero, one] = [tenureOf("0"), tenureOf("1")];
    for (const tenure of [zero, one]) await receiving.begin(tenure);
    if (channel === inbox) await expect(started, stage);
    const correlationId = channel === inbox ? name : await ticket(started, stage);
    const yes = receiving.take([reply("yes", { correlationId })], zero);
    const no = receiving.take([reply("no", { correlationId })], one);
    await stage.settle();
    await Promise.all([yes, no]);
    await stage.settle();
    const { system } = started;
    const taken = channel === inbox ? await notesOf(system) : [await system.ticket(correlationId).reply()];
    assert.equal(taken.length, 1);
    assert.equal(system.deadLetters.size, 1, "the other one is a dead letter");
    assert.notEqual(system.deadLetters.list()[0].payload, String(taken[0]).replace("replied ", ""));
  });
}

inMemory("a reply that cannot be read is a failure, and no silence", async (stage) => {
  const { started, system, take } = await began(stage);
  await expect(started, stage);
  await take(reply("x", { contentType: "text/plain" }));
  await stage.settle();
  const [note] = await notesOf(system);
  assert.match(
    note,
    /^refused unknown-content-type: The reply cannot be read: its content type is "text\/plain"/,
  );
});

inMemory("who does not know the name of a reply answers nothing", async (stage) => {
  const { started, system, take } = await began(stage);
  await expect(started, stage);
  const id = await ticket(started, stage);
  const headers = { "posthorn-sender": "billing" };
  await take(
    reply("forged", { id: "1", correlationId: "0".repeat(32), headers }),
    reply("forged", { id: "2", correlationId: name.toLowerCase(), headers }),
    reply("forged", { id: "3", correlationId: `${name}\u001f`, headers }),
    reply("forged", { id: "4", correlationId: "x".repeat(5_000), headers }),
    reply("forged", { id: "5", correlationId: "", headers }),
    reply("forged", { id: "6", correlationId: `${id.slice(0, -1)}B`, headers }),
  );
  await stage.settle();
  assert.deepEqual(await notesOf(system), []);
  assert.deepEqual(system.deadLetters.list().map(({ id, reason }) => `${id} ${reason}`), [
    "1 late-reply",
    "2 late-reply",
    "3 late-reply",
    "4 late-reply",
    "5 late-reply",
    "6 late-reply",
  ]);
  await assert.rejects(system.ticket(id).reply({ timeoutMs: 0 }), { code: "deadline" });
  await assert.rejects(async () => await system.deadLetters.resend("1"), { code: "late-reply" });
  await take(reply("real"));
  await stage.settle();
  assert.deepEqual(await notesOf(system), ["replied real"]);
});

inMemory("a reply that comes after its time is a dead letter", async (stage) => {
  const { started, system, take } = await began(stage);
  await expect(started, stage, { untilMs: stage.clock.now() + 1_000 });
  await stage.pass(10_000);
  await take(reply("late"));
  await stage.settle();
  assert.deepEqual(await notesOf(system), []);
  assert.deepEqual(lettersOf(system), ['late-reply reply%20late "late"']);
});

inMemory("a ticket takes the first reply, and a success after a failure", async (stage) => {
  const { started, system, take } = await began(stage, replies);
  const id = await ticket(started, stage);
  await take(problem({ correlationId: id }), problem({ correlationId: id, again: true }));
  await take(problem({ id: "another", correlationId: id }));
  await assert.rejects(system.ticket(id).reply({ timeoutMs: 0 }), {
    code: "sold-out",
    message: "No tea is left",
  });
  await take(reply("yes", { correlationId: id }));
  await take(reply("no", { correlationId: id }), reply("yes", { correlationId: id, again: true }));
  assert.equal(await system.ticket(id).reply({ timeoutMs: 0 }), "yes");
  await stage.settle();
  assert.deepEqual(lettersOf(system).map((line) => line.split(" ").slice(0, 2).join(" ")), [
    "already-answered another",
    "already-answered reply%20no",
  ]);
});

inMemory("a reply waits for room in the mailbox of the actor that asked", async (stage) => {
  const gate = Promise.withResolvers<void>();
  const slow = order({ onAdd: () => gate.promise }, { mailbox: { capacity: 1 } });
  const { started, system, take } = await began(stage, inbox, [slow]);
  await expect(started, stage);
  await take(delivered("add", "first", { id: "first" }));
  await stage.settle();
  for (let count = 0; count < 9; count++) await take(delivered("add", "more", { id: `more ${count}` }));
  let settled = false;
  const taking = take(delivered("add", "last", { id: "last" }), reply("yes")).then(() => settled = true);
  await stage.pass(10_000);
  assert.equal(settled, false);
  gate.resolve();
  await stage.pass(2_000);
  await taking;
  await stage.settle();
  assert.deepEqual((await notesOf(system)).slice(-2), ["last", "replied yes"]);
});
