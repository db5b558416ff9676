// A schedule that cannot be sent blocks no other, and is reported.

import assert from "node:assert/strict";
import { System } from "@posthorn/posthorn";
import type { StoreConnection } from "@posthorn/posthorn/store";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import { SimulatedStore } from "@posthorn/posthorn/testing/simulation";
import { decodeValue, encodeValue } from "../../../runtime/durable/rows/value_codec.ts";
import {
  deadOf,
  inMemory,
  kinds,
  note,
  notesOf,
  onEach,
  ref,
  type Stage,
  Worker,
  worker,
  type WorkerContext,
} from "./durable_stage.ts";

const scripts = {
  large: (ctx: WorkerContext, text: string) => {
    const [bytes, ms] = text.split(" ").map(Number);
    const payload = "ignore ".padEnd(bytes, "x");
    ctx.schedule("large", ms > 0 ? { everyMs: ms } : { afterMs: 1 }, ctx.self.at(Worker.run), payload);
  },
  ignore: (ctx: WorkerContext, text: string) => note(ctx, `${text.length} characters`),
  small: (ctx: WorkerContext) => ctx.schedule("small", { everyMs: 1_000 }, ctx.self.at(Worker.note), "tick"),
  once: (ctx: WorkerContext) => ctx.schedule("once", { afterMs: 3_000 }, ctx.self.at(Worker.note), "once"),
  far(ctx: WorkerContext) {
    for (let index = 0; index < 240; index++) {
      ctx.schedule(
        `n${index}`,
        { afterMs: [1e300, 1e200, 8.64e15][index % 3] },
        ctx.self.at(Worker.note),
        "far",
      );
    }
    ctx.schedule("last", { at: new Date(8.64e15) }, ctx.self.at(Worker.note), "far");
    ctx.schedule("seldom", { everyMs: 1e300 }, ctx.self.at(Worker.note), "far");
  },
  thirds: (ctx: WorkerContext) =>
    ctx.schedule("thirds", { everyMs: 100 / 3 }, ctx.self.at(Worker.note), "tick"),
};
const actors = [worker(scripts)];

async function connected<Result>(
  stage: Stage,
  act: (connection: StoreConnection) => Promise<Result>,
): Promise<Result> {
  const connection = await stage.store.open({ clock: stage.clock });
  try {
    return await act(connection);
  } finally {
    await connection.close();
  }
}

onEach(
  ["denoKv"],
  "what no commit could take when it is due is refused when it is set, at once",
  async (stage) => {
    const system = await stage.start(actors);
    await ref(system, "ada").tell(Worker.run, "small");
    for (const [key, line] of [["bob", "large 400000 1000"], ["cleo", "large 740000 0"]]) {
      await ref(system, key).tell(Worker.run, line).catch(() => {});
      await stage.settle();
    }
    assert.deepEqual(deadOf(system).toSorted(), ["bob run: too-large", "cleo run: too-large"]);
    assert.match(
      system.deadLetters.list()[0].message,
      /the schedule large of worker\/(bob|cleo) when it is due: it takes \d+ of \d+ bytes/,
    );
    await stage.pass(10_000, 500);
    assert.equal((await notesOf(system, "ada") as string[]).length, 10);
  },
);

onEach(["denoKv"], "what a commit can just take when it is due fires", async (stage) => {
  const system = await stage.start(actors);
  await ref(system, "bob").tell(Worker.run, "large 340000 1000");
  await ref(system, "cleo").tell(Worker.run, "large 700000 0");
  await stage.pass(3_500, 500);
  assert.deepEqual(deadOf(system), []);
  assert.equal((await stage.keys("timer")).length, 1, "that of bob, which repeats");
  assert.deepEqual(await notesOf(system, "cleo"), ["699993 characters"]);
  assert.equal((await notesOf(system, "bob") as string[]).length, 3);
});

onEach(
  kinds,
  "a schedule whose payload cannot be read is a dead letter, and those behind it fire",
  async (stage) => {
    const first = await stage.start(actors);
    for (const key of ["ada", "bob"]) await ref(first, key).tell(Worker.run, "once");
    await stage.settle();
    await stage.kill(first);
    await connected(stage, async (connection) => {
      const [row] = await connection.list({ prefix: "timer\u001fworker\u001fada", limit: 1 });
      const { head } = decodeValue(row.value);
      const value = encodeValue(head, "~{nonsense");
      await connection.commit([{ checks: [], writes: [{ key: row.key, value }], removals: [] }]);
    });
    const second = await stage.start(actors);
    await stage.pass(10_000);
    assert.deepEqual(await notesOf(second, "bob"), ["once"]);
    assert.deepEqual(await notesOf(second, "ada"), []);
    assert.match(deadOf(second).join(), /^ada note: failed$/);
    assert.match(second.deadLetters.list()[0].message, /its schedule once cannot be sent/);
    assert.deepEqual(await stage.keys("timer", "schedule"), []);
  },
);

