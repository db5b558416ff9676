import assert from "node:assert/strict";
import fc from "fast-check";
import { protocol, tell, unchecked } from "@posthorn/posthorn";
import { Route } from "../../../runtime/messages/envelope.ts";
import { Outbox, type Outgoing } from "../../../runtime/messages/outbox.ts";

const Mail = protocol("mail", { post: tell(unchecked<unknown>()), other: tell(unchecked<unknown>()) });
const late = { atMs: 1, dueMs: 1 };
const routes = [
  new Route(Mail.post, 0),
  new Route(Mail.other, 0),
  new Route(Mail.post, 0, 0, undefined, late),
  new Route(Mail.other, 0, 0, undefined, undefined, { headers: {} }),
];
const receivers = ["ada", "bob", "cyd"].map((key) => ({ protocol: "mail", key }));

function outboxOf(messages: readonly Outgoing[]): Outbox {
  const outbox = new Outbox();
  for (const { to, route, payload } of messages) outbox.push(to, route, payload);
  return outbox;
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

/** Including numbers that fill chunks exactly. */
const messages = fc.oneof(
  fc.array(message, { maxLength: 2_000, size: "max" }),
  fc.constantFrom(0, 1, 8, 24, 56, 1_016, 1_528).chain((length) =>
    fc.array(message, { minLength: length, maxLength: length, size: "max" })
  ),
);

Deno.test("Outbox delivers what was put in, in its order, and again", () => {
  fc.assert(
    fc.property(messages, (messages) => {
      const outbox = outboxOf(messages);
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
    }),
    { seed: 4, numRuns: 200 },
  );
});

Deno.test("Outbox finds only a plain route of that operation, and finds it where one of the last went it", () => {
  fc.assert(
    fc.property(messages, fc.constantFrom(Mail.post, Mail.other), (messages, operation) => {
      const found = outboxOf(messages).routeTo(operation);
      const known = messages.map(({ route }) => route).filter((route) =>
        route.plain && route.operation === operation
      );
      assert(found === undefined || known.includes(found));
      if (messages.at(-1)?.route === known.at(-1) && messages.length % 8 !== 0) {
        assert.equal(found, known.at(-1));
      }
    }),
    { seed: 5, numRuns: 200 },
  );
});

Deno.test("Outbox finds only plain routes of the operation, in whatever turn its sender sends to several", () => {
  fc.assert(
    fc.property(messages, (messages) => {
      const outbox = new Outbox();
      messages.forEach(({ to, route, payload }, index) => {
        const found = outbox.routeTo(route.operation);
        const lately = messages.slice(Math.max(index - 8, 0), index).map(({ route }) => route);
        if (found !== undefined) assert(found.plain && found.operation === route.operation);
        if (found !== undefined) assert(messages.slice(0, index).some(({ route }) => route === found));
        else if (index < 8) {
          assert(!lately.some(({ plain, operation }) => plain && operation === route.operation));
        }
        outbox.push(to, route, payload);
      });
    }),
    { seed: 6, numRuns: 100 },
  );
});

Deno.test("Outbox knows the routes of a sender that sends to eight operations in turn, and still when it changes over", () => {
  const operations = Array.from({ length: 8 }, () => protocol("many", { post: tell() }).post);
  const outbox = new Outbox();
  let made = 0;
  const send = (operation: typeof operations[number]) => {
    const found = outbox.routeTo(operation);
    if (found === undefined) made++;
    outbox.push(receivers[0], found ?? new Route(operation, 0), undefined);
  };
  for (let index = 0; index < 1_000; index++) send(operations[index % 8]);
  assert.equal(made, 8 + 6 * 7); // 6 more chunks, of which only the first message reads the previous chunk
  for (let index = 0; index < 15; index++) send(operations[index % 3]); // within the chunk
  assert.equal(made, 8 + 6 * 7);
});
