// Events over a transport without a broker that divides them: each service gets them through a lane of its own.

import assert from "node:assert/strict";
import { actor, event, PosthornError, protocol, survey, System, tell } from "@posthorn/posthorn";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import type { Parcel, Refusal } from "@posthorn/posthorn/transport";
import * as z from "zod";
import { inMemory, type Stage } from "../durable/durable_stage.ts";
import { FakeTransport } from "./fake_transport.ts";

const Shop = protocol("shop", {
  opened: event(z.string(), { subject: (name) => name }),
  quote: survey(z.number(), z.number()),
  open: tell(z.string()),
});

const shop = (transient: boolean) =>
  actor(Shop, {
    state: () => 0,
    transient,
    on: { open: (ctx, name) => ctx.publish(Shop.opened, name), quote: () => undefined },
  });

/** A transport that names three services, one of which is the one that has it. */
class NamingTransport extends FakeTransport {
  readonly recipients: readonly string[] = ["shop", "books", "mail"];

  constructor() {
    super([Shop.opened, Shop.quote], { holds: "sender" });
  }

  /** What each service has, in order. */
  takenBy(service: string): string[] {
    const own = this.taken.filter(({ to }) => to.kind === "event" && to.service === service);
    return own.map(({ body }) => JSON.parse(new TextDecoder().decode(body)));
  }
}

const isOf = (service: string, [{ to }]: readonly Parcel[]) => to.kind === "event" && to.service === service;

/** Takes what other services are sent, but nothing of one that is away. */
function away(transport: FakeTransport, service: string) {
  transport.answer = (batch) => {
    if (isOf(service, batch)) {
      return Promise.reject(new PosthornError("transport-unavailable", `${service} is away`));
    }
    transport.take(batch);
    return batch.map(() => undefined);
  };
}

async function start(stage: Stage, limits = {}) {
  const transport = new NamingTransport();
  const system = await stage.start([shop(false)], { name: "shop", transport, limits });
  return { transport, system };
}

/** The lanes of the outbox that have rows. */
async function lanesOf(stage: Stage): Promise<string[]> {
  return (await stage.keys("out")).map((key) => key.split(" ")[1]);
}

inMemory("a service that is away keeps no event from another one", async (stage) => {
  const { transport, system } = await start(stage);
  away(transport, "mail");
  for (const name of ["a", "b", "c"]) await system.publish(Shop.opened, name);
  await system.ref(Shop, "x").tell(Shop.open, "d");
  await stage.settle();
  assert.deepEqual(transport.takenBy("books"), ["a", "b", "c", "d"]);
  assert.deepEqual(new Set(await lanesOf(stage)), new Set(["event:shop.opened@mail"]));
  assert.deepEqual(transport.takenBy("shop"), [], "a service is not sent its own events");
  transport.answer = undefined;
  await stage.pass(10_000);
  assert.deepEqual(transport.takenBy("mail"), ["a", "b", "c", "d"]);
  assert.deepEqual(await lanesOf(stage), []);
});

inMemory("an event has one id for all services, so that each recognises its repeats", async (stage) => {
  const { transport, system } = await start(stage);
  await system.publish(Shop.opened, "a", { id: "given" });
  await stage.settle();
  assert.deepEqual(transport.taken.map(({ id }) => id), ["given", "given"]);
});

inMemory(
  "a lane without room refuses an event from outside, and of a turn only its own copy is a dead letter",
  async (stage) => {
    const { transport, system } = await start(stage, { outbox: 2 });
    away(transport, "mail");
    for (const name of ["a", "b"]) await system.publish(Shop.opened, name);
    await assert.rejects(system.publish(Shop.opened, "c"), { code: "outbox-full" });
    for (let sent = 0; sent < 19; sent++) await system.ref(Shop, "x").tell(Shop.open, `turn ${sent}`);
    await stage.settle();
    assert.equal(transport.takenBy("books").length, 2 + 19);
    const letters = system.deadLetters.list();
    assert.deepEqual(letters.map(({ reason }) => reason), ["outbox-full"]);
    transport.answer = undefined;
    await stage.pass(10_000);
    assert.equal(transport.takenBy("mail").length, 2 + 18);
    await system.deadLetters.resend(letters[0].id);
    await stage.settle();
    assert.deepEqual([transport.takenBy("books").length, transport.takenBy("mail").length], [21, 21]);
  },
);

