// What will not be handled is a dead letter in the commit of its batch, and stops nothing beside and behind it.

import assert from "node:assert/strict";
import { inMemory } from "../durable/durable_stage.ts";
import {
  additions,
  delivered,
  lettersOf,
  Market,
  notesOf,
  Order,
  outboxOf,
  reader,
  settled,
  shown,
  tenureOf,
} from "./intake_stage.ts";

const encoder = new TextEncoder();
const asked = { replyTo: "reply-queue", correlationId: "c1" };

inMemory(
  "poison, unknown operations, bad payloads and unknown content types are dead letters at once",
  async (stage) => {
    const started = await reader(stage);
    const receiving = started.receiver();
    const tenure = tenureOf();
    await receiving.begin(tenure);
    const bad = [
      delivered("add", 7, { id: "payload", ...asked }),
      delivered("add", undefined, { id: "poison", body: encoder.encode("{no json"), ...asked }),
      delivered("add", undefined, { id: "bytes", body: new Uint8Array([255, 254, 0]), ...asked }),
      delivered("nonsense", "n", { id: "operation", ...asked }),
      delivered("replied", "n", { id: "not exposed", ...asked }),
      delivered(undefined, "n", { id: "nameless" }),
      delivered("add", "n", { id: "type", contentType: "application/xml", ...asked }),
      delivered("add", "n", { id: "charset", contentType: "application/json; charset=utf-16" }),
      delivered("add", "n", { id: "key", key: "a\u001fb" }),
      delivered("add", "n", { id: "dots", key: ".." }),
      delivered("add", "n", {
        id: "headers",
        headers: Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`h${n}`, "v"])),
      }),
      delivered("add", "n", {
        id: "proto",
        contentType: "application/superjson+json",
        body: encoder.encode('{"json":{"__proto__":1}}'),
      }),
    ];
    let commits = 0;
    stage.storeOf(started.system).refuse = (parts) => {
      if (parts.some(({ writes }) => writes.some(({ key }) => key.startsWith("source")))) commits++;
      return undefined;
    };
    assert.deepEqual(
      await receiving.take([...additions(["before"]), ...bad, ...additions(["behind"])], tenure),
      [],
    );
    assert.equal(commits, 1);
    await stage.settle();
    assert.deepEqual(await notesOf(started.system), ["before", "behind"]);
    assert.deepEqual(lettersOf(started.system), [
      "invalid-payload payload 7",
      'unreadable-body poison "{no json"',
      'unreadable-body bytes {"0":255,"1":254,"2":0}',
      'unknown-operation operation "\\"n\\""',
      'unknown-operation not%20exposed "\\"n\\""',
      'unknown-operation nameless "\\"n\\""',
      'unknown-content-type type "\\"n\\""',
      'unknown-content-type charset "\\"n\\""',
      'invalid-key key "\\"n\\""',
      'invalid-key dots "\\"n\\""',
      'too-large headers "\\"n\\""',
      'not-storable proto "{\\"json\\":{\\"__proto__\\":1}}"',
    ]);
    const problems = await outboxOf(started);
    assert.deepEqual(
      problems.map((problem) => /^(\S+ \S+ \S+) .*"code":"([a-z-]+)"/.exec(problem)?.slice(1).join(" ")),
      [
        "reply-queue c1 problem+json invalid-payload",
        "reply-queue c1 problem+json unreadable-body",
        "reply-queue c1 problem+json unreadable-body",
        "reply-queue c1 problem+json unknown-operation",
        "reply-queue c1 problem+json unknown-operation",
        "reply-queue c1 problem+json unknown-content-type",
      ],
    );
    await receiving.take(bad.slice(0, 5).map((one) => ({ ...one, again: true })), tenure);
    assert.equal(started.system.deadLetters.size, 12, "a repeat of what was refused is a repeat");
  },
);

inMemory("a dead letter keeps 64 KiB of a body that cannot be read", async (stage) => {
  const { receiver, system } = await reader(stage);
  const receiving = receiver();
  const tenure = tenureOf();
  await receiving.begin(tenure);
  await receiving.take(
    [delivered("add", undefined, { id: "a", body: encoder.encode("x".repeat(100_000)) })],
    tenure,
  );
  await stage.settle();
  assert.deepEqual(system.deadLetters.list().map(({ payload }) => (payload as string).length), [65_536]);
});

inMemory("null is no payload, unless the schema takes it", async (stage) => {
  const { receiver, system, sent } = await reader(stage);
  const receiving = receiver();
  const tenure = tenureOf();
  await receiving.begin(tenure);
  await receiving.take([
    delivered("maybe", null, { id: "null" }),
    delivered("maybe", "text", { id: "text", contentType: 'APPLICATION/JSON; charset="UTF-8"' }),
    delivered("total", null, { id: "total", replyTo: "q", correlationId: "c" }),
  ], tenure);
  await stage.settle();
  assert.deepEqual(sent.map(shown), ['q c json ["null","text"]']);
  assert.deepEqual(lettersOf(system), []);
});

inMemory("a handler that fails tells who asked, by the outbox", async (stage) => {
  const started = await reader(stage);
  const { receiver, system } = started;
  const receiving = receiver();
  const tenure = tenureOf();
  await receiving.begin(tenure);
  await receiving.take([
    delivered("settle", "tea", { id: "s1", ...asked }),
    delivered("settle", "late", { id: "s2", ...asked, expiresAtMs: stage.clock.now() - 1 }),
    delivered("settle", "to an actor", {
      id: "s3",
      correlationId: "c3",
      headers: { "posthorn-reply-protocol": "cart", "posthorn-reply-key": "caf%C3%A9" },
    }),
  ], tenure);
  await stage.settle();
  assert.deepEqual(await notesOf(system), ["tea", "to an actor"]);
  const problem = (await outboxOf(started)).find((line) => line.includes("problem"));
  assert.match(problem!, /^reply-queue c1 problem\+json \{"code":"deadline","detail":"[^"]+","id":"s2"\}$/);
  assert.deepEqual((await outboxOf(started)).filter((line) => line !== problem), [
    'cart/café c3 json "settled to an actor"',
    'reply-queue c1 json "settled tea"',
  ]);
});

inMemory("a bad event is a dead letter of its topic, which can be sent again", async (stage) => {
  const { receiver, system } = await reader(stage);
  const receiving = receiver(settled);
  const tenure = tenureOf();
  await receiving.begin(tenure);
  await system.subscribe(Market.settled, system.ref(Order, "ada").at(Order.add)).ready;
  await receiving.take([
    delivered("settled", 7, { id: "bad" }),
    delivered("settled", "de tea", { id: "good" }),
  ], tenure);
  await stage.settle();
  assert.deepEqual(await notesOf(system), ["de tea"]);
  assert.deepEqual(
    system.deadLetters.list().map(({ protocol, key, operation, reason }) =>
      [protocol, key, operation, reason].join(" ")
    ),
    ["~topic market.settled publish invalid-payload"],
  );
});
