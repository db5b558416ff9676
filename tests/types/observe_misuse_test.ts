// What must not compile of questions: `deno check`, and every `deno test`, fails where a line below `@ts-expect-error`
// compiles after all.

import assert from "node:assert/strict";
import type { Observation, ObservedActor, Page, System } from "@posthorn/posthorn";

type Cases = Readonly<Record<string, (...args: never[]) => unknown>>;

const misuses: Cases = {
  "actors of no protocol": (observe: Observation) => {
    // @ts-expect-error: whose actors
    return observe.actors();
  },
  "a misspelt filter": (observe: Observation) => {
    // @ts-expect-error: prefix
    return observe.actors({ protocol: "order", key: "a" });
  },
  "a status that no reply has": (observe: Observation) => {
    // @ts-expect-error: pending, done or failed
    return observe.replies({ status: "open" });
  },
  "an actor without its key": (observe: Observation) => {
    // @ts-expect-error: protocol and key
    return observe.actor({ protocol: "order" });
  },
  "an actor that may not be there": async (system: System) => {
    const found = await system.observe.actor({ protocol: "order", key: "ada" });
    // @ts-expect-error: it may be undefined
    return found.messages;
  },
  "a change of an answer": (page: Page<ObservedActor>) => {
    // @ts-expect-error: answers are read
    page.items.push(page.items[0]);
  },
  "a change through a question": (system: System) => {
    // @ts-expect-error: what changes something is not a question
    return system.observe.erase({ protocol: "order", key: "ada" });
  },
};

Deno.test("questions have no misuses that compile", () => {
  assert.equal(Object.keys(misuses).length, 7);
});
