// What must not compile of services and transports. `deno check` fails where a line below `@ts-expect-error` compiles
// after all. Which protocols can be reached is checked when a message is sent, and not by the type of the system.

import assert from "node:assert/strict";
import { actor, ask, event, protocol, survey, System, type SystemOptions, tell } from "@posthorn/posthorn";
import { memoryBroker, memoryStore, memoryTransport } from "@posthorn/posthorn/memory";
import { type Transport, transportEngine } from "@posthorn/posthorn/transport";
import * as z from "zod";

const Order = protocol("order", {
  add: tell(z.string()),
  count: ask(z.number()),
  settled: event(z.string()),
});
const Carrier = protocol("carrier", { quote: survey(z.number(), z.number()) });
const broker = memoryBroker();

type Cases = Readonly<Record<string, (...parts: never[]) => unknown>>;

const right: Cases = {
  "a helper takes any system": () => {
    const add = (system: System) => system.ref(Order, "ada").tell(Order.add, "tea");
    return (system: System) => add(system);
  },
  "protocols and operations in one list": () =>
    new System({
      name: "shop",
      actors: [],
      transport: memoryTransport({ broker, expose: [Order.settled, Carrier] }),
      remote: [Order, Carrier.quote],
    }).ref(Order, "ada"),
  "a front without actors": () =>
    new System({ actors: [], peers: [Order, Carrier], store: memoryStore() }).ref(Order, "ada"),
  "options that are put together": () => {
    const options: SystemOptions = { actors: [], remote: [Order.add], name: "shop" };
    return new System({ ...options, store: memoryStore() });
  },
};

const wrong: Cases = {
  "an operation as a peer": () =>
    // @ts-expect-error: a peer is a protocol
    new System({ actors: [], peers: [Order.count] }),
  "an actor as a peer": () =>
    // @ts-expect-error: a peer is a protocol
    new System({ actors: [], peers: [actor(Carrier, { state: () => null, on: { quote: () => 1 } })] }),
  "a misspelt list of peers": () =>
    // @ts-expect-error: it is `peers`
    new System({ actors: [], peer: [Order] }),
  "peers that are no list": () =>
    // @ts-expect-error: it is a list
    new System({ actors: [], peers: Order }),
  "a misspelt option": () =>
    // @ts-expect-error: it is `remote`
    new System({ actors: [], remotes: [Order] }),
  "a protocol by its name": () =>
    // @ts-expect-error: a text is no protocol
    new System({ actors: [], remote: ["order"] }),
  "a protocol that is no list": () =>
    // @ts-expect-error: it is a list
    new System({ actors: [], remote: Order }),
  "an operation without a protocol": () =>
    new System({
      actors: [],
      // @ts-expect-error: an operation needs a name and a protocol, which `protocol` gives it
      remote: [{ mode: "tell" }],
    }),
  "a name that is no text": () =>
    // @ts-expect-error: a number is no name
    new System({ actors: [], name: 5 }),
  "a store as the transport": () =>
    // @ts-expect-error: a store carries nothing between services
    new System({ actors: [], transport: memoryStore() }),
  "expose as an option of the system": () =>
    // @ts-expect-error: it is an option of the transport
    new System({ actors: [], expose: [Order] }),
  "expose an operation alone": () =>
    // @ts-expect-error: it is a list
    memoryTransport({ broker, expose: Order.add }),
  "a transport without its engine": (): Transport => {
    const { traits, expose, open } = memoryTransport({ broker });
    // @ts-expect-error: `engine` is missing
    return { traits, expose, open };
  },
  "an engine of one's own": (): Transport => ({
    ...memoryTransport({ broker }),
    // @ts-expect-error: it is `transportEngine`
    engine: { begin: () => transportEngine },
  }),
  "a status that no transport has": (system: System) =>
    // @ts-expect-error: it is `connected`
    system.health.transport?.status === "up",
  "an operation of another protocol through a handle": (system: System) =>
    // @ts-expect-error: "carrier" is not "order"
    system.ref(Order, "ada").tell(Carrier.quote, 5),
};

Deno.test("misuse of services does not compile: see the cases of this file", () => {
  assert.ok([...Object.values(right), ...Object.values(wrong)].every((use) => typeof use === "function"));
});