onEach(kinds, "invalid schedule rows do not block the others, whatever their number", async (stage) => {
  const system = await stage.start(actors);
  await connected(stage, async (connection) => {
    for (let index = 0; index < 240; index++) {
      const key = ["schedule", "0".repeat(16), "worker", `a${index}`, "tea"].join("\u001f");
      await connection.commit([{ checks: [], writes: [{ key, value: new Uint8Array([1]) }], removals: [] }]);
    }
  });
  await ref(system, "ada").tell(Worker.run, "once");
  await stage.pass(5_000, 500);
  assert.deepEqual(await notesOf(system, "ada"), ["once"]);
});

onEach(kinds, "a schedule at the last representable time delays no other", async (stage) => {
  const first = await stage.start(actors);
  await ref(first, "far").tell(Worker.run, "far");
  await stage.settle();
  assert.equal((await stage.keys("timer")).length, 242);
  await ref(first, "ada").tell(Worker.run, "once");
  await stage.pass(5_000);
  assert.deepEqual([await notesOf(first, "ada"), await notesOf(first, "far")], [["once"], []]);
  await ref(first, "bob").tell(Worker.run, "once");
  await stage.settle();
  await stage.kill(first);
  const second = await stage.start(actors);
  await stage.pass(5_000);
  assert.deepEqual(await notesOf(second, "bob"), ["once"]);
});

onEach(kinds, "ticks that are no whole number of milliseconds apart do not drift", async (stage) => {
  const system = await stage.start(actors);
  await ref(system, "ada").tell(Worker.run, "thirds");
  await stage.pass(20_000, 20);
  const ticks = (await notesOf(system, "ada") as string[]).length;
  assert(Math.abs(ticks - 600) <= 2, `${ticks} ticks`);
});

Deno.test("no piece of a large schedule remains if it was set again, fired, cancelled or erased", async () => {
  const clock = new VirtualClock();
  const store = new SimulatedStore({ clock, random: seededRandom(1) });
  const pass = async (ms: number) => {
    for (let leftMs = ms; leftMs > 0; leftMs -= 20) await clock.advance(20);
  };
  const actor = worker({
    set: (ctx, text) => {
      const [bytes, ms] = text.split(" ").map(Number);
      ctx.schedule("tea", { afterMs: ms }, ctx.ref(Worker, "bob").at(Worker.run), "x ".repeat(bytes / 2));
    },
    every: (ctx, bytes) =>
      ctx.schedule(
        "tea",
        { everyMs: 1_000 },
        ctx.ref(Worker, "bob").at(Worker.run),
        "x ".repeat(Number(bytes) / 2),
      ),
    x() {},
    cancel: (ctx) => ctx.cancel("tea"),
    erase: (ctx) => ctx.erase(),
    note: (ctx) => note(ctx, ""),
  });
  const options = { clock, random: seededRandom(2), drainMs: 0 };
  const system = new System({ ...options, actors: [actor], store: store.instance("one") });
  const run = async (...lines: string[]) => {
    const sent = Promise.all(lines.map((line) => ref(system, "ada").tell(Worker.run, line)));
    await pass(3_000);
    await sent;
  };
  await pass(1_000);
  await run("set 200000 90000");
  await run("set 300 90000");
  await run("note", "set 200000 90000", "set 10 90000", "set 150000 90000");
  await run("set 250000 10");
  await run("every 200000");
  await run("every 100000");
  await run("cancel");
  await run("set 250000 90000");
  await run("set 200000 90000", "erase");
  assert.equal(store.piecesLeft, 0);
  const left = store.snapshot().map(({ key }) => key.split("\u001f"));
  assert.deepEqual(left.filter(([word, , key]) => ["timer", "actor"].includes(word) && key === "ada"), []);
  assert.deepEqual(left.filter(([word]) => word === "schedule"), []);
  const stopped = system.stop();
  await pass(5_000);
  await stopped;
});

inMemory("a schedule that is set while others are sent is not left for the next heartbeat", async (stage) => {
  const system = await stage.start([worker({
    start: (ctx) => ctx.schedule("first", { afterMs: 10 }, ctx.self.at(Worker.run), "next 0"),
    next(ctx, count) {
      note(ctx, count);
      if (Number(count) < 20) {
        ctx.schedule("next", { afterMs: 0 }, ctx.self.at(Worker.run), `next ${Number(count) + 1}`);
      }
    },
  })]);
  await ref(system, "ada").tell(Worker.run, "start");
  await stage.pass(500, 10);
  assert.equal((await notesOf(system, "ada") as string[]).length, 21);
});
