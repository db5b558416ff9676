// A commit of the intake may land without its process knowing: at once, or much later.

import assert from "node:assert/strict";
import { OutcomeUnknownError, type Store } from "@posthorn/posthorn";
import type { AtomicPart, StoreConnection } from "@posthorn/posthorn/store";
import { inMemory } from "../durable/durable_stage.ts";
import { RepeatingStore } from "../durable/uncertain.ts";
import { additions, notesOf, order, reader, tenureOf } from "./intake_stage.ts";

inMemory(
  "a batch that landed, and was answered as stale, is accepted, and its tenure goes on",
  async (stage) => {
    const store = new RepeatingStore(stage.store);
    const { receiver, system } = await reader(stage, { store });
    const receiving = receiver();
    const tenure = tenureOf();
    await receiving.begin(tenure);
    store.repeatNext("source");
    await receiving.take(additions(["a", "b"]), tenure);
    await receiving.take(additions(["c"]), tenure);
    store.repeatNext("source");
    await receiving.take(additions(["c", "d"], { again: true }), tenure);
    await stage.settle();
    assert.equal(store.repeated, 2);
    assert.deepEqual(await notesOf(system), ["a", "b", "c", "d"]);
  },
);

inMemory(
  "a batch that landed before another reader wrote ends its tenure, and comes again for nothing",
  async (stage) => {
    const store = new RepeatingStore(stage.store);
    const first = await reader(stage, { store });
    const second = await reader(stage);
    const [old, young] = [tenureOf(), tenureOf()];
    const zombie = first.receiver();
    const successor = second.receiver();
    await zombie.begin(old);
    store.repeatNext("source");
    store.meanwhile = async () => {
      await successor.begin(young);
      await successor.take(additions(["a", "b", "c"]), young);
    };
    await assert.rejects(zombie.take(additions(["a", "b"]), old), { code: "another-reader" });
    await stage.settle();
    assert.deepEqual(await notesOf(second.system), ["a", "b", "c"]);
  },
);

/** A store whose commits of one kind get no answer, and whose first one lands later. */
class LateStore implements Store {
  readonly engine: Store["engine"];
  readonly traits: Store["traits"];
  readonly #store: Store;
  /** Whether commits of the intake get no answer. */
  silent = false;
  held: readonly AtomicPart[] | undefined;

  constructor(store: Store) {
    this.#store = store;
    this.engine = store.engine;
    this.traits = { ...store.traits, unknownOutcomes: true };
  }

  async open(services: Parameters<Store["open"]>[0]): Promise<StoreConnection> {
    const connection = await this.#store.open(services);
    return {
      read: (keys) => connection.read(keys),
      list: (range) => connection.list(range),
      commit: async (parts) => {
        const isIntake = parts.some(({ writes }) => writes.some(({ key }) => key.startsWith("source")));
        if (isIntake && this.silent) {
          this.held ??= parts.map(copied);
          throw new OutcomeUnknownError("Cannot tell");
        }
        if (isIntake && this.held !== undefined) {
          await connection.commit(this.held);
          this.held = undefined;
        }
        return await connection.commit(parts);
      },
      watch: (onChange) => connection.watch(onChange),
      close: () => connection.close(),
    };
  }
}

/** A part with its values, whose memory is used again. */
function copied({ checks, writes, removals }: AtomicPart): AtomicPart {
  return {
    checks: [...checks],
    writes: writes.map((write) => ({ ...write, value: write.value.slice() })),
    removals: [...removals],
  };
}

inMemory("an attempt that lands late is not taken for the one that came after it", async (stage) => {
  const store = new LateStore(stage.store);
  const gate = Promise.withResolvers<void>();
  const slow = order({ onAdd: (text) => text === "0" ? gate.promise : undefined }, {
    mailbox: { capacity: 1 },
  });
  const { receiver, system } = await reader(stage, { store }, [slow]);
  const receiving = receiver();
  const tenure = tenureOf();
  await receiving.begin(tenure);
  const texts = Array.from({ length: 10 }, (_, index) => String(index));
  await receiving.take(additions(texts.slice(0, 1)), tenure);
  await stage.settle();
  await receiving.take(additions(texts.slice(1)), tenure); // one more has room
  store.silent = true;
  const refused = assert.rejects(receiving.take(additions(["a", "b", "c"]), tenure), {
    code: "another-reader",
  });
  await stage.pass(5_000);
  assert.equal(
    store.held?.flatMap(({ writes }) => writes).filter(({ key }) => key.startsWith("mail")).length,
    1,
  );
  gate.resolve(); // now all three have room
  await stage.pass(9_000);
  store.silent = false;
  await stage.pass(5_000);
  await refused;
  const next = tenureOf();
  await receiving.begin(next);
  await receiving.take(additions(["a", "b", "c"], { again: true }), next);
  await stage.pass(5_000);
  assert.deepEqual(await notesOf(system), [...texts, "a", "b", "c"]);
});
