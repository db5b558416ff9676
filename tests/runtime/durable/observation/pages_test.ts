// Pages together are the whole list: nothing twice and nothing left out, whatever the rows are.

import assert from "node:assert/strict";
import fc from "fast-check";
import { type ActorId, type Observation, type Page, type PageOptions, systemClock } from "@posthorn/posthorn";
import type { Entry } from "@posthorn/posthorn/store";
import { toSortText } from "../../../../runtime/base/key_order.ts";
import { Questions } from "../../../../runtime/observation/questions.ts";
import { usualBounds } from "../../../../runtime/durable/observation/row_reader.ts";
import { StoreSource } from "../../../../runtime/durable/observation/store_source.ts";
import {
  deadPrefix,
  eventKey,
  mailPrefix,
  recordKey,
  scheduleKey,
  sourceKey,
  subscriberKey,
  timerKey,
} from "../../../../runtime/durable/rows/keys.ts";
import { positionOf } from "../../../../runtime/durable/rows/queued_message.ts";
import { encodeValue } from "../../../../runtime/durable/rows/value_codec.ts";
import { endlessStore } from "./endless_store.ts";

const protocols = fc.constantFrom("order", "orders", "ord", "a");
const keys = fc.constantFrom(
  "a",
  "a/1",
  "a/2",
  "ab",
  "b",
  "é",
  "\u{1f600}",
  "\uff5e",
  " ",
  "\u{10ffff}",
  "\u{10ffff}a",
);
const rows = fc.array(fc.record({ kind: fc.nat(5), protocol: protocols, key: keys, number: fc.nat(40) }), {
  maxLength: 60,
});
type Row = {
  readonly kind: number;
  readonly protocol: string;
  readonly key: string;
  readonly number: number;
};

/** The rows of one kind of thing, whose values may be unreadable. */
function entriesOf({ kind, protocol, key, number }: Row): [string, Uint8Array][] {
  const actor = { protocol, key };
  const value = (head: unknown) => number % 7 === 0 ? new Uint8Array([255, 1]) : encodeValue(head, '"x"');
  const place = positionOf(1_900_000_000_000_000 + number, "x");
  if (kind === 0) return [[recordKey(actor), value({ turn: "t", clock: 0, schema: 0 })]];
  if (kind === 1) {
    return [[
      mailPrefix(actor) + place,
      value({ id: "m", operation: "add", via: "i", attempts: number % 2 }),
    ]];
  }
  if (kind === 2) {
    const letter = {
      id: place,
      ...actor,
      operation: "add",
      reason: "failed",
      message: "",
      attempts: 1,
      atMs: 0,
    };
    return [[deadPrefix + place, value({ ...letter, head: {} })]];
  }
  const to = { ...actor, operation: "add" };
  if (kind === 3) {
    const timer = { actor, name: "n", dueMs: number, to, token: "t" };
    return [
      [scheduleKey(number, actor, `n${number}`), encodeValue({ token: "t" }, "")],
      [timerKey(actor, `n${number}`), value(timer)],
    ];
  }
  if (kind === 5) return [[sourceKey(`inbox:${protocol}`, key), value({ token: `i-${number}` })]];
  return number % 2 === 0
    ? [[subscriberKey(`${protocol}.done`, to), value({ to })]]
    : [[eventKey(`${protocol}.gone`, number), value({ id: "e", subject: "" })]];
}

async function pagesOf<Item>(
  ask: (options: PageOptions) => Promise<Page<Item>>,
  limit: number,
): Promise<readonly Item[]> {
  const items: Item[] = [];
  for (let after: string | undefined, pages = 0;; pages++) {
    const page = await ask({ limit, ...after !== undefined && { after } });
    assert.ok(page.items.length <= limit && pages < 500, `page ${pages} has ${page.items.length} items`);
    items.push(...page.items);
    if (page.next === undefined) return items;
    assert.notEqual(page.next, after);
    after = page.next;
  }
}

