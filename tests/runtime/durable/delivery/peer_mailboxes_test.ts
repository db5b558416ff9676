import assert from "node:assert/strict";
import { VirtualClock } from "@posthorn/posthorn/testing";
import type { StoreSession } from "../../../../runtime/durable/commits/store_session.ts";
import { PeerMailboxes } from "../../../../runtime/durable/delivery/peer_mailboxes.ts";
import type { KeyRange } from "../../../../runtime/ports/store.ts";

const ada = { protocol: "order", key: "ada" };

/** Mailboxes of a store whose lists the test answers. */
function staged() {
  const clock = new VirtualClock();
  const lists: { readonly limit: number; answer(rows: number, bytes?: number): void; fail(): void }[] = [];
  const list = ({ limit }: KeyRange) =>
    new Promise((resolve, reject) => {
      const answer = (rows: number, bytes = 1) =>
        resolve(
          Array.from({ length: Math.min(rows, limit) }, (_, index) => ({
            key: `${index}`,
            version: "1",
            value: new Uint8Array(bytes),
          })),
        );
      lists.push({ limit, answer, fail: () => reject(new Error("away")) });
    });
  const mailboxes = new PeerMailboxes({ clock, connection: { list } } as unknown as StoreSession);
  const said: string[] = [];
  const pass = (name: string) =>
    mailboxes.pass(ada, {
      enter: () => void said.push(name),
      refuse: ({ held, bound, what }) => void said.push(`${name}: ${held} of ${bound} ${what}`),
    });
  const write = (count: number, bytes = 1) => {
    for (let index = 0; index < count; index++) mailboxes.wrote(ada, bytes);
  };
  return { clock, lists, mailboxes, said, pass, write };
}

Deno.test("PeerMailboxes counts nothing for the first messages, and then after each thousand", async () => {
  const { clock, lists, pass, said, write } = staged();
  pass("first");
  write(999);
  assert.equal(lists.length, 0);
  write(1);
  assert.equal(lists.length, 1);
  lists[0].answer(3);
  await clock.settle();
  write(999);
  assert.equal(lists.length, 1);
  write(1);
  assert.equal(lists.length, 2);
  assert.deepEqual(said, ["first"]);
});

Deno.test("PeerMailboxes lets messages wait for a count in their order, and none overtakes them", async () => {
  const { clock, lists, pass, said, write } = staged();
  write(10_000); // while the count that the first thousand began is not answered
  assert.equal(lists.length, 1);
  pass("one");
  pass("two");
  assert.deepEqual(said, []);
  const three = Promise.resolve().then(() => pass("three"));
  lists[0].answer(5);
  await clock.settle();
  await three;
  pass("four");
  assert.deepEqual(said, ["one", "two", "three", "four"]);
});

Deno.test("PeerMailboxes refuses what is over the bound, without a count for each", async () => {
  const { clock, lists, pass, said, write } = staged();
  write(10_000);
  pass("one");
  for (let page = 0; page < 10; page++) {
    lists[page].answer(1_000);
    await clock.settle();
  }
  assert.equal(lists.length, 10);
  pass("two");
  await clock.advance(99);
  pass("three");
  const full = (name: string) => `${name}: 10000 of 10000 messages`;
  assert.deepEqual(said, [full("one"), full("two"), full("three")]);
  assert.equal(lists.length, 10);
  await clock.advance(1);
  pass("four");
  lists[10].answer(0);
  await clock.settle();
  assert.deepEqual(said.slice(3), ["four"]);
});

Deno.test("PeerMailboxes bounds bytes too", async () => {
  const { clock, lists, pass, said, write } = staged();
  write(70, 1_000_000);
  pass("one");
  lists[0].answer(70, 1_000_000);
  await clock.settle();
  assert.deepEqual(said, ["one: 70000000 of 67108864 bytes"]);
});

Deno.test("PeerMailboxes leaves it to the commit if the store cannot be read", async () => {
  const { clock, lists, pass, said, write } = staged();
  write(10_000);
  pass("one");
  lists[0].fail();
  await clock.settle();
  assert.deepEqual(said, ["one"]);
});

Deno.test("PeerMailboxes refuses when too many wait for one count", () => {
  const { pass, said, write } = staged();
  write(10_000);
  for (let index = 0; index < 1_001; index++) pass(`${index}`);
  assert.deepEqual(said, ["1000: 10000 of 10000 messages"]);
});
