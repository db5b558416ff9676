// The error of a failed attempt is stored with its retry, for people, with the commit that writes the retry anyway.

import assert from "node:assert/strict";
import { RetryableError } from "@posthorn/posthorn";
import type { StoreServices } from "@posthorn/posthorn/store";
import { CountingStore } from "./counting.ts";
import { inMemory, kinds, onEach, ref, Worker, worker } from "./durable_stage.ts";

const later = (words: string) => {
  throw new RetryableError(words, { afterMs: 60_000 });
};
const failing = (order: "hold" | "aside", error: () => never) =>
  worker({ fail: error }, { retry: { attempts: 9, baseMs: 1_000, maxMs: 60_000, order } });
const ada = { protocol: "worker", key: "ada" };

for (const order of ["hold", "aside"] as const) {
  onEach(kinds, `another instance tells the error of a message that will ${order}`, async (stage) => {
    const first = await stage.start([failing(order, () => later("the bank is closed"))]);
    await ref(first, "ada").tell(Worker.run, "fail");
    await stage.settle();
    await stage.kill(first);
    const second = await stage.start([]);
    const [{ retry }] = (await second.observe.failing()).items;
    assert.deepEqual([retry?.attempts, retry?.error], [1, "the bank is closed"]);
  });

  inMemory(
    `a long error is cut, and any thrown value has words, if a message will ${order}`,
    async (stage) => {
      const thrown: unknown[] = [
        "x".repeat(5_000),
        Object.create(null),
        new Error("\u0000\u001f\ud800"),
        undefined,
      ];
      const system = await stage.start([worker({
        fail: (_, which) => {
          throw thrown[Number(which)];
        },
      }, { retry: { attempts: 9, baseMs: 60_000, maxMs: 60_000, order } })]);
      for (const which of thrown.keys()) await ref(system, `${which}`).tell(Worker.run, `fail ${which}`);
      await stage.settle();
      const told = (await system.observe.failing()).items.map(({ retry }) => retry?.error);
      assert.deepEqual(told.map((error) => error?.length), [
        1_000,
        "something that has no words".length,
        3,
        9,
      ]);
    },
  );

  inMemory(`nothing is left of an error once its message is done, if it will ${order}`, async (stage) => {
    let fails = true;
    const system = await stage.start([
      worker({ fail: (ctx) => fails ? later("no") : void (ctx.state = ["done"]) }, {
        retry: { attempts: 9, baseMs: 1_000, maxMs: 60_000, order },
      }),
    ]);
    await ref(system, "ada").tell(Worker.run, "fail");
    await stage.settle();
    fails = false;
    await stage.pass(61_000);
    const found = await system.observe.actor(ada);
    assert.deepEqual([found?.state, found?.messages], ['["done"]', []]);
    assert.deepEqual((await system.observe.failing()).items, []);
    const connection = await stage.store.open({ clock: stage.clock });
    const [row] = await connection.list({ prefix: "actor\u001fworker", limit: 1 });
    assert.doesNotMatch(new TextDecoder().decode(row.value), /error/);
    await connection.close();
  });
}

inMemory("a dead letter that is resent has no error of its earlier life", async (stage) => {
  const gate = Promise.withResolvers<void>();
  let attempts = 0;
  const system = await stage.start([
    worker({ fail: () => ++attempts > 2 ? gate.promise : Promise.reject(new Error("no")) }, {
      retry: { attempts: 2, baseMs: 10_000, maxMs: 10_000, order: "aside" },
    }),
  ]);
  await ref(system, "ada").tell(Worker.run, "fail");
  await stage.pass(21_000);
  const [letter] = system.deadLetters.list();
  await system.deadLetters.resend(letter.id);
  await stage.settle();
  const [message] = (await system.observe.actor(ada))!.messages;
  assert.deepEqual([message.id, message.retry], [letter.id, undefined]);
  gate.resolve();
  await stage.settle();
});

for (const order of ["hold", "aside"] as const) {
  inMemory(
    `an error is left out if its commit might become too large, and its message will ${order}`,
    async (stage) => {
      const { engine, traits } = stage.store;
      const limits = { ...traits.limits, bytes: 20_000 };
      const store = {
        engine,
        traits: { ...traits, limits },
        open: (services: StoreServices) => stage.store.open(services),
      };
      let fails = false;
      const system = await stage.start([
        worker({
          fill: (ctx) => void (ctx.state = ["x".repeat(15_000)]),
          fail: () => fails ? later("€".repeat(1_000)) : undefined,
        }, { retry: { attempts: 9, baseMs: 1_000, maxMs: 60_000, order } }),
      ], { store });
      fails = true;
      await ref(system, "small").tell(Worker.run, "fail");
      await ref(system, "large").tell(Worker.run, "fill");
      await stage.settle();
      await ref(system, "large").tell(Worker.run, `fail ${"y".repeat(3_000)}`);
      await stage.settle();
      const found = (await system.observe.failing()).items.map((
        { key, retry },
      ) => [key, retry?.error?.length]);
      assert.deepEqual(found, [["large", undefined], ["small", 1_000]]);
      fails = false;
      await stage.pass(61_000);
      assert.deepEqual([(await system.observe.failing()).items, system.deadLetters.size], [[], 0]);
    },
  );
}

inMemory("storing the error takes no further row and no further call", async (stage) => {
  const costs: unknown[] = [];
  for (const words of ["", "x".repeat(900)]) {
    const store = new CountingStore(stage.store);
    const system = await stage.start([failing("hold", () => later(words))], { store });
    store.begin();
    await ref(system, `key ${words.length}`).tell(Worker.run, "fail");
    await stage.settle();
    const { reads, keys, lists, commits } = store.calls;
    costs.push({ reads, keys, lists, commits });
    await system.stop();
  }
  assert.deepEqual(costs[0], costs[1]);
});

inMemory("no turn is refused for the words of an error that commits with it", async (stage) => {
  const { engine, traits } = stage.store;
  const limits = { ...traits.limits, bytes: 20_000 };
  const store = {
    engine,
    traits: { ...traits, limits },
    open: (services: StoreServices) => stage.store.open(services),
  };
  const gate = Promise.withResolvers<void>();
  const system = await stage.start([
    worker({
      wait: () => gate.promise,
      fill: (ctx, units) => void (ctx.state = ["x".repeat(Number(units))]),
      fail: () => later("€".repeat(1_000)),
    }, { retry: { attempts: 9, baseMs: 1_000, maxMs: 60_000, order: "hold" } }),
  ], { store });
  for (let units = 15_000; units < 19_500; units += 500) {
    const one = ref(system, `${units}`);
    void one.tell(Worker.run, "wait");
    await stage.settle();
    void one.tell(Worker.note, "", { id: "0" }); // the first behind one that was awaited is alone
    void one.tell(Worker.run, `fill ${units}`, { id: "1" });
    void one.tell(Worker.run, "fail", { id: "2" }); // in one batch
    await stage.settle();
  }
  gate.resolve();
  await stage.settle();
  assert.deepEqual(system.deadLetters.list().map(({ key, reason }) => [key, reason]), []);
  const told = (await system.observe.failing()).items.map(({ retry }) => retry?.error === undefined);
  assert.deepEqual([told.length, told[0], told.at(-1)], [9, false, true]);
});
