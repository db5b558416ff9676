// Infinity means no end, in memory and in each store: it is never treated as zero, and never stored as
// another number.

import assert from "node:assert/strict";
import { System, type SystemOptions } from "@posthorn/posthorn";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { kinds, note, notesOf, onEach, ref, type Stage, Worker, worker } from "./durable_stage.ts";

const year = 365 * 86_400_000;
const actors = [worker({
  fails(ctx) {
    note(ctx, `attempt ${ctx.attempt}`);
    throw new Error("no");
  },
  signal: (ctx) => ctx.signal.aborted,
}, { retry: { baseMs: Infinity, maxMs: Infinity }, idleMs: Infinity })];

async function lasts(
  start: (options: Partial<SystemOptions>) => Promise<System>,
  pass: (ms: number) => Promise<void>,
): Promise<void> {
  for (const keepMs of [Infinity, Number.MAX_VALUE, 8.64e15, 100 * year]) {
    const options = { deduplicationWindowMs: keepMs, replyRetentionMs: keepMs, askTimeoutMs: keepMs };
    const system = await start(options);
    const key = `k${keepMs}`;
    await ref(system, key).tell(Worker.note, "tea", { id: "one" });
    const ticket = await ref(system, key).submit(Worker.job, "notes", { timeoutMs: Infinity });
    const named = await ref(system, key).ask(Worker.call, "notes", { id: "two", timeoutMs: 8.64e15 });
    assert.deepEqual(named, ["tea"]);
    await pass(20_000);
    await ref(system, key).tell(Worker.note, "tea", { id: "one" });
    assert.deepEqual(await notesOf(system, key), ["tea"], "the name is known");
    await assert.rejects(ref(system, key).tell(Worker.note, "milk", { id: "one" }), { code: "id-reused" });
    assert.deepEqual(await ticket.reply({ timeoutMs: Infinity }), ["tea"]);
    const late = await ref(system, key).submit(Worker.job, "signal", { timeoutMs: Infinity });
    await pass(1_000);
    assert.equal(await late.reply({ timeoutMs: Infinity }), false, "its deadline never comes");
  }
}

onEach(kinds, "infinite windows and deadlines never end", async (stage: Stage) => {
  await lasts((options) => stage.start(actors, options), (ms) => stage.pass(ms, ms / 4));
});

Deno.test("infinite windows and deadlines never end", async () => {
  const clock = new VirtualClock();
  const systems: System[] = [];
  await lasts((options) => {
    systems.push(new System({ ...options, actors, clock, drainMs: 0 }));
    return Promise.resolve(systems.at(-1)!);
  }, (ms) => clock.advance(ms));
  for (const system of systems) await system.stop();
});

onEach(
  kinds,
  "a backoff that has no end is none: the message waits, over a restart as well",
  async (stage) => {
    const first = await stage.start(actors);
    const heard: string[] = [];
    const hear = (system: System) =>
      system.inspect((event) => {
        if (event.type === "failed" && "message" in event) heard.push(event.message.operation);
      });
    hear(first);
    await ref(first, "ada").tell(Worker.run, "fails");
    await stage.pass(20_000, 5_000);
    await stage.kill(first);
    hear(await stage.start(actors));
    await stage.pass(20_000, 5_000);
    assert.deepEqual(heard, ["run"]);
  },
);
