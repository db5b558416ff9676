import assert from "node:assert/strict";
import { ask, event, protocol, submit, survey, System, tell } from "@posthorn/posthorn";
import { probe, seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import * as z from "zod";

const Ledger = protocol("ledger", {
  record: tell(z.string().transform((text) => text.length)),
  total: ask(z.number(), z.number()),
  close: submit(z.string()),
  closed: event(z.string()),
  vote: survey(z.number()),
});

function start(...replies: Parameters<typeof probe>[1][]) {
  const ledger = probe(Ledger, replies[0]);
  const clock = new VirtualClock();
  const system = new System({ actors: [ledger.actor], clock, random: seededRandom(1) });
  return { ledger, clock, system, ref: system.ref(Ledger, "main") };
}

Deno.test("a probe writes down what it gets, in order, as the schema let it through", async () => {
  const { ledger, clock, system, ref } = start({ total: (n) => Number(n) * 2 });
  await using _ = system;
  await ref.tell(Ledger.record, "four", { id: "1" });
  assert.equal(await ref.ask(Ledger.total, 5, { id: "2" }), 10);
  await clock.settle();
  assert.deepEqual(ledger.received, [
    { key: "main", operation: "record", payload: 4, id: "1", causationId: undefined },
    { key: "main", operation: "total", payload: 5, id: "2", causationId: undefined },
  ]);
});

Deno.test("a probe answers what it was told to, and fails what it was not", async () => {
  const { clock, system, ref } = start({ close: () => "closed" });
  await using _ = system;
  assert.equal(await (await ref.submit(Ledger.close)).reply(), "closed");
  await assert.rejects(ref.ask(Ledger.total, 5), {
    name: "TerminalError",
    message: "The probe has no reply for total",
  });
  await ref.tell(Ledger.record, "a"); // a tell needs none
  await clock.settle();
  assert.deepEqual(system.deadLetters.list().map(({ operation }) => operation), ["total"]);
});

Deno.test("next() returns each message once, before or after it comes", async () => {
  const { ledger, clock, system, ref } = start();
  await using _ = system;
  const early = [ledger.next(), ledger.next()];
  for (const text of ["a", "bb", "ccc", "dddd"]) await ref.tell(Ledger.record, text);
  await clock.settle();
  const messages = await Promise.all([...early, ledger.next(), ledger.next()]);
  assert.deepEqual(messages.map(({ payload }) => payload), [1, 2, 3, 4]);
  const late = ledger.next();
  await ref.tell(Ledger.record, "eeeee");
  assert.equal((await late).payload, 5);
  assert.equal(ledger.received.length, 5);
});

Deno.test("a probe shows of a reply which request it answers", async () => {
  const Bank = protocol("bank", { charge: submit(z.string()) });
  const bank = probe(Bank, { charge: () => "paid" });
  const ledger = probe(Ledger);
  await using system = new System({ actors: [bank.actor, ledger.actor], clock: new VirtualClock() });
  const replyTo = system.ref(Ledger, "main").at(Ledger.record);
  const ticket = await system.ref(Bank, "a").submit(Bank.charge, { replyTo });
  assert.equal((await ledger.next()).causationId, ticket.id);
});
