// What lands or comes late, long after it was tried again, must not bring back what was erased meanwhile.

import assert from "node:assert/strict";
import type { Stage } from "./durable_stage.ts";
import { inMemory, note, notesOf, ref, Worker, worker, type WorkerContext } from "./durable_stage.ts";
import { erasedKey } from "../../../runtime/durable/rows/keys.ts";
import { RepeatingStore } from "./uncertain.ts";

const scripts = {
  add(ctx: WorkerContext, text: string) {
    note(ctx, text);
    return ctx.state.length;
  },
  erase: (ctx: WorkerContext) => ctx.erase(),
};

/** Two systems. Once the first one has written a record, the second one erases the actor, and the commit lands again. */
async function two(stage: Stage) {
  const store = new RepeatingStore(stage.store);
  const system = await stage.start([worker(scripts)], { store });
  const other = await stage.start([worker(scripts)], { store: new RepeatingStore(stage.store) });
  store.meanwhile = () => ref(other, "ada").ask(Worker.call, "erase");
  return { store, system, other };
}

inMemory("a first turn that lands twice does not bring back what was erased in between", async (stage) => {
  const { store, system, other } = await two(stage);
  store.repeatNext("actor");
  assert.equal(await ref(system, "ada").ask(Worker.call, "add ours"), 1);
  assert.equal(store.repeated, 1);
  assert.deepEqual(await notesOf(other, "ada"), []);
  assert.equal(await ref(system, "ada").ask(Worker.call, "add anew"), 1);
});

inMemory("nor does the first turn of a later life", async (stage) => {
  const { store, system, other } = await two(stage);
  assert.equal(await ref(system, "ada").ask(Worker.call, "add once"), 1);
  await ref(system, "ada").ask(Worker.call, "erase");
  store.repeatNext("actor");
  assert.equal(await ref(system, "ada").ask(Worker.call, "add ours"), 1);
  assert.equal(store.repeated, 1);
  assert.deepEqual(await notesOf(other, "ada"), []);
});

inMemory(
  "a turn that landed before its actor was erased is recognised, also by a read that is not of one time",
  async (stage) => {
    const { store, system, other } = await two(stage);
    assert.equal(await ref(system, "ada").ask(Worker.call, "add once"), 1);
    await ref(system, "ada").ask(Worker.call, "erase");
    assert.equal(await ref(system, "ada").ask(Worker.call, "add anew"), 1);
    store.repeatNext("actor");
    store.early = erasedKey({ protocol: Worker.call.protocol, key: "ada" });
    assert.equal(await ref(system, "ada").ask(Worker.call, "add ours"), 2);
    assert.equal(store.repeated, 1);
    assert.deepEqual(await notesOf(other, "ada"), []);
  },
);

inMemory(
  "a turn that begins before the store forgets an erased actor takes effect after it",
  async (stage) => {
    const gate = Promise.withResolvers<void>();
    const slowly = async (ctx: WorkerContext, text: string) => {
      await gate.promise;
      return scripts.add(ctx, text);
    };
    const store = new RepeatingStore(stage.store);
    const system = await stage.start([worker({ ...scripts, slowly })], { store });
    await ref(system, "ada").ask(Worker.call, "add once");
    await ref(system, "ada").ask(Worker.call, "erase");
    const asked = ref(system, "ada").ask(Worker.call, "slowly ours", { timeoutMs: 3_600_000 });
    await stage.pass(900_000, 10_000);
    await ref(system, "bob").tell(Worker.note, "a commit, with which the store deletes what has expired");
    await stage.settle();
    gate.resolve();
    assert.equal(await asked, 1);
    assert.deepEqual(await notesOf(system, "ada"), ["ours"]);
  },
);

inMemory("a message that fails when it is gone leaves no record of its actor", async (stage) => {
  const store = new RepeatingStore(stage.store);
  const system = await stage.start([worker({ fails: () => Promise.reject(new Error("no")) })], { store });
  await ref(system, "ada").tell(Worker.run, "fails", { afterMs: 1_000 });
  store.lost = true;
  store.meanwhile = async () => { // it was handled before, and came again
    const connection = await stage.store.open({ clock: stage.clock });
    const [mail] = await connection.list({ prefix: "mail\u001f", limit: 1 });
    await connection.commit([{ checks: [], writes: [], removals: [{ key: mail.key }] }]);
    await connection.close();
  };
  store.repeatNext("actor");
  await stage.pass(120_000, 1_000);
  assert.equal(store.repeated, 1);
  assert.deepEqual(await stage.keys("actor", "mail"), []);
});