inMemory("what one service refuses is a dead letter that is sent to it alone again", async (stage) => {
  const { transport, system } = await start(stage);
  transport.answer = (batch): (Refusal | undefined)[] => {
    if (isOf("mail", batch)) return batch.map(() => ({ code: "refused", message: "not wanted" }));
    transport.take(batch);
    return batch.map(() => undefined);
  };
  await system.publish(Shop.opened, "a");
  await stage.settle();
  const [letter] = system.deadLetters.list();
  assert.equal(letter.reason, "undeliverable");
  transport.answer = undefined;
  await system.deadLetters.resend(letter.id);
  await stage.settle();
  assert.deepEqual([transport.takenBy("books"), transport.takenBy("mail")], [["a"], ["a"]]);
});

/** A system without a store. */
function inProcess() {
  const clock = new VirtualClock();
  const transport = new NamingTransport();
  const random = seededRandom(3);
  const system = new System({
    name: "shop",
    actors: [shop(true)],
    transport,
    clock,
    random,
    drainMs: 0,
    log: false,
  });
  return { clock, transport, system, [Symbol.asyncDispose]: () => system[Symbol.asyncDispose]() };
}

Deno.test("without a store an event is accepted when each service has it", async () => {
  await using world = inProcess();
  const { clock, transport, system } = world;
  await system.ready();
  away(transport, "mail");
  let accepted = false;
  const publishing = system.publish(Shop.opened, "a").then(() => void (accepted = true));
  await clock.advance(500);
  assert.deepEqual([transport.takenBy("books"), accepted], [["a"], false]);
  transport.answer = undefined;
  await clock.advance(10_000);
  await publishing;
  assert.deepEqual([transport.takenBy("books"), transport.takenBy("mail")], [["a"], ["a"]]);
});

Deno.test("without a store what one service refuses of a turn is a dead letter that is sent to it alone again", async () => {
  await using world = inProcess();
  const { clock, transport, system } = world;
  await system.ready();
  transport.answer = (batch): (Refusal | undefined)[] => {
    if (isOf("mail", batch)) return batch.map(() => ({ code: "refused", message: "not wanted" }));
    transport.take(batch);
    return batch.map(() => undefined);
  };
  await system.ref(Shop, "x").tell(Shop.open, "a");
  await clock.settle();
  const [letter] = system.deadLetters.list();
  transport.answer = undefined;
  await system.deadLetters.resend(letter.id);
  await clock.settle();
  assert.deepEqual([transport.takenBy("books"), transport.takenBy("mail")], [["a"], ["a"]]);
});

Deno.test("a survey that one service refuses still gets the replies of the other one", async () => {
  await using world = inProcess();
  const { clock, transport, system } = world;
  await system.ready();
  transport.answer = (batch): (Refusal | undefined)[] => {
    if (isOf("mail", batch)) return batch.map(() => ({ code: "refused", message: "not wanted" }));
    transport.take(batch);
    return batch.map(() => undefined);
  };
  const replies: number[] = [];
  const collecting = (async () => {
    for await (const reply of system.survey(Shop.quote, 2, { timeoutMs: 1_000, max: 1 })) replies.push(reply);
  })();
  await clock.settle();
  const [survey] = transport.taken;
  const delivery = {
    key: "",
    body: new TextEncoder().encode("7"),
    headers: {},
    correlationId: survey.correlationId,
    again: false,
  };
  await transport.receivers.get("process")!.take([delivery], {
    shard: "0",
    signal: new AbortController().signal,
  });
  await clock.advance(1_000);
  await collecting;
  assert.deepEqual(replies, [7]);
});
