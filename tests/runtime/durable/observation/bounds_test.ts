// A question does a bounded amount of work, however much a store holds.

import assert from "node:assert/strict";
import { systemClock } from "@posthorn/posthorn";
import type { Observation } from "@posthorn/posthorn";
import { Questions } from "../../../../runtime/observation/questions.ts";
import { usualBounds } from "../../../../runtime/durable/observation/row_reader.ts";
import { StoreSource } from "../../../../runtime/durable/observation/store_source.ts";
import {
  deadPrefix,
  eventKey,
  instanceKey,
  mailPrefix,
  outboxLanePrefix,
  recordKey,
  replyRowKey,
  scheduleKey,
  sourceKey,
  subscriberKey,
  timerKey,
} from "../../../../runtime/durable/rows/keys.ts";
import { positionOf } from "../../../../runtime/durable/rows/queued_message.ts";
import { encodeValue } from "../../../../runtime/durable/rows/value_codec.ts";
import { type Calls, endlessStore, type Segment } from "./endless_store.ts";

const digits = (number: number) => number.toString().padStart(8, "0");
const actorOf = (number: number) => ({ protocol: "order", key: digits(number) });
const place = (number: number) => positionOf(1_900_000_000_000_000 + number, "x");
const text = (units: number) => JSON.stringify("x".repeat(units));
const to = { protocol: "order", key: "0", operation: "add" };

/** A store with so many rows of every kind, each with a value of that size. */
function crowded(count: number, { each = 1, units = 10 } = {}) {
  const value = (head: unknown) => encodeValue(head, text(units));
  const record = value({ turn: "t", clock: 0, schema: 0 });
  const mail = value({ id: "m", operation: "add", via: "i" });
  const letter = value({
    id: "d",
    protocol: "order",
    key: "1",
    operation: "add",
    reason: "failed",
    message: "",
    attempts: 1,
    atMs: 0,
    head: {},
  });
  const due = encodeValue({ token: "t" }, "");
  const timer = value({ actor: to, name: "n", dueMs: 5, to, token: "t" });
  const pending = value({ status: "pending" });
  const subscriber = value({ to });
  const event = value({ id: "e", subject: "" });
  const sent = value({ atMs: 1 });
  const source = encodeValue({ place: place(1), position: 1, token: "i-1", attempt: 1 }, text(units));
  const instance = encodeValue({ atMs: 1, hosts: ["order"] }, "");
  const segments: Segment[] = [
    { count, key: (n) => recordKey(actorOf(n)), value: () => record },
    { count, key: (n) => mailPrefix(actorOf(Math.floor(n / each))) + place(n), value: () => mail },
    { count, key: (n) => deadPrefix + place(n), value: () => letter },
    { count, key: (n) => replyRowKey(`R${digits(n)}`), value: () => pending },
    { count, key: (n) => scheduleKey(n, actorOf(n), "n"), value: () => due },
    { count, key: (n) => timerKey(actorOf(n), "n"), value: () => timer },
    { count, key: (n) => subscriberKey(`order.e${digits(n)}`, to), value: () => subscriber },
    { count, key: (n) => eventKey("order.settled", n + 1), value: () => event },
    { count, key: (n) => outboxLanePrefix("inbox:order") + place(n), value: () => sent },
    { count, key: (n) => sourceKey("inbox:order", digits(n)), value: () => source },
    {
      count,
      key: (n) => instanceKey(digits(n)),
      value: () => instance,
    },
  ];
  return endlessStore(segments);
}

const questions: Readonly<Record<string, (observe: Observation) => Promise<unknown>>> = {
  instances: (observe) => observe.instances(),
  protocols: (observe) => observe.protocols(),
  actors: (observe) => observe.actors({ protocol: "order" }),
  "actors by prefix": (observe) => observe.actors({ protocol: "order", prefix: "0000" }),
  "actors that wait": (observe) => observe.actors({ protocol: "order", waiting: true }),
  actor: (observe) => observe.actor(actorOf(7)),
  failing: (observe) => observe.failing(),
  schedules: (observe) => observe.schedules(),
  topics: (observe) => observe.topics(),
  "dead letters": (observe) => observe.deadLetters(),
  "dead letters of another reason": (observe) => observe.deadLetters({ reason: "no-stock" }),
  "groups of dead letters": (observe) => observe.deadLetterGroups(),
  replies: (observe) => observe.replies(),
  "replies that came": (observe) => observe.replies({ status: "done" }),
  unhosted: (observe) => observe.unhosted(),
  outbox: (observe) => observe.outbox(),
  tenures: (observe) => observe.tenures(),
};

async function costOf(
  { connection, calls }: ReturnType<typeof endlessStore>,
  question: (observe: Observation) => Promise<unknown>,
): Promise<Calls> {
  Object.assign(calls, { lists: 0, reads: 0, rows: 0, bytes: 0 });
  await question(new Questions([new StoreSource({ connection, clock: systemClock(), instance: "me" })]));
  return { ...calls };
}

const { rows: rowsMax, bytes: bytesMax } = usualBounds;
/** The most calls of a store that a page of 100 makes. */
const callsMax = 600;

for (const [name, question] of Object.entries(questions)) {
  Deno.test(`a million rows cost the question about ${name} what two hundred thousand do`, async () => {
    for (const each of /actors|failing|protocols/.test(name) ? [1, 100, 1_000_000] : [100]) {
      const few = await costOf(crowded(200_000, { each }), question);
      const many = await costOf(crowded(1_000_000, { each }), question);
      assert.deepEqual(many, few, `${each} messages for each actor`);
      assert.ok(many.rows <= rowsMax, `${many.rows} rows`);
      assert.ok(many.lists + many.reads <= callsMax, `${many.lists} lists and ${many.reads} reads`);
    }
  });

  Deno.test(`large rows end the question about ${name} early`, async () => {
    for (const each of [1, 1_000_000]) {
      const { bytes } = await costOf(crowded(1_000_000, { each, units: 1_000_000 }), question);
      assert.ok(bytes <= 3 * bytesMax, `${bytes} bytes`);
    }
  });
}

Deno.test("the largest page reads no more rows than a question may", async () => {
  for (const [name, question] of Object.entries(questions)) {
    if (!["actors", "failing", "tenures"].includes(name)) continue;
    const most = { limit: 1_000 };
    const asked = (observe: Observation) =>
      question(
        new Proxy(observe, {
          get: (target, method: "actors") => (filter: object) =>
            target[method]({ ...filter, ...most } as never),
        }),
      );
    const { rows } = await costOf(crowded(100_000, { each: 50 }), asked);
    assert.ok(rows <= rowsMax, `${name} reads ${rows} rows`);
  }
});

Deno.test("a page of shards reads one row more than it has items", async () => {
  const { rows } = await costOf(crowded(200_000), (observe) => observe.tenures({ limit: 250 }));
  assert.equal(rows, 251);
});

Deno.test("counts end at ten thousand, and say that there may be more", async () => {
  const { connection } = crowded(1_000_000, { each: 1_000_000 });
  const observe = new Questions([new StoreSource({ connection, clock: systemClock(), instance: "me" })]);
  const most = { count: 10_000, more: true };
  const { items: [order] } = await observe.protocols({ limit: 1 });
  assert.deepEqual([order.actors, order.waiting], [most, most]);
});
