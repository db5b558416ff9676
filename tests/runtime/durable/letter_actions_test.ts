// What an operator does to the dead letters in a store: also to those of other instances, and to those that no list has.

import assert from "node:assert/strict";
import { actor, protocol, StoreError, System, tell, TerminalError, unchecked } from "@posthorn/posthorn";
import { controlStore } from "@posthorn/posthorn/store";
import { slicesOf } from "../../../runtime/base/slices_of.ts";
import { deadPrefix } from "../../../runtime/durable/rows/keys.ts";
import {
  inMemory,
  kinds,
  note,
  notesOf,
  onEach,
  ref,
  sharedKinds,
  type Stage,
  Worker,
  worker,
  type WorkerContext,
} from "./durable_stage.ts";

const heartbeatMs = 2_100;

/** Scripts that fail until they are mended. */
function breakable(isMended: () => boolean) {
  return {
    mend(ctx: WorkerContext, text: string) {
      if (!isMended()) throw new TerminalError("Broken", { code: text.startsWith("odd") ? "odd" : "broken" });
      note(ctx, text);
    },
  };
}

async function die(stage: Stage, system: System, ...ids: readonly string[]): Promise<void> {
  for (const id of ids) await ref(system, "ada").tell(Worker.run, `mend ${id}`, { id });
  await stage.settle();
}

function idsOf({ deadLetters }: System): string[] {
  return deadLetters.list().map(({ id }) => id);
}

onEach(kinds, "dead letters that match are resent in order, and others stay", async (stage) => {
  let isMended = false;
  const system = await stage.start([worker(breakable(() => isMended))]);
  await die(stage, system, "1", "odd2", "3", "4");
  isMended = true;
  const { control } = system;
  assert.deepEqual(await control.resendAll({ protocol: "worker", reason: "broken", operation: "run" }), {
    done: 3,
    failed: 0,
    more: false,
  });
  await stage.settle();
  assert.deepEqual(await notesOf(system, "ada"), ["1", "3", "4"]);
  assert.deepEqual(idsOf(system), ["odd2"]);
  await control.resend("odd2");
  await stage.settle();
  assert.deepEqual(await notesOf(system, "ada"), ["1", "3", "4", "odd2"]);
  assert.deepEqual([idsOf(system), await stage.keys("dead")], [[], []]);
});

onEach(kinds, "dead letters are discarded, one or all that match", async (stage) => {
  const system = await stage.start([worker(breakable(() => false))]);
  await die(stage, system, "1", "odd2", "3", "4");
  const { control } = system;
  assert.equal(await control.discard("3"), true);
  assert.equal(await control.discard("3"), false);
  assert.deepEqual(await control.discardAll({ reason: "broken" }), { done: 2, failed: 0, more: false });
  assert.deepEqual(idsOf(system), ["odd2"]);
  assert.equal((await stage.keys("dead")).length, 1);
  assert.deepEqual(await control.discardAll({}), { done: 1, failed: 0, more: false });
  await assert.rejects(control.resend("3"), { code: "unknown-dead-letter" });
});

onEach(
  kinds,
  "of dead letters with the same id, the one that is meant is discarded or resent",
  async (stage) => {
    let isMended = false;
    const system = await stage.start([worker(breakable(() => isMended))]);
    for (const key of ["ada", "bob", "cem"]) {
      await ref(system, key).tell(Worker.run, `mend ${key}`, { id: "same" });
      await stage.settle();
    }
    const keys = async () => (await system.observe.deadLetters()).items.map(({ key }) => key);
    const [cem, bob] = (await system.observe.deadLetters()).items;
    await using beside = await controlStore(stage.store, { clock: stage.clock });
    for (const control of [system.control, beside]) {
      assert.equal(await control.discard("same", { ...bob, key: "dan" }), false);
    }
    assert.equal(await beside.discard("same", bob), true);
    assert.equal(await system.control.discard("same", bob), false, "and none of the others");
    assert.deepEqual(await keys(), ["cem", "ada"]);
    isMended = true;
    await system.control.resend("same", cem);
    await stage.settle();
    assert.deepEqual(await notesOf(system, "cem"), ["cem"]);
    assert.deepEqual(await keys(), ["ada"]);
  },
);

onEach(kinds, "messages that fail again are not resent twice", async (stage) => {
  const system = await stage.start([worker(breakable(() => false))]);
  const count = 320; // several pages
  await die(stage, system, ...Array.from({ length: count }, (_, index) => `${index}`));
  let died = 0;
  using _ = system.inspect(({ type }) => void (type === "dead" && died++));
  assert.deepEqual(await system.control.resendAll({}), { done: count, failed: 0, more: false });
  await stage.settle();
  assert.deepEqual([died, system.deadLetters.size], [count, count]);
});

