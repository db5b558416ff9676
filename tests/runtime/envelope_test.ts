import assert from "node:assert/strict";
import { protocol, tell } from "@posthorn/posthorn";
import * as z from "zod";
import { type Asker, Envelope, isAsker, type Route } from "../../runtime/envelope.ts";

const Order = protocol("order", { add: tell(z.object({ cents: z.number().default(1) })) });

function envelope(payload: unknown, route: Partial<Route> = {}): Envelope {
  return new Envelope(Order.add, "ada", payload, {
    id: 7,
    causationId: undefined,
    correlationId: undefined,
    replyTo: undefined,
    failTo: undefined,
    deadlineMs: Infinity,
    headers: undefined,
    scope: undefined,
    ...route,
  });
}

Deno.test("Envelope carries what goes into the schema, and gives the handler what comes out", () => {
  const added = envelope({});
  added.check();
  assert.deepEqual([added.payload, added.value], [{}, { cents: 1 }]);
});

Deno.test("Envelope lets its payload through the schema once", () => {
  const added = envelope({});
  added.check();
  const { value } = added;
  added.check();
  assert.equal(added.value, value);
});

Deno.test("Envelope refuses a payload that does not fit, and says for whom", () => {
  assert.throws(() => envelope({ cents: "1" }).check(), {
    code: "invalid-payload",
    message: /^Cannot accept order\/ada add: .* at cents$/,
  });
});

Deno.test("Envelope begins a correlation where it has none", () => {
  assert.equal(envelope({}).correlationId, 7);
  assert.equal(envelope({}, { correlationId: 3 }).correlationId, 3);
});

Deno.test("isAsker tells an asker from an address", () => {
  const asker: Asker = { over: false, reply() {}, fail() {} };
  assert.equal(isAsker(asker), true);
  assert.equal(isAsker({ protocol: "order", key: "ada", operation: "add" }), false);
});
