import assert from "node:assert/strict";
import { asks, type ReplyTarget } from "../../../../runtime/messages/envelope.ts";
import { DurableMailbox } from "../../../../runtime/durable/activations/durable_mailbox.ts";
import {
  type MessageHeader,
  NewMessage,
  positionOf,
  QueuedMessage,
} from "../../../../runtime/durable/rows/queued_message.ts";
import { ValueEncoder } from "../../../../runtime/durable/rows/value_codec.ts";

const prefix = "mail/";

class Nobody implements ReplyTarget {
  readonly [asks] = true;
  readonly over = false;
  reply(): void {}
  fail(): void {}
}

function headOf(id: string): MessageHeader {
  return { id, operation: "add", via: "a" };
}

function draft(stamp: number): NewMessage {
  return new NewMessage(new ValueEncoder(), prefix, positionOf(stamp, "a"), headOf(`m${stamp}`), "");
}

function committed(stamp: number): QueuedMessage {
  return QueuedMessage.committed(draft(stamp), "1");
}

function stored(stamp: number) {
  const { key, value } = draft(stamp);
  return { key, value, version: "1" };
}

function ask(stamp: number): QueuedMessage {
  return QueuedMessage.ask(headOf(`m${stamp}`), positionOf(stamp, "a"), undefined, new Nobody());
}

function idsOf(mailbox: DurableMailbox): string[] {
  return mailbox.mails.map(({ head }) => head.id);
}

/** A mailbox that was listed at moment 1. */
function listed(...stamps: number[]): DurableMailbox {
  const mailbox = new DurableMailbox();
  mailbox.begin(1);
  mailbox.listed(stamps.map(stored), prefix, 0);
  return mailbox;
}

Deno.test("a DurableMailbox takes in what came while it was listed, in order and once", () => {
  const mailbox = new DurableMailbox();
  mailbox.begin(1);
  mailbox.enqueue(committed(3), 0);
  mailbox.enqueue(committed(2), 0);
  mailbox.ask(ask(4));
  mailbox.listed([stored(1), stored(2)], prefix, 0);
  assert.deepEqual([idsOf(mailbox), mailbox.complete], [["m1", "m2", "m3", "m4"], true]);
});

Deno.test("a DurableMailbox that was told to look while it was listed lists again, and takes in nothing before", () => {
  const mailbox = new DurableMailbox();
  mailbox.begin(1);
  mailbox.look();
  mailbox.enqueue(committed(3), 0);
  mailbox.ask(ask(4));
  mailbox.listed([stored(9)], prefix, 0);
  assert.deepEqual([idsOf(mailbox), mailbox.complete], [["m9"], false]);
  mailbox.begin(2);
  mailbox.listed([2, 3, 9].map(stored), prefix, 0);
  assert.deepEqual([idsOf(mailbox), mailbox.complete], [["m2", "m3", "m4", "m9"], true]);
});

Deno.test("a DurableMailbox lists again for a sender that was loaded after its list began", () => {
  const mailbox = listed(1);
  mailbox.enqueue(committed(2), 0);
  assert.deepEqual([idsOf(mailbox), mailbox.complete], [["m1", "m2"], true]);
  mailbox.enqueue(committed(4), 1);
  assert.deepEqual([idsOf(mailbox), mailbox.complete, mailbox.length], [["m1", "m2"], false, 3]);
});

Deno.test("a DurableMailbox lists again for a sender that was loaded while a list was under way", () => {
  const mailbox = new DurableMailbox();
  mailbox.begin(1);
  mailbox.enqueue(committed(4), 2);
  mailbox.listed([], prefix, 0);
  assert.deepEqual([idsOf(mailbox), mailbox.complete], [[], false]);
});

Deno.test("a DurableMailbox keeps a bounded part of what comes, and the rest is listed in its turn", () => {
  const mailbox = listed();
  const many = 5_000;
  for (let stamp = 1; stamp <= many; stamp++) mailbox.enqueue(committed(stamp), 0);
  assert.deepEqual([mailbox.mails.length, mailbox.complete, mailbox.length], [4_096, false, many]);
  assert.equal(mailbox.mails.at(-1)?.head.id, "m4096");
  mailbox.ask(ask(many + 1));
  assert.equal(mailbox.mails.length, 4_096); // behind messages that are not loaded
  mailbox.drop(4_096);
  mailbox.begin(2);
  mailbox.listed(Array.from({ length: many - 4_096 }, (_, index) => stored(4_097 + index)), prefix, 0);
  assert.deepEqual([mailbox.complete, mailbox.mails.length], [true, many - 4_096 + 1]);
  assert.equal(mailbox.mails.at(-1)?.head.id, `m${many + 1}`);
});

/** A message set aside until this time, which is its position. */
function aside(stamp: number) {
  const head = { ...headOf(`m${stamp}`), notBeforeMs: stamp };
  return new NewMessage(new ValueEncoder(), prefix, positionOf(stamp, "a"), head, "");
}

/** A full list that ends with a message set aside until 100; five more wait behind it. */
function endingAside(taken: string[] = []): DurableMailbox {
  const mailbox = new DurableMailbox(undefined, ({ head }) => {
    if (head.notBeforeMs !== undefined) taken.push(head.id);
    return head.notBeforeMs !== undefined;
  });
  mailbox.begin(1);
  const { key, value } = aside(100);
  mailbox.listed([stored(1), { key, value, version: "1" }], prefix, 5);
  return mailbox;
}

Deno.test("a DurableMailbox that was listed up to what stepped aside is complete up to there", () => {
  const taken: string[] = [];
  const mailbox = endingAside(taken);
  mailbox.enqueue(committed(50), 0);
  mailbox.ask(ask(60));
  mailbox.enqueue(QueuedMessage.committed(aside(70), "1"), 0);
  mailbox.enqueue(QueuedMessage.committed(aside(150), "1"), 0);
  assert.deepEqual(idsOf(mailbox), ["m1", "m50", "m60"]);
  assert.deepEqual(taken, ["m100", "m70"]);
  assert.deepEqual([mailbox.complete, mailbox.length, mailbox.asideBeyond], [true, 3, 6]);
});

Deno.test("a DurableMailbox takes in nothing that comes behind what stepped aside before it is listed again", () => {
  const told = endingAside();
  told.enqueue(committed(150), 0);
  told.ask(ask(160));
  assert.deepEqual([idsOf(told), told.complete], [["m1"], false]);
  const asked = endingAside();
  asked.ask(ask(150));
  assert.deepEqual([idsOf(asked), asked.complete], [["m1"], false]);
  asked.begin(2);
  asked.listed([stored(140)], prefix, 0);
  assert.deepEqual([idsOf(asked), asked.complete], [["m140", "m150"], true]);
});
