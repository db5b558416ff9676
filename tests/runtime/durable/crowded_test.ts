// A store that is slower than its clients: the waiting commits have a bound, and sends above it are refused.

import assert from "node:assert/strict";
import { actor, protocol, type Store, submit, type System, unchecked } from "@posthorn/posthorn";
import type { AtomicPart, StoreConnection } from "@posthorn/posthorn/store";
import {
  deadOf,
  inMemory,
  note,
  type Notes,
  notesOf,
  ref,
  type Stage,
  Worker,
  worker,
} from "./durable_stage.ts";

const Walker = protocol("walker", { walk: submit(unchecked<string>(), unchecked<string>()) });
const walker = actor(Walker, { transient: true, state: () => null, on: { walk: (_ctx, text) => text } });

const mebibyte = "x".repeat(1_048_576);
const crowded = {
  name: "StoreError",
  code: "store-unavailable",
  message: /^Cannot commit worker\/k\d note: \d+ of 67108864 bytes wait for the store$/,
};

/** A store that blocks commits while it is held. */
class Slow implements Store {
  held: PromiseWithResolvers<void> | undefined;
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  get engine() {
    return this.#store.engine;
  }

  get traits() {
    return this.#store.traits;
  }

  async open(services: Parameters<Store["open"]>[0]): Promise<StoreConnection> {
    const connection = await this.#store.open(services);
    return {
      read: (keys) => connection.read(keys),
      list: (range) => connection.list(range),
      commit: async (parts: readonly AtomicPart[]) => {
        await this.held?.promise;
        return await connection.commit(parts);
      },
      watch: (onChange) => connection.watch(onChange),
      close: () => connection.close(),
    };
  }

  hold(): void {
    this.held = Promise.withResolvers();
  }

  letGo(): void {
    this.held?.resolve();
    this.held = undefined;
  }
}

/** Sends messages to some actors until they are refused; returns which were accepted and which were not. */
async function crowd(
  stage: Stage,
  system: System,
): Promise<{ taken: Promise<unknown>[]; refused: number[] }> {
  const taken: Promise<unknown>[] = [];
  const refused: number[] = [];
  const told = (index: number) =>
    ref(system, `k${index % 8}`).tell(Worker.note, mebibyte, { id: `${index}` });
  taken.push(told(0));
  await stage.clock.settle(); // it is the only one, and does not wait
  for (let index = 1; index < 70; index++) {
    const sent = told(index);
    const code = await Promise.race([
      sent.then(() => "", (error) => error.code),
      stage.clock.settle().then(() => "waits"),
    ]);
    if (code === "waits") {
      sent.catch(() => {});
      taken.push(sent);
    } else {
      await assert.rejects(sent, crowded);
      refused.push(index);
    }
  }
  return { taken, refused };
}

inMemory(
  "64 MiB wait for a store: what is sent then is refused, nothing of that is there, and all that waits is",
  async (stage) => {
    const store = new Slow(stage.store);
    const system = await stage.start([worker({ size: (ctx) => ctx.state.length })], { store });
    for (let index = 0; index < 8; index++) await notesOf(system, `k${index}`); // the actors are loaded
    store.hold();
    const { taken, refused } = await crowd(stage, system);
    assert.ok(refused.length > 0 && taken.length >= 60, `${taken.length} taken, ${refused.length} refused`);
    assert.deepEqual(refused, Array.from(refused, (_, index) => 70 - refused.length + index)); // the last ones
    store.letGo();
    await Promise.all(taken);
    const sizes = await Promise.all(
      Array.from({ length: 8 }, (_, index) => ref(system, `k${index}`).ask(Worker.call, "size")),
    );
    assert.equal(sizes.reduce((sum: number, size) => sum + (size as number), 0), taken.length);
    await ref(system, "k0").tell(Worker.note, mebibyte, { id: `${refused[0]}` }); // the id was not used up
    assert.deepEqual(deadOf(system), []);
  },
);

inMemory("a turn that is done while so much waits is committed when it is its time", async (stage) => {
  const store = new Slow(stage.store);
  const go = Promise.withResolvers<void>();
  const late = async (ctx: { state: Notes }) => {
    await go.promise;
    note(ctx, "late");
    return "done";
  };
  const system = await stage.start([worker({ late })], { store });
  const answer = ref(system, "ada").ask(Worker.call, "late", { timeoutMs: 60_000 });
  for (let index = 0; index < 8; index++) await notesOf(system, `k${index}`);
  store.hold();
  const { taken } = await crowd(stage, system);
  go.resolve();
  await stage.clock.settle();
  store.letGo();
  assert.equal(await answer, "done");
  assert.deepEqual(await notesOf(system, "ada"), ["late"]);
  await Promise.all(taken);
});

inMemory(
  "a submit beside a store for which so much waits is told so, and gets its reply when it comes again",
  async (stage) => {
    const store = new Slow(stage.store);
    const system = await stage.start([worker(), walker], { store });
    for (let index = 0; index < 8; index++) await notesOf(system, `k${index}`);
    store.hold();
    const { taken } = await crowd(stage, system);
    const walk = () => system.ref(Walker, "w").submit(Walker.walk, "there", { id: "one" });
    await assert.rejects(walk(), { code: "outcome-unknown" });
    store.letGo();
    await Promise.all(taken);
    await stage.pass(3_000);
    assert.equal(await (await walk()).reply(), "there");
    assert.deepEqual(deadOf(system), []);
  },
);
