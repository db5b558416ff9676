import assert from "node:assert/strict";
import fc from "fast-check";
import { protocol, tell, unchecked } from "@posthorn/posthorn";
import { Route } from "../../runtime/envelope.ts";
import { Outbox, Outboxes, type Outgoing } from "../../runtime/outbox.ts";

const Mail = protocol("mail", { post: tell(unchecked<unknown>()) });
const routes = [0, 1, 2].map((cause) => new Route(Mail.post, cause));
const receivers = ["ada", "bob", "cyd"].map((key) => ({ protocol: "mail", key }));

/** All that it keeps, whatever for. */
function keptIn(outbox: Outbox): unknown[] {
  const { slots, last } = outbox as unknown as { readonly slots: unknown[]; readonly last: unknown };
  return [...slots, last].filter((kept) => kept !== undefined);
}

function deliveredFrom(outbox: Outbox): Outgoing[] {
  const delivered: Outgoing[] = [];
  outbox.deliver({ deliver: (to, route, payload) => void delivered.push({ to, route, payload }) });
  return delivered;
}

const message: fc.Arbitrary<Outgoing> = fc.record({
  to: fc.constantFrom(...receivers),
  route: fc.constantFrom(...routes),
  payload: fc.constantFrom<unknown>(undefined, null, 0, "text", routes[0], receivers[0]),
});

Deno.test("Outbox delivers what was put in, in its order, again and again, and keeps nothing when it is cleared", () => {
  const outbox = new Outbox();
  fc.assert(
    fc.property(fc.array(message, { maxLength: 200, size: "max" }), (messages) => {
      for (const { to, route, payload } of messages) outbox.push(to, route, payload);
      for (const delivered of [outbox.list(), deliveredFrom(outbox)]) {
        assert.equal(delivered.length, messages.length);
        delivered.forEach(({ to, route, payload }, index) => {
          const sent = messages[index];
          assert(
            to === sent.to && route === sent.route && payload === sent.payload,
            `message ${index} is another`,
          );
        });
      }
      outbox.clear();
      assert.deepEqual(outbox.list(), []);
      assert.equal(keptIn(outbox).length, 0);
    }),
    { seed: 4, numRuns: 300 },
  );
});

Deno.test("Outbox keeps a route once for all messages in a row that have it", () => {
  const [one, other] = [new Outbox(), new Outbox()];
  for (let count = 0; count < 1_000; count++) {
    one.push(receivers[0], routes[0], count);
    other.push(receivers[0], routes[count % 2], count);
  }
  assert.equal(one.size, 2_048);
  assert.equal(other.size, 4_096);
});

Deno.test("Outbox keeps the route that came last before it was cleared no longer", () => {
  const outbox = new Outbox();
  outbox.push(receivers[0], routes[0], 1);
  outbox.clear();
  outbox.push(receivers[1], routes[0], 2);
  assert.deepEqual(outbox.list(), [{ to: receivers[1], route: routes[0], payload: 2 }]);
});

Deno.test("Outboxes give one back that was given to them, empty", () => {
  const outboxes = new Outboxes();
  const outbox = outboxes.take();
  outbox.push(receivers[0], routes[0], 1);
  outboxes.give(outbox);
  assert.equal(outboxes.take(), outbox);
  assert.deepEqual(keptIn(outbox), []);
});

Deno.test("Outboxes never give the same to two at once", () => {
  const outboxes = new Outboxes();
  outboxes.give(outboxes.take());
  const taken = Array.from({ length: 10 }, () => outboxes.take());
  assert.equal(new Set(taken).size, 10);
});

Deno.test("Outboxes keep 64, and none that has grown past 8,192 places", () => {
  const outboxes = new Outboxes();
  const all = Array.from({ length: 100 }, () => outboxes.take());
  for (const outbox of all) outboxes.give(outbox);
  const again = Array.from({ length: 100 }, () => outboxes.take());
  assert.equal(again.filter((outbox) => all.includes(outbox)).length, 64);
  const [large, largest] = [4_095, 4_096].map((messages) => {
    const outbox = new Outbox();
    for (let count = 0; count < messages; count++) outbox.push(receivers[0], routes[0], count);
    return outbox;
  });
  assert.deepEqual([large.size, largest.size], [8_192, 16_384]);
  for (const outbox of [large, largest]) outboxes.give(outbox);
  assert.equal(outboxes.take(), large);
  assert.notEqual(outboxes.take(), largest);
  assert.deepEqual(keptIn(largest), []);
});
