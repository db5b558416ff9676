// Asks of other services are started at most once, and answered at once from memory.

import assert from "node:assert/strict";
import { sourceKey } from "../../../runtime/durable/rows/keys.ts";
import { inMemory } from "../durable/durable_stage.ts";
import { delivered, lettersOf, notesOf, Order, order, reader, shown, tenureOf } from "./intake_stage.ts";

const asked = { replyTo: "q", correlationId: "c1" };

inMemory("an ask is answered where it came from, with what its reply belongs to", async (stage) => {
  const { receiver, sent } = await reader(stage);
  const receiving = receiver();
  const tenure = tenureOf();
  await receiving.begin(tenure);
  const headers = { "posthorn-correlation": "chain", traceparent: "00-1-2-03" };
  await receiving.take([
    delivered("add", "tea", { id: "a" }),
    delivered("total", undefined, { id: "t", ...asked, headers, expiresAtMs: stage.clock.now() + 1_000 }),
  ], tenure);
  await stage.settle();
  assert.deepEqual(sent.map(shown), ['q c1 json ["tea"]']);
  assert.deepEqual(sent[0].headers, {
    "posthorn-sender": "orders/order/ada",
    "posthorn-cause": "t",
    "posthorn-correlation": "chain",
    "posthorn-reply": "true",
    traceparent: "00-1-2-03",
  });
  assert.equal(sent[0].expiresAtMs, stage.clock.now() + 1_000);
  assert.match(sent[0].id, /^[!-~]{1,255}$/);
});

inMemory("an ask runs at most once: a repeat is told that nobody knows its outcome", async (stage) => {
  let runs = 0;
  const counted = order();
  const { receiver, sent } = await reader(stage, {}, [counted]);
  const receiving = receiver();
  const tenure = tenureOf();
  await receiving.begin(tenure);
  const ask = delivered("total", undefined, { id: "t", ...asked });
  await receiving.take([ask, ask], tenure);
  await receiving.take([{ ...ask, again: true }], tenure);
  await receiving.take([ask], tenure);
  await receiving.take([delivered("total", undefined, { ...asked, again: true })], tenure); // nothing names it
  await receiving.take([delivered("total", undefined, { id: "fresh", ...asked, again: true })], tenure);
  await stage.settle();
  for (const line of sent.map(shown)) if (line === "q c1 json []") runs++;
  assert.equal(runs, 2, "the one that was handed over again without having been accepted runs");
  const problems = sent.map(shown).filter((line) => line.includes("outcome-unknown"));
  assert.equal(problems.length, 4);
});

inMemory(
  "asks that no log keeps need no commit, so that each process answers its share of them",
  async (stage) => {
    const { receiver, sent, open } = await reader(stage, { reads: "log" });
    const [here, there] = [receiver(), receiver()];
    const [ours, theirs] = [tenureOf("asks"), tenureOf("asks")];
    await here.begin(ours);
    await there.begin(theirs);
    const ask = (id: string) => delivered("total", undefined, { id, ...asked });
    await here.take([ask("a")], ours);
    await there.take(
      [ask("b"), { ...ask("c"), body: new Uint8Array([123]), contentType: "text/csv" }],
      theirs,
    );
    await here.take([ask("d")], ours);
    await stage.settle();
    assert.deepEqual(sent.map(shown).filter((line) => line === "q c1 json []").length, 3);
    const [source] = await open.session.connection.read([sourceKey("inbox:order", "asks")]);
    assert.equal(source, undefined, "no row says who reads them");
  },
);

inMemory(
  "asks that a tenure hands over once need no commit, and a repeat of any other message is still recognised",
  async (stage) => {
    const { receiver, sent, open } = await reader(stage, { reads: "queue" });
    const receiving = receiver();
    const once = { ...tenureOf("books asks"), once: true };
    await receiving.begin(once);
    await receiving.take([delivered("total", undefined, { id: "a", ...asked })], once);
    await stage.settle();
    assert.deepEqual(sent.map(shown), ["q c1 json []"]);
    const [source] = await open.session.connection.read([sourceKey("inbox:order", "books asks")]);
    assert.equal(source, undefined, "no row says who reads them");
    for (let came = 0; came < 2; came++) await receiving.take([delivered("add", "tea", { id: "t" })], once);
    await receiving.take([delivered("total", undefined, { id: "b", ...asked })], once);
    await stage.settle();
    assert.deepEqual(sent.map(shown).at(-1), 'q c1 json ["tea"]');
  },
);

inMemory("an ask is started only when its batch is committed", async (stage) => {
  const { receiver, sent, system } = await reader(stage);
  const [old, young] = [tenureOf(), tenureOf()];
  const receiving = receiver();
  await receiving.begin(old);
  await receiving.begin(young);
  await receiving.take([delivered("add", "tea", { id: "a" })], young);
  await assert.rejects(receiving.take([delivered("total", undefined, { id: "t", ...asked })], old), {
    code: "another-reader",
  });
  await stage.settle();
  assert.deepEqual(sent, []);
  assert.deepEqual(await notesOf(system), ["tea"]);
});

inMemory("an ask whose time is up is dropped, and one that cannot be handled is told why", async (stage) => {
  const { receiver, sent, system } = await reader(stage);
  const receiving = receiver();
  const tenure = tenureOf();
  await receiving.begin(tenure);
  await receiving.take([
    delivered("total", undefined, { id: "late", ...asked, expiresAtMs: stage.clock.now() }),
    delivered("total", "no payload", { id: "bad", ...asked }),
    delivered("total", undefined, { id: "nowhere" }),
  ], tenure);
  await stage.settle();
  assert.equal(sent.length, 1);
  assert.match(shown(sent[0]), /^q c1 problem\+json \{"code":"invalid-payload".*"id":"bad"\}$/);
  assert.deepEqual(lettersOf(system), ['no-return-address nowhere ""']);
});

inMemory("an ask that finds its mailbox full, or whose handler fails, is told so", async (stage) => {
  const stuck = order({ onAdd: () => new Promise(() => {}) }, { mailbox: { capacity: 1 } });
  const { receiver, sent } = await reader(stage, { expose: [Order.add, Order.total] }, [stuck]);
  const receiving = receiver();
  const tenure = tenureOf();
  await receiving.begin(tenure);
  await receiving.take([
    delivered("add", "a", { id: "a" }),
    delivered("add", "b", { id: "b" }),
    delivered("add", "c", { id: "c" }),
  ], tenure);
  await stage.settle();
  await receiving.take([delivered("total", undefined, { id: "t", ...asked })], tenure);
  await stage.settle();
  assert.match(
    shown(sent[0]),
    /^q c1 problem\+json \{"code":"mailbox-full","detail":"Cannot deliver to order\/ada: /,
  );
});
