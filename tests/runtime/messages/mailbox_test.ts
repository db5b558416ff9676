import assert from "node:assert/strict";
import { Mailbox } from "../../../runtime/messages/mailbox.ts";
import { drain, routeOf, takeFrom } from "./mail.ts";

type Signal = "stop" | "restart";

/** Shows whether a ring was created: most mailboxes must never have one. */
class OpenMailbox extends Mailbox<Signal> {
  get hasRing(): boolean {
    return this.ring !== undefined;
  }
}

function mailboxOf(...values: number[]): OpenMailbox {
  const mailbox = new OpenMailbox();
  for (const value of values) push(mailbox, value);
  return mailbox;
}

function push(mailbox: OpenMailbox, ...values: number[]): void {
  for (const value of values) mailbox.push(routeOf(value), value);
}

function unshift(mailbox: OpenMailbox, value: number): void {
  mailbox.unshift(routeOf(value), value);
}

Deno.test("Mailbox gives its messages back in the order in which they came", () => {
  assert.deepEqual(drain(mailboxOf(1, 2, 3)), [1, 2, 3]);
});

Deno.test("Mailbox has no message when it is empty, before and after there were some", () => {
  const mailbox = mailboxOf();
  assert.deepEqual([mailbox.route, mailbox.length], [undefined, 0]);
  push(mailbox, 1, 2, 3);
  drain(mailbox);
  assert.deepEqual([mailbox.route, mailbox.length], [undefined, 0]);
});

Deno.test("Mailbox makes a ring for the second message that waits, and none for a lone one", () => {
  const mailbox = mailboxOf();
  for (const value of [1, 2, 3]) {
    push(mailbox, value);
    assert.equal(takeFrom(mailbox), value);
  }
  assert.equal(mailbox.hasRing, false);
  push(mailbox, 4, 5);
  assert.equal(mailbox.hasRing, true);
  assert.deepEqual(drain(mailbox), [4, 5]);
});

Deno.test("Mailbox keeps the order when a lone message lies before a ring that is there already", () => {
  const mailbox = mailboxOf(1, 2);
  drain(mailbox);
  push(mailbox, 3, 4);
  assert.deepEqual(drain(mailbox), [3, 4]);
  unshift(mailbox, 5);
  push(mailbox, 6);
  assert.deepEqual(drain(mailbox), [5, 6]);
});

for (
  const [state, before, waiting] of [
    ["empty", (_mailbox: OpenMailbox) => {}, []],
    ["with a lone message", (mailbox: OpenMailbox) => push(mailbox, 1), [1]],
    ["with a lone message before a ring", (mailbox: OpenMailbox) => push(mailbox, 1, 2, 3), [1, 2, 3]],
    ["with a ring alone", (mailbox: OpenMailbox) => {
      push(mailbox, 1, 2, 3);
      takeFrom(mailbox);
    }, [2, 3]],
    ["with an empty ring", (mailbox: OpenMailbox) => {
      push(mailbox, 1, 2);
      drain(mailbox);
    }, []],
    ["with a lone message before an empty ring", (mailbox: OpenMailbox) => {
      push(mailbox, 1, 2);
      drain(mailbox);
      unshift(mailbox, 3);
    }, [3]],
    ["that has let its ring go", (mailbox: OpenMailbox) => {
      push(mailbox, 1, 2);
      drain(mailbox);
      mailbox.release();
    }, []],
  ] as const
) {
  Deno.test(`Mailbox ${state} puts messages that were taken back at the front, the last first`, () => {
    const mailbox = mailboxOf();
    before(mailbox);
    unshift(mailbox, 8);
    unshift(mailbox, 9);
    push(mailbox, 7);
    assert.equal(mailbox.length, waiting.length + 3);
    assert.deepEqual(drain(mailbox), [9, 8, ...waiting, 7]);
  });
}

Deno.test("Mailbox keeps what waits when it is told to release its memory", () => {
  const mailbox = mailboxOf(1, 2, 3);
  mailbox.release();
  assert.deepEqual(drain(mailbox), [1, 2, 3]);
  const lone = mailboxOf(1);
  lone.release();
  assert.deepEqual(drain(lone), [1]);
});

Deno.test("Mailbox frees its ring on request if the ring is empty", () => {
  const mailbox = mailboxOf(1, 2, 3);
  drain(mailbox);
  unshift(mailbox, 4);
  mailbox.release();
  assert.equal(mailbox.hasRing, false);
  assert.deepEqual(drain(mailbox), [4]);
});

Deno.test("Mailbox takes messages again after it has released a ring that had grown", () => {
  const mailbox = mailboxOf(...Array.from({ length: 3_000 }, (_, value) => value));
  drain(mailbox);
  mailbox.release();
  push(mailbox, 7, 8, 9);
  assert.deepEqual(drain(mailbox), [7, 8, 9]);
});

Deno.test("Mailbox keeps nothing of a lone message that was taken out", () => {
  const mailbox = mailboxOf(1);
  takeFrom(mailbox);
  assert(Object.values(mailbox).every((value) => value === undefined));
});

Deno.test("Mailbox gives signals in their order and each once", () => {
  const mailbox = mailboxOf(1, 2, 3);
  assert.equal(mailbox.signalled, false);
  for (const signal of ["stop", "restart", "stop"] as const) mailbox.signal(signal);
  assert.equal(mailbox.signalled, true);
  assert.equal(mailbox.takeSignal(), "stop");
  assert.equal(mailbox.takeSignal(), "restart");
  assert.equal(mailbox.takeSignal(), undefined);
  assert.equal(mailbox.signalled, false);
});

Deno.test("Mailbox takes a signal again once it was taken", () => {
  const mailbox = mailboxOf(1);
  mailbox.signal("stop");
  mailbox.takeSignal();
  mailbox.signal("stop");
  assert.equal(mailbox.takeSignal(), "stop");
});

Deno.test("Mailbox counts no signal as a message", () => {
  const mailbox = mailboxOf(1, 2, 3);
  mailbox.signal("stop");
  assert.equal(mailbox.length, 3);
});