const nameOf = ({ protocol, key }: ActorId) => `${protocol}/${key}`;

const namesOf = (given: readonly Row[], kinds: readonly number[], nameOf: (row: Row) => string) =>
  [...new Set(given.filter(({ kind }) => kinds.includes(kind)).map(nameOf))].toSorted((a, b) =>
    toSortText(a) < toSortText(b) ? -1 : 1
  );

const bounds = fc.option(
  fc.record({ rows: fc.integer({ min: 12, max: 60 }), bytes: fc.integer({ min: 1, max: 500 }) }),
  { nil: usualBounds },
);

Deno.test("pages of any size give each item once, however little one question may read", async () => {
  await fc.assert(
    fc.asyncProperty(rows, fc.integer({ min: 1, max: 7 }), bounds, async (given, limit, bounds) => {
      const entries = new Map(given.flatMap(entriesOf));
      const sorted: Entry[] = [...entries].map(([key, value]) => ({ key, value, version: "1" }))
        .sort((a, b) => toSortText(a.key) < toSortText(b.key) ? -1 : 1);
      const { connection } = endlessStore([], sorted);
      const observe: Observation = new Questions([
        new StoreSource({ connection, clock: systemClock(), instance: "me", bounds }),
      ]);

      for (const protocol of ["order", "ord"]) {
        const actors = await pagesOf((options) => observe.actors({ protocol, ...options }), limit);
        const own = given.filter((row) => row.protocol === protocol);
        assert.deepEqual(actors.map(({ key }) => key), namesOf(own, [0, 1], ({ key }) => key));
        const waiting = await pagesOf(
          (options) => observe.actors({ protocol, waiting: true, ...options }),
          limit,
        );
        assert.deepEqual(waiting.map(({ key }) => key), namesOf(own, [1], ({ key }) => key));
        const some = await pagesOf((options) => observe.actors({ protocol, prefix: "a", ...options }), limit);
        assert.deepEqual(
          some.map(({ key }) => key),
          actors.map(({ key }) => key).filter((key) => key.startsWith("a")),
        );
      }
      const names = await pagesOf((options) => observe.protocols(options), limit);
      assert.deepEqual(
        names.map(({ protocol }) => protocol),
        namesOf(given, [0, 1], ({ protocol }) => protocol),
      );
      const failing = await pagesOf((options) => observe.failing(options), limit);
      const all = await pagesOf((options) => observe.failing(options), 1_000);
      assert.deepEqual(failing.map(nameOf), all.map(nameOf));
      const due = await pagesOf((options) => observe.schedules(options), limit);
      assert.deepEqual(
        due.map(({ actor: { protocol, key }, name }) => `${name} ${protocol} ${key}`).toSorted(),
        namesOf(given, [3], ({ protocol, key, number }) => `n${number} ${protocol} ${key}`).toSorted(),
      );
      const letters = await pagesOf((options) => observe.deadLetters(options), limit);
      const places = namesOf(
        given.filter(({ number }) => number % 7 !== 0),
        [2],
        ({ number }) => positionOf(1_900_000_000_000_000 + number, "x"),
      );
      assert.deepEqual(
        letters.map(({ id }) => id),
        places.toReversed(),
      );
      const topics = await pagesOf((options) => observe.topics(options), limit);
      assert.deepEqual(
        topics.map(({ topic }) => topic),
        namesOf(given, [4], ({ protocol, number }) => `${protocol}.${number % 2 === 0 ? "done" : "gone"}`),
      );
      const tenures = await pagesOf((options) => observe.tenures(options), limit);
      const last = new Map(given.filter(({ kind }) => kind === 5).map((row) => [nameOf(row), row.number]));
      assert.deepEqual(
        tenures.map(({ channel, shard, instance }) => `${instance} ${channel}/${shard}`).toSorted(),
        [...last].flatMap(([name, number]) => number % 7 === 0 ? [] : `i inbox:${name}`).toSorted(),
      );
    }),
    { numRuns: 150 },
  );
});
