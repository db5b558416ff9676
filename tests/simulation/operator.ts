import assert from "node:assert/strict";
import type { Observation, Page, PageOptions } from "@posthorn/posthorn";
import type { Entry } from "@posthorn/posthorn/store";
import type { Simulation } from "@posthorn/posthorn/testing/simulation";
import { toSortText } from "../../runtime/base/key_order.ts";
import { Questions } from "../../runtime/observation/questions.ts";
import { StoreSource } from "../../runtime/durable/observation/store_source.ts";
import { mailed, nameOfActor, recordKey } from "../../runtime/durable/rows/keys.ts";
import { decodeValue, encodeValue } from "../../runtime/durable/rows/value_codec.ts";
import type { RecordHead } from "../../runtime/durable/rows/actor_record.ts";
import { endlessStore } from "../runtime/durable/observation/endless_store.ts";
import type { CommitHistory } from "./commit_history.ts";
import { type Rule, spaceOf } from "./rule.ts";

/** How often the operator looks. */
const lookEachMs = 15_000;
/** The size of pages: small, so that there are several. */
const limit = 7;

/** The store at one moment, and how many messages wait for each actor as its commits say. */
interface Look {
  readonly rows: readonly Entry[];
  readonly waiting: ReadonlyMap<string, number>;
  /** How many bytes one commit may have. */
  readonly commitBytes: number;
}

/**
 * An operator who asks the store what it holds, and does not disturb the run: what is asked is the store as it was at some
 * moments. The answers must be what the commits say.
 */
export class Operator {
  readonly #looks: Look[] = [];
  readonly #hidden: () => ReadonlySet<string>;
  #lastMs: number | undefined;

  /** `hidden` are the keys of rows that belong to no commit of an instance. */
  constructor(hidden: () => ReadonlySet<string>) {
    this.#hidden = hidden;
  }

  /** Looks if it is time. */
  look<System extends { stop(): Promise<unknown> }>(
    { clock, store }: Simulation<System>,
    { actors }: CommitHistory,
  ): void {
    const nowMs = clock.now();
    if (nowMs - (this.#lastMs ?? -Infinity) < lookEachMs) return;
    this.#lastMs = nowMs;
    const hidden = this.#hidden();
    const waiting = [...actors].flatMap(([name, { waiting }]) =>
      waiting > 0 && !name.startsWith("~") ? [[name, waiting] as const] : []
    );
    this.#looks.push({
      rows: store.snapshot().filter(({ key }) => !hidden.has(key)),
      waiting: new Map(waiting),
      commitBytes: store.instance("operator").traits.limits.bytes,
    });
  }

  /** Judges the answers. */
  async judge(fail: (why: string) => void, onRare: (branch: string) => void): Promise<void> {
    for (const look of this.#looks) {
      try {
        await judge(look, onRare);
      } catch (error) {
        return fail(`an operator is told something else: ${(error as Error).message}`);
      }
    }
  }
}

async function judge({ rows, waiting, commitBytes }: Look, onRare: (branch: string) => void): Promise<void> {
  const sorted = rows.toSorted((a, b) => toSortText(a.key) < toSortText(b.key) ? -1 : 1);
  const { connection } = endlessStore([], sorted);
  const clock = { now: () => 0 } as never;
  const observe: Observation = new Questions([new StoreSource({ connection, clock, instance: "operator" })]);
  const protocols = await all((options) => observe.protocols(options));
  const told = new Map<string, number>();
  for (const { protocol } of protocols) {
    for (
      const { key, waiting } of await all((page) => observe.actors({ protocol, waiting: true, ...page }))
    ) {
      told.set(`${protocol}/${key}`, waiting.count);
    }
  }
  assert.deepEqual(
    [...told].toSorted(),
    [...waiting].map(([name, n]) => [name, Math.min(n, 100)]).toSorted(),
  );
  for (const { protocol, key, retry } of await all((page) => observe.failing(page))) {
    onRare("an operator sees a failing actor");
    assert.ok(retry!.attempts > 0);
    const name = nameOfActor({ protocol, key });
    const record = rows.find(({ key: row }) => row === recordKey({ protocol, key }))?.value.length ?? 0;
    const large = rows.some(({ key: row, value }) =>
      record + value.length > 0.45 * commitBytes && nameOfMailed(row) === name
    );
    assert.ok( // the words are left out where the commit of the turn might become too large for them
      retry!.nextMs === undefined || retry!.error !== undefined || large,
      `${protocol}/${key} does not say why it failed`,
    );
  }
  const letters = await all((page) => observe.deadLetters(page));
  assert.equal(letters.length, rows.filter(({ key }) => spaceOf(key) === "dead").length);
}

/** The name of the actor for which the message of that row waits; `undefined` if the row is no message. */
function nameOfMailed(key: string): string | undefined {
  return spaceOf(key) === "mail" ? nameOfActor(mailed(key)) : undefined;
}

async function all<Item>(ask: (options: PageOptions) => Promise<Page<Item>>): Promise<readonly Item[]> {
  const items: Item[] = [];
  let after: string | undefined;
  for (;;) {
    const page = await ask({ limit, ...after !== undefined && { after } });
    items.push(...page.items);
    if (page.next === undefined) return items;
    after = page.next;
  }
}

/** The rule of what an operator is told. */
export const operatorRules: readonly Rule[] = [
  {
    name: "error-with-retry",
    foundBy: 2,
    says: "the commit of a retry says why the attempt failed",
    part: (part) => ({
      ...part,
      writes: part.writes.map((write) => {
        if (spaceOf(write.key) !== "actor") return write;
        const { head, text } = decodeValue<RecordHead>(write.value);
        if (head.retry === undefined) return write;
        return {
          ...write,
          value: encodeValue({ ...head, retry: { ...head.retry, error: undefined } }, text),
        };
      }),
    }),
  },
];
