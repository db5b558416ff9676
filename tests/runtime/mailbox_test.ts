import assert from "node:assert/strict";
import { Mailbox } from "../../runtime/mailbox.ts";
import type { Overflow } from "@posthorn/posthorn";

function full(overflow: Overflow): Mailbox<number, "stop" | "restart"> {
  const mailbox = new Mailbox<number, "stop" | "restart">(3, overflow);
  for (const item of [1, 2, 3]) mailbox.offer(item);
  return mailbox;
}

function drain(mailbox: Mailbox<number, "stop" | "restart">): number[] {
  return Array.from({ length: mailbox.length }, () => mailbox.shift()!);
}

Deno.test("Mailbox gives its items back in the order in which they came", () => {
  assert.deepEqual(drain(full("reject")), [1, 2, 3]);
});

Deno.test("Mailbox gives nothing back when it is empty", () => {
  const mailbox = new Mailbox<number>(3, "reject");
  assert.equal(mailbox.shift(), undefined);
  assert.equal(mailbox.length, 0);
});

Deno.test("Mailbox hands the new item back when it is full and told to reject", () => {
  const mailbox = full("reject");
  assert.equal(mailbox.offer(4), 4);
  assert.deepEqual(drain(mailbox), [1, 2, 3]);
});

Deno.test("Mailbox drops the newest when it is full and told to", () => {
  const mailbox = full("drop-newest");
  assert.equal(mailbox.offer(4), 4);
  assert.deepEqual(drain(mailbox), [1, 2, 3]);
});

Deno.test("Mailbox drops the oldest when it is full and told to", () => {
  const mailbox = full("drop-oldest");
  assert.equal(mailbox.offer(4), 1);
  assert.deepEqual(drain(mailbox), [2, 3, 4]);
});

Deno.test("Mailbox takes what is pushed whatever its bound", () => {
  const mailbox = full("reject");
  mailbox.push(4);
  assert.deepEqual(drain(mailbox), [1, 2, 3, 4]);
});

Deno.test("Mailbox puts an item that was taken back at the front, even when it is full", () => {
  const mailbox = full("reject");
  mailbox.unshift(0);
  assert.deepEqual(drain(mailbox), [0, 1, 2, 3]);
});

Deno.test("Mailbox keeps the order when it grows after its ring has wrapped around", () => {
  const mailbox = new Mailbox<number>(100, "reject");
  for (let item = 0; item < 6; item++) mailbox.offer(item);
  for (let item = 0; item < 5; item++) mailbox.shift();
  for (let item = 6; item < 40; item++) mailbox.offer(item);
  assert.deepEqual(
    Array.from({ length: 35 }, () => mailbox.shift()),
    Array.from({ length: 35 }, (_, i) => i + 5),
  );
});

Deno.test("Mailbox keeps what waits when it is told to release its memory", () => {
  const mailbox = full("reject");
  mailbox.release();
  assert.deepEqual(drain(mailbox), [1, 2, 3]);
});

Deno.test("Mailbox takes items again after it has released its memory", () => {
  const mailbox = full("reject");
  drain(mailbox);
  mailbox.release();
  mailbox.offer(7);
  mailbox.unshift(6);
  assert.deepEqual(drain(mailbox), [6, 7]);
});

Deno.test("Mailbox takes items again after it has released a ring that had grown", () => {
  const mailbox = new Mailbox<number>(100, "reject");
  for (let item = 0; item < 12; item++) mailbox.offer(item);
  while (mailbox.length > 0) mailbox.shift();
  mailbox.release();
  mailbox.offer(7);
  assert.equal(mailbox.shift(), 7);
});

Deno.test("Mailbox gives signals in their order and each once", () => {
  const mailbox = full("reject");
  assert.equal(mailbox.signalled, false);
  for (const signal of ["stop", "restart", "stop"] as const) mailbox.signal(signal);
  assert.equal(mailbox.signalled, true);
  assert.equal(mailbox.takeSignal(), "stop");
  assert.equal(mailbox.takeSignal(), "restart");
  assert.equal(mailbox.takeSignal(), undefined);
  assert.equal(mailbox.signalled, false);
});

Deno.test("Mailbox takes a signal again once it was taken", () => {
  const mailbox = full("reject");
  mailbox.signal("stop");
  mailbox.takeSignal();
  mailbox.signal("stop");
  assert.equal(mailbox.takeSignal(), "stop");
});

Deno.test("Mailbox counts no signal as an item", () => {
  const mailbox = full("reject");
  mailbox.signal("stop");
  assert.equal(mailbox.length, 3);
});