onEach(
  kinds,
  "letters that do not match, or cannot be resent, do not keep an action from those behind them",
  async (stage) => {
    const system = await stage.start([worker(breakable(() => false))]);
    await die(stage, system, "1");
    const connection = await stage.store.open({ clock: stage.clock });
    const [row] = await connection.list({ prefix: deadPrefix, limit: 1 });
    const copies = Array.from({ length: 10_000 }, (_, index) => `${deadPrefix}0${index}`); // before all others
    for (const some of slicesOf(copies, 100)) {
      const writes = some.map((key) => ({ key, value: row.value }));
      await connection.commit([{ checks: [], writes, removals: [] }]);
    }
    await connection.close();
    await die(stage, system, "odd");
    const { control } = system;
    assert.deepEqual(await control.discardAll({ reason: "odd" }), { done: 1, failed: 0, more: false });
    assert.deepEqual(await control.discardAll({}), { done: 10_000, failed: 0, more: true });
    assert.deepEqual(await control.discardAll({}), { done: 1, failed: 0, more: false });
  },
);

onEach(
  sharedKinds,
  "a letter that another instance wrote is resent or discarded, and leaves its list",
  async (stage) => {
    let isMended = false;
    const actors = [worker(breakable(() => isMended))];
    const [one, other] = [await stage.start(actors), await stage.start(actors)];
    await die(stage, one, "1", "2", "3");
    isMended = true;
    await other.control.resend("2"); // before its heartbeat has read them
    assert.equal(await other.control.discard("1"), true);
    await stage.pass(2 * heartbeatMs);
    assert.deepEqual([idsOf(one), idsOf(other)], [["3"], ["3"]]);
    assert.deepEqual(await notesOf(one, "ada"), ["2"]);
    await assert.rejects(one.control.resend("1"), { code: "unknown-dead-letter" });
    assert.equal(await other.control.discard("3"), true);
    await stage.pass(2 * heartbeatMs);
    assert.deepEqual(idsOf(one), []);
  },
);

onEach(
  sharedKinds,
  "letters that the list of this process has no room for are found in the store",
  async (stage) => {
    let isMended = false;
    const actors = [worker(breakable(() => isMended))];
    const small = await stage.start(actors, { limits: { deadLetters: 30 } });
    const large = await stage.start(actors);
    await ref(large, "ada").submit(Worker.job, "mend job", { id: "oldest" }); // so that those behind it are not the oldest
    await stage.settle();
    const ids = Array.from({ length: 32 }, (_, index) => `${index}`);
    await die(stage, large, ...ids);
    await stage.pass(heartbeatMs);
    assert.deepEqual(idsOf(small), ["oldest", ...ids.slice(3)]); // it leaves a tenth more in the store
    isMended = true;
    await small.control.resend("0");
    assert.equal(await small.control.discard("1"), true);
    assert.deepEqual(await small.control.resendAll({}), { done: 31, failed: 0, more: false });
    await stage.pass(heartbeatMs);
    assert.deepEqual(await notesOf(small, "ada"), ["0", "job", ...ids.filter((id) => id > "1")]);
    assert.deepEqual([idsOf(small), idsOf(large)], [[], []]);
  },
);

onEach(
  kinds,
  "letters of transient actors are resent and discarded beside those in the store",
  async (stage) => {
    let isMended = false;
    const Brief = protocol("brief", { mend: tell(unchecked<string>()) });
    const heard: string[] = [];
    const brief = actor(Brief, {
      transient: true,
      state: () => null,
      on: {
        mend(_ctx, text) {
          if (!isMended) throw new TerminalError("Broken", { code: "broken" });
          heard.push(text);
        },
      },
    });
    const system = await stage.start([worker(breakable(() => isMended)), brief]);
    await die(stage, system, "1");
    await system.ref(Brief, "x").tell(Brief.mend, "here", { id: "t" });
    await system.ref(Brief, "x").tell(Brief.mend, "gone", { id: "u" });
    await stage.settle();
    isMended = true;
    assert.equal(await system.control.discard("u"), true);
    assert.deepEqual(await system.control.resendAll({}), { done: 2, failed: 0, more: false });
    await stage.settle();
    assert.deepEqual(heard, ["here"]);
    assert.deepEqual(await notesOf(system, "ada"), ["1"]);
  },
);

inMemory("one that the store refuses does not stop the others", async (stage) => {
  const system = await stage.start([worker(breakable(() => false))]);
  await die(stage, system, "1", "2", "3");
  let refused = 0;
  const store = stage.storeOf(system);
  await system.control.pause("worker");
  store.refuse = () => refused++ === 0 ? new StoreError("store-full", "The disk is full") : undefined;
  const { done, failed } = await system.control.resendAll({});
  assert.equal(done + failed, 3);
  assert.ok(failed > 0);
  store.refuse = undefined;
  assert.equal(idsOf(system).length, failed);
  assert.equal((await stage.keys("dead")).length, failed);
});

inMemory("a receiver that has no room keeps its letters", async (stage) => {
  const system = await stage.start([worker(breakable(() => false), { mailbox: { capacity: 1 } })]);
  for (let id = 0; id < 15; id++) await die(stage, system, `${id}`);
  await system.control.pause("worker");
  await ref(system, "ada").tell(Worker.note, "waits"); // in memory: its mailbox is known
  const { done, failed } = await system.control.resendAll({});
  assert.deepEqual([done < 15, done + failed], [true, 15]);
  await assert.rejects(system.control.resend("14"), { code: "mailbox-full" });
  assert.equal((await stage.keys("dead")).length, failed);
});
