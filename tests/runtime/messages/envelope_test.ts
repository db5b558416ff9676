import assert from "node:assert/strict";
import { protocol, tell } from "@posthorn/posthorn";
import * as z from "zod";
import {
  asks,
  Envelope,
  isReplyTarget,
  nameOf,
  type ReplyTarget,
  Route,
  type RouteExtras,
} from "../../../runtime/messages/envelope.ts";

const Order = protocol("order", { add: tell(z.object({ cents: z.number().default(1) })) });

class Nobody implements ReplyTarget {
  readonly [asks] = true;
  readonly over = true;
  reply(): void {}
  fail(): void {}
}

function envelope(value: unknown, extras?: RouteExtras, correlationId?: number): Envelope {
  const route = new Route(Order.add, undefined, correlationId, undefined, undefined, extras);
  return new Envelope(route, "ada", 7, value);
}

Deno.test("Envelope carries what went into the schema, and gives the handler what came out", () => {
  const added = envelope({ cents: 1 }, { input: { payload: {} } });
  assert.deepEqual([added.payload, added.value], [{}, { cents: 1 }]);
});

Deno.test("Envelope has an input only if the schema changed the payload", () => {
  const value = { cents: 1 };
  assert.equal(envelope(value).payload, value);
  assert.equal(envelope(value, { id: "a" }).payload, value);
  assert.equal(envelope(value, { input: { payload: undefined } }).payload, undefined);
});

Deno.test("Envelope begins a correlation if it has none", () => {
  assert.equal(envelope({}).correlationId, 7);
  assert.equal(envelope({}, undefined, 3).correlationId, 3);
});

Deno.test("Envelope knows its headers and its attempts, and has none of either at first", () => {
  const headers = { traceparent: "00-1" };
  assert.deepEqual([envelope({}).headers, envelope({}).attempts], [undefined, 0]);
  const tried = envelope({}, { headers, attempts: 2 });
  assert.deepEqual([tried.headers, tried.attempts], [headers, 2]);
});

Deno.test("Envelope says to people for whom it is", () => {
  assert.equal(String(envelope({})), "order/ada add");
  assert.equal(nameOf(Order.add, "bob"), "order/bob add");
});

Deno.test("Route is plain while it only says where its messages come from", () => {
  assert.equal(new Route(Order.add, 1, 2).plain, true);
  assert.equal(new Route(Order.add, 1, 2, new Nobody()).plain, false);
  assert.equal(new Route(Order.add, 1, 2, undefined, { atMs: 5, dueMs: 5 }).plain, false);
  assert.equal(new Route(Order.add, 1, 2, undefined, undefined, {}).plain, false);
});

Deno.test("Route with something more keeps all that it had, and is another route", () => {
  const replyTarget = new Nobody();
  const deadline = { atMs: 5, dueMs: 5 };
  const input = { payload: "in" };
  const route = new Route(Order.add, 1, 2, replyTarget, deadline, { input, attempts: 1 });
  const numbered = route.with({ id: 9, attempts: 2 });
  assert.deepEqual(
    { ...numbered },
    {
      operation: Order.add,
      causationId: 1,
      correlationId: 2,
      replyTo: replyTarget,
      deadline,
      extras: { input, attempts: 2, id: 9 },
    },
  );
  assert.deepEqual(route.extras, { input, attempts: 1 });
  assert.equal(numbered.deadline, deadline, "it is the same deadline, which may still move");
});

Deno.test("isReplyTarget() tells a receiver in this process from an address, whatever that contains", () => {
  assert(isReplyTarget(new Nobody()));
  assert(!isReplyTarget(undefined));
  const address = { protocol: "order", key: "ada", operation: "add", over: false, reply() {}, fail() {} };
  assert(!isReplyTarget(address));
});
