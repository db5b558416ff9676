// Events and surveys of other services go to the topic of this one, and from there to its subscribers.

import assert from "node:assert/strict";
import { inMemory } from "../durable/durable_stage.ts";
import {
  delivered,
  lettersOf,
  Market,
  notesOf,
  Order,
  outboxOf,
  quotes,
  reader,
  settled,
  tenureOf,
} from "./intake_stage.ts";
import { quoted, quotedAt } from "./quoting.ts";

inMemory(
  "an event of another service reaches each subscriber once, in order, by its subject",
  async (stage) => {
    const { receiver, system } = await reader(stage);
    const heard: string[] = [];
    using listening = system.subscribe(Market.settled, (text) => void heard.push(text));
    await listening.ready;
    await system.subscribe(Market.settled, system.ref(Order, "ada").at(Order.add), { subject: "de.*" }).ready;
    const receiving = receiver(settled);
    const tenure = tenureOf();
    await receiving.begin(tenure);
    const events = ["de.berlin a", "fr.paris b", "de.bonn c"].map((text) =>
      delivered("settled", text, { id: text[text.length - 1], key: "forged.subject" })
    );
    await receiving.take(events, tenure);
    await receiving.take([
      ...events.map((one) => ({ ...one, again: true })),
      delivered("settled", "de.ulm d", { id: "d" }),
    ], tenure);
    await stage.settle();
    assert.deepEqual(await notesOf(system), ["de.berlin a", "de.bonn c", "de.ulm d"]);
    assert.deepEqual(heard, ["de.berlin a", "fr.paris b", "de.bonn c", "de.ulm d"]);
  },
);

inMemory("a service does not hear its own events by way of the broker", async (stage) => {
  const { receiver, system } = await reader(stage);
  await system.subscribe(Market.settled, system.ref(Order, "ada").at(Order.add)).ready;
  const receiving = receiver(settled);
  const tenure = tenureOf();
  await receiving.begin(tenure);
  await receiving.take([
    delivered("settled", "de own", { id: "1", headers: { "posthorn-sender": "orders/order/ada" } }),
    delivered("settled", "de other", { id: "2", headers: { "posthorn-sender": "market" } }),
  ], tenure);
  await stage.settle();
  assert.deepEqual(await notesOf(system), ["de other"]);
});

inMemory("an event that was heard is not sent out again", async (stage) => {
  const started = await reader(stage, { expose: [Order.add] });
  const receiving = started.receiver(settled);
  const tenure = tenureOf();
  await receiving.begin(tenure);
  await receiving.take(
    [delivered("settled", "de tea", { id: "1", replyTo: "q", correlationId: "c" })],
    tenure,
  );
  await stage.settle();
  assert.deepEqual(await outboxOf(started), []);
  assert.deepEqual(lettersOf(started.system), []);
});

inMemory(
  "each respondent answers a survey of another service, and a late survey is dropped",
  async (stage) => {
    const started = await reader(stage, { expose: [] }, [quoted()]);
    const { receiver, system } = started;
    for (const key of ["ada", "bob"]) await system.subscribe(Market.quote, quotedAt(system, key)).ready;
    const receiving = receiver(quotes);
    const tenure = tenureOf();
    await receiving.begin(tenure);
    const expiresAtMs = stage.clock.now() + 1_000;
    await receiving.take([
      delivered("quote", "tea", { id: "1", replyTo: "q", correlationId: "c", expiresAtMs }),
      delivered("quote", "late", {
        id: "2",
        replyTo: "q",
        correlationId: "c",
        expiresAtMs: stage.clock.now(),
      }),
    ], tenure);
    await stage.settle();
    assert.deepEqual((await outboxOf(started)).toSorted(), [
      'q c json "ada: tea"',
      'q c json "bob: tea"',
    ]);
  },
);
