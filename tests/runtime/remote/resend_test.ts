// Dead letters to other services: sent again they are what they were, so that whoever has them already knows them.

import assert from "node:assert/strict";
import { actor, event, protocol, submit, tell } from "@posthorn/posthorn";
import type { Parcel } from "@posthorn/posthorn/transport";
import * as z from "zod";
import { inMemory, type Stage } from "../durable/durable_stage.ts";
import { FakeTransport } from "./fake_transport.ts";
import { Services } from "./services.ts";

const Ledger = protocol("ledger", { note: tell(z.string()), book: submit(z.number(), z.string()) });
const Shop = protocol("shop", {
  buy: tell(z.string()),
  booked: tell(z.string()),
  failed: tell(z.object({ id: z.string(), code: z.string(), message: z.string() })),
  opened: event(z.string()),
  open: tell(z.string()),
});

/** What the actors of a shop have heard of their bookings. */
function shopThatNotes(heard: string[]) {
  return actor(Shop, {
    state: () => 0,
    on: {
      buy: (ctx, line) => {
        const answers = { replyTo: ctx.self.at(Shop.booked), failTo: ctx.self.at(Shop.failed) };
        ctx.ref(Ledger, "main").submit(Ledger.book, 5, answers);
        ctx.ref(Ledger, "main").tell(Ledger.note, line);
      },
      booked: (_, line) => void heard.push(`booked ${line}`),
      failed: (_, { code }) => void heard.push(`failed ${code}`),
      open: (ctx, line) => ctx.publish(Shop.opened, line),
    },
    retry: { attempts: 1 },
  });
}

async function start(stage: Stage, heard: string[] = []) {
  const transport = new FakeTransport();
  const options = { name: "shop", remote: [Ledger], transport, deduplicationWindowMs: 120_000 };
  const system = await stage.start([shopThatNotes(heard)], options);
  const receiver = transport.receivers.get("inbox shop")!;
  const tenure = { shard: "0", signal: new AbortController().signal };
  await receiver.begin(tenure);
  const reply = async ({ correlationId }: Parcel, id: string) => {
    const body = new TextEncoder().encode('"page 7"');
    await receiver.take([{ key: "a", body, correlationId, id, headers: {}, again: false }], tenure);
    await stage.settle();
  };
  return { system, transport, reply };
}

inMemory("a letter that is sent again has its sender, its id and the name of its reply", async (stage) => {
  const { system, transport } = await start(stage);
  transport.answer = (batch) => {
    transport.take(batch); // it has them, and says that it has not
    return batch.map(() => ({ code: "refused", message: "not now" }));
  };
  await system.ref(Shop, "a").tell(Shop.buy, "tea");
  await stage.settle();
  const first = transport.taken.splice(0);
  transport.answer = undefined;
  for (const { id } of system.deadLetters.list()) await system.deadLetters.resend(id);
  await stage.settle();
  assert.equal(first.length, 2);
  assert.deepEqual(transport.taken, first);
});

inMemory(
  "of a request that became a dead letter no reply is taken, until it is sent again",
  async (stage) => {
    const heard: string[] = [];
    const { system, transport, reply } = await start(stage, heard);
    transport.answer = (batch) => {
      transport.take(batch);
      return batch.map(() => ({ code: "refused", message: "not now" }));
    };
    await system.ref(Shop, "a").tell(Shop.buy, "tea");
    await stage.settle();
    await reply(transport.taken[0], "1");
    assert.deepEqual(heard, ["failed undeliverable"]);
    const letters = system.deadLetters.list();
    assert.deepEqual(letters.map(({ reason }) => reason).toSorted(), [
      "late-reply",
      "undeliverable",
      "undeliverable",
    ]);
    transport.answer = undefined;
    for (const { id, operation } of letters) if (operation === "book") await system.deadLetters.resend(id);
    await stage.settle();
    await reply(transport.taken[2], "2");
    assert.deepEqual(heard, ["failed undeliverable", "booked page 7"]);
  },
);

inMemory("a request that was answered before its row could be removed does not expire", async (stage) => {
  const heard: string[] = [];
  const { system, transport, reply } = await start(stage, heard);
  transport.answer = (batch) => {
    transport.take(batch);
    throw new Error("nobody knows");
  };
  await system.ref(Shop, "a").tell(Shop.buy, "tea");
  await stage.settle();
  await reply(transport.taken[0], "1");
  await stage.pass(90_000, 1_000);
  assert.deepEqual(heard, ["booked page 7"]);
  assert.deepEqual(system.deadLetters.list().map(({ operation }) => operation), ["note"]);
  assert.deepEqual(await stage.keys("out"), []);
});

Deno.test("without a store, an event that others did not get is sent again to them alone", async () => {
  await using services = new Services();
  const system = await services.start("shop", [shopThatNotes([])], { expose: [Shop.opened] });
  const heard: string[] = [];
  using _listening = system.subscribe(Shop.opened, (line) => void heard.push(line));
  await services.pass(100);
  const large = "x".repeat(2_000_000);
  await services.during(system.ref(Shop, "a").tell(Shop.open, large));
  await services.pass(100);
  assert.equal(heard.length, 1);
  const [{ id, reason, payload }] = system.deadLetters.list();
  assert.deepEqual([reason, payload], ["too-large", large]);
  await assert.rejects(services.during(Promise.resolve(system.deadLetters.resend(id))), {
    code: "too-large",
  });
  await services.pass(100);
  assert.equal(heard.length, 1);
});
