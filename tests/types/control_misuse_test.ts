// What must not compile of what an operator does: `deno check`, and every `deno test`, fails where a line below
// `@ts-expect-error` compiles after all.

import assert from "node:assert/strict";
import { protocol, type System, tell, type Ticket } from "@posthorn/posthorn";
import type { OpenedControl } from "@posthorn/posthorn/store";
import * as z from "zod";

const Order = protocol("order", { add: tell(z.string()) });

const cases: Readonly<
  Record<string, (system: System, outside: OpenedControl, ticket: Ticket<string>) => unknown>
> = {
  // @ts-expect-error: a protocol is paused by its name
  "a protocol": ({ control }) => control.pause(Order),
  // @ts-expect-error: `{}` means all dead letters, and nothing means none
  "no filter": ({ control }) => control.discardAll(),
  // @ts-expect-error: a misspelt field would match all
  "a misspelt field": ({ control }) => control.resendAll({ protocl: "order" }),
  // @ts-expect-error: an actor is a protocol and a key
  "a text": ({ control }) => control.erase("order/ada"),
  // @ts-expect-error: a request is named by the id of its ticket
  "a ticket": ({ control }, _outside, ticket) => control.cancelRequest(ticket),
  // @ts-expect-error: what is not in the store is done where the actor is hosted
  "from outside": (_system, outside) => outside.passivate({ protocol: "order", key: "ada" }),
  // @ts-expect-error: the actions are those of a system, and are not replaced
  "another control": (system, outside) => system.control = outside,
};

Deno.test("what an operator must not do does not compile", () => {
  assert.equal(Object.keys(cases).length, 7);
});

Deno.test("a handle names an actor for an operator", () => {
  const use = (system: System) => system.control.passivate(system.ref(Order, "ada"));
  assert.equal(typeof use, "function");
});
