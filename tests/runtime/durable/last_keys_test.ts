// Keys of actors that begin with the last character that there is: lists that pass by a protocol pass by them as well.

import assert from "node:assert/strict";
import { actor, ask, protocol, type System, tell, unchecked } from "@posthorn/posthorn";
import { seededRandom } from "@posthorn/posthorn/testing";
import { Transactions } from "../../../runtime/durable/transactions.ts";
import { inMemory, onEach, sharedKinds, type Stage, Worker, worker } from "./durable_stage.ts";
import { inEach } from "./worlds.ts";
import { UserTransaction } from "./user_transaction.ts";

const listsMax = 200;
const lastKeys = ["\u{10ffff}", "\u{10ffff}\u{10ffff}", "\u{10ffff}x"];

/**
 * Passes some time, and returns how many lists of its store a process has made. Those above 200 are not answered, since a loop
 * that never ends would not let the test end; so it is killed then.
 */
async function listsWithin(stage: Stage, system: System, passMs: number, act: () => Promise<unknown>) {
  let lists = 0;
  stage.storeOf(system).hangs = () => ++lists > listsMax;
  await act();
  await stage.pass(passMs);
  await stage.kill(system);
  return lists;
}

const Purse = protocol("purse", { put: tell(unchecked<number>()), show: ask(unchecked<unknown>()) });
const on = { put: (ctx: { state: number }, cents: number) => void (ctx.state += cents), show: () => 0 };
const first = actor(Purse, { state: () => 0, on });
const second = actor(Purse, { stateVersion: 1, migrate: (state) => state as number, state: () => 0, on });

onEach(
  sharedKinds,
  "an older program goes by what a newer one has written, whatever its key",
  async (stage) => {
    const latest = await stage.start([second]);
    for (const key of lastKeys) await latest.ref(Purse, key).tell(Purse.put, 5);
    await stage.settle();
    await latest.stop();
    const old = stage.begin([first]);
    const lists = await listsWithin(stage, old, 6_000, async () => {
      await old.ready();
      for (const key of lastKeys) await old.ref(Purse, key).tell(Purse.put, 5);
    });
    assert.ok(lists <= listsMax);
  },
);

inMemory("transaction: mail that another instance takes is passed by, whatever its key", async (stage) => {
  const connection = await stage.store.open({ clock: stage.clock });
  const { traits } = stage.store;
  const sends = new Transactions({ traits, clock: stage.clock, random: seededRandom(7) });
  const host = await stage.start([worker()]);
  const other = await stage.start([]);
  await stage.pass(4_000);
  await stage.kill(host); // nobody knows of it yet, so that it takes nothing
  const transaction = new UserTransaction(connection);
  for (const key of lastKeys) {
    for (let number = 0; number < 50; number++) {
      await sends.on(transaction).ref(Worker, key).tell(Worker.note, "a");
    }
  }
  const lists = await listsWithin(stage, other, 3_000, () => transaction.end());
  await connection.close();
  assert.ok(lists <= listsMax);
});

inEach(
  "protocols are listed once, and those behind too, whatever the keys of their actors",
  async (world) => {
    const After = protocol("yard", { put: tell(unchecked<number>()) });
    const after = actor(After, { state: () => 0, on: { put: (ctx, cents) => void (ctx.state += cents) } });
    const system = await world.start([worker(), after]);
    for (const key of lastKeys) void system.ref(Worker, key).tell(Worker.note, "a");
    void system.ref(After, "b").tell(After.put, 1);
    await world.settle();
    const asked = system.observe.protocols({ limit: 2 });
    await world.settle();
    const { items, next } = await asked;
    assert.deepEqual(items.map(({ protocol }) => protocol), ["worker", "yard"]);
    assert.equal(next, undefined);
  },
);
