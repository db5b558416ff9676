// Several revisions of a program share a store: each handles what it knows, and leaves the rest to the
// others.

import assert from "node:assert/strict";
import { type Actor, actor, ask, protocol, System, tell, unchecked } from "@posthorn/posthorn";
import type { Operation } from "@posthorn/posthorn/protocol";
import { Simulation } from "@posthorn/posthorn/testing/simulation";
import { deadOf, kinds, missedMs, onEach, sharedKinds, type Stage } from "./durable_stage.ts";

type Cents = { readonly cents: number };
const Purse = protocol("purse", { put: tell(unchecked<number>()), show: ask(unchecked<unknown>()) });
const first = actor(Purse, {
  state: (): number => 0,
  on: { put: (ctx, cents) => void (ctx.state = ctx.state + cents), show: (ctx) => ctx.state },
});
const second = actor(Purse, {
  stateVersion: 1,
  migrate: (state) => ({ cents: state as number }),
  state: (): Cents => ({ cents: 0 }),
  on: {
    put: (ctx, cents) => void (ctx.state = { cents: ctx.state.cents + cents }),
    show: (ctx) => ctx.state,
  },
});
const third = actor(Purse, {
  stateVersion: 2,
  migrate: (state, from) => from === 0 ? [state as number] : [(state as Cents).cents],
  state: (): readonly number[] => [],
  on: { put: (ctx, cents) => void (ctx.state = [...ctx.state, cents]), show: (ctx) => ctx.state },
});

onEach(
  kinds,
  "older state is migrated, whatever its version, and kept so with the next turn",
  async (stage) => {
    const old = await stage.start([first]);
    for (const key of ["ada", "bob"]) await old.ref(Purse, key).tell(Purse.put, 5);
    await stage.settle();
    await old.stop();
    const middle = await stage.start([second]);
    assert.deepEqual(await middle.ref(Purse, "ada").ask(Purse.show), { cents: 5 });
    await middle.ref(Purse, "ada").tell(Purse.put, 1);
    await stage.settle();
    await middle.stop();
    const latest = await stage.start([third]);
    assert.deepEqual(await latest.ref(Purse, "ada").ask(Purse.show), [6]);
    assert.deepEqual(await latest.ref(Purse, "bob").ask(Purse.show), [5]);
  },
);

onEach(
  kinds,
  "newer state is left unchanged: an ask is refused, messages wait for the newer program",
  async (stage) => {
    const latest = await stage.start([second]);
    await latest.ref(Purse, "ada").tell(Purse.put, 5);
    await stage.settle();
    await latest.stop();
    const old = await stage.start([first]);
    const asked = old.ref(Purse, "ada").ask(Purse.show);
    await assert.rejects(asked, { code: "newer-state" });
    await old.ref(Purse, "ada").tell(Purse.put, 1);
    await stage.pass(20_000);
    await assert.rejects(old.ref(Purse, "ada").ask(Purse.show), { code: "newer-state" });
    assert.deepEqual(deadOf(old), []);
    await old.stop();
    const again = await stage.start([second]);
    await stage.pass(missedMs);
    assert.deepEqual(await again.ref(Purse, "ada").ask(Purse.show), { cents: 6 });
  },
);

onEach(
  kinds,
  "newer state is not erased by an older program, and a signal to do so fails aloud",
  async (stage) => {
    const latest = await stage.start([second]);
    await latest.ref(Purse, "ada").tell(Purse.put, 5);
    await stage.settle();
    await latest.stop();
    const lines: string[] = [];
    const old = await stage.start([first], { log: (line) => lines.push(line.replace(/ at .*/, "")) });
    const failures: unknown[] = [];
    old.inspect((event) => void (event.type === "callback-failed" && failures.push(event)));
    await old.signal({ protocol: "purse", key: "ada" }, "erase");
    await stage.pass(1_000);
    assert.equal(failures.length, 1);
    const { callback, error } = failures[0] as { callback: string; error: unknown };
    assert.equal(callback, "erase");
    assert.throws(() => {
      throw error;
    }, { code: "newer-state", message: "Cannot erase purse/ada: a newer program has written its state" });
    const why = "PosthornError: Cannot erase purse/ada: a newer program has written its state";
    assert.deepEqual(lines, [`posthorn: an actor was not erased: ${why}`]);
    await old.stop();
    const again = await stage.start([second]);
    await stage.pass(missedMs);
    assert.deepEqual(await again.ref(Purse, "ada").ask(Purse.show), { cents: 5 });
  },
);

onEach(
  sharedKinds,
  "beside a newer revision, mail that the older takes in is done by the newer",
  async (stage) => {
    const newer = await stage.start([second]);
    await newer.ref(Purse, "ada").tell(Purse.put, 5);
    await stage.settle();
    const older = await stage.start([first]);
    await older.ref(Purse, "ada").tell(Purse.put, 1);
    await stage.pass(500, 20);
    assert.deepEqual(await newer.ref(Purse, "ada").ask(Purse.show), { cents: 6 });
  },
);

Deno.test("two instances of an older revision do not hand newer state to each other without end", async () => {
  let program: Actor = second;
  const simulation = new Simulation({
    seed: 1,
    processes: 2,
    start: (host) => new System({ ...host, actors: [program] }),
  });
  const put = async (cents: number) => {
    await simulation.advance(5_000);
    const [{ host, system }] = simulation.running;
    host.clock.setTimer(0, () => void system.ref(Purse, "ada").tell(Purse.put, cents));
    await simulation.advance(5_000);
  };
  await put(5);
  program = first;
  for (const { host } of simulation.running) host.stop();
  await simulation.advance(20_000);
  await put(1);
  const before = simulation.store.log.length;
  await simulation.advance(60_000);
  const commits = simulation.store.log.length - before; // each has thirty heartbeats
  assert.ok(commits < 100, `${commits} commits`);
  program = second;
  for (const { host } of simulation.running) host.stop();
  await simulation.advance(20_000);
  let state: unknown;
  void simulation.running[0].system.ref(Purse, "ada").ask(Purse.show).then((shown) => state = shown);
  await simulation.advance(1_000);
  assert.deepEqual(state, { cents: 6 });
});

const Old = protocol("desk", { note: tell(unchecked<string>()) });
const New = protocol("desk", {
  note: tell(unchecked<string>()),
  stamp: tell(unchecked<string>()),
  all: ask(unchecked<readonly string[]>()),
});
const oldDesk = actor(Old, {
  state: (): readonly string[] => [],
  on: { note: (ctx, text) => void (ctx.state = [...ctx.state, text]) },
});
const newDesk = actor(New, {
  state: (): readonly string[] => [],
  on: {
    note: (ctx, text) => void (ctx.state = [...ctx.state, text]),
    stamp: (ctx, text) => void (ctx.state = [...ctx.state, `stamped ${text}`]),
    all: (ctx) => ctx.state,
  },
});

/** Messages that the new revision accepted and did not handle. */
async function stamped(stage: Stage): Promise<void> {
  const system = await stage.start([actor(New, {
    state: (): readonly string[] => [],
    on: { note() {}, stamp: () => new Promise<void>(() => {}), all: (ctx) => ctx.state },
  })]);
  await system.ref(New, "d").tell(New.stamp, "it");
  await system.ref(New, "d").tell(New.note, "behind");
  await stage.settle();
  await stage.kill(system);
}

onEach(kinds, "an unknown operation waits for a revision that knows it", async (stage) => {
  await stamped(stage);
  const old = await stage.start([oldDesk]);
  await stage.pass(60_000, 5_000);
  assert.deepEqual(deadOf(old), []);
  await old.stop();
  const latest = await stage.start([newDesk]);
  await stage.pass(missedMs);
  assert.deepEqual(await latest.ref(New, "d").ask(New.all), ["stamped it", "behind"]);
});

onEach(["memory"], "an unknown operation that nobody knows for minutes is a dead letter", async (stage) => {
  await stamped(stage);
  const old = await stage.start([oldDesk]);
  await stage.pass(400_000, 5_000);
  assert.deepEqual(deadOf(old), ["d stamp: unknown-operation"]);
  await old.stop();
  const latest = await stage.start([newDesk]);
  assert.deepEqual(await latest.ref(New, "d").ask(New.all), ["behind"]);
});

const Here = protocol("here", { go: tell(unchecked<string>()), seen: ask(unchecked<readonly string[]>()) });
const There = protocol("there", { go: tell(unchecked<string>()), seen: ask(unchecked<readonly string[]>()) });
const here = actor(Here, {
  state: (): readonly string[] => [],
  on: {
    go(ctx, text) {
      ctx.state = [...ctx.state, text];
      ctx.ref(There, "x").tell(There.go, text);
    },
    seen: (ctx) => ctx.state,
  },
});
const there = actor(There, {
  state: (): readonly string[] => [],
  on: { go: (ctx, text) => void (ctx.state = [...ctx.state, text]), seen: (ctx) => ctx.state },
});

onEach(
  sharedKinds,
  "an actor that is not hosted here is left to an instance that hosts it",
  async (stage) => {
    const one = await stage.start([here]);
    const other = await stage.start([there]);
    for (const text of ["a", "b", "c"]) await one.ref(Here, "x").tell(Here.go, text);
    await stage.pass(200, 20);
    assert.deepEqual(await other.ref(There, "x").ask(There.seen), ["a", "b", "c"]);
    const unknown = { code: "unknown-protocol" };
    await assert.rejects(other.ref(Here, "x").ask(Here.seen), unknown);
    assert.deepEqual([...deadOf(one), ...deadOf(other)], []);
  },
);

onEach(kinds, "messages for an actor that no instance hosts wait until one does", async (stage) => {
  const one = await stage.start([here]);
  for (const text of ["a", "b", "c"]) await one.ref(Here, "x").tell(Here.go, text);
  await stage.pass(missedMs);
  assert.deepEqual(deadOf(one), []);
  await stage.kill(one);
  const other = await stage.start([there]);
  await stage.pass(missedMs);
  assert.deepEqual(await other.ref(There, "x").ask(There.seen), ["a", "b", "c"]);
});

onEach(sharedKinds, "an instance never takes over what it does not host", async (stage) => {
  const one = await stage.start([here, there]);
  await one.ref(Here, "x").tell(Here.go, "a");
  await stage.kill(one);
  await stage.start([second]);
  await stage.pass(missedMs * 2);
  const again = await stage.start([here, there]); // the unknown row is still there
  await stage.pass(missedMs);
  assert.deepEqual(await again.ref(There, "x").ask(There.seen), ["a"]);
});

onEach(
  kinds,
  "a payload that a newer schema does not accept is a dead letter; its defaults complete it",
  async (stage) => {
    const { z } = await import("zod");
    const define = (schema: Operation<"tell", "mill", number>["payload"], seen: unknown[], stuck = false) => {
      const Mill = protocol("mill", { grind: tell(schema as never) });
      const grind = (_ctx: unknown, payload: unknown) => {
        if (stuck) return new Promise<void>(() => {});
        seen.push(payload);
      };
      return { Mill, mill: actor(Mill, { state: () => null, on: { grind: grind as never } }) };
    };
    const seen: unknown[] = [];
    const old = define(z.looseObject({ grams: z.number() }) as never, seen, true);
    const system = await stage.start([old.mill]);
    await system.ref(old.Mill, "m").tell(old.Mill.grind, { grams: 5 } as never);
    await system.ref(old.Mill, "m").tell(old.Mill.grind, { grams: -1 } as never);
    await stage.settle();
    await stage.kill(system);
    const newer = define(
      z.object({ grams: z.number().min(0), kind: z.string().default("rye") }) as never,
      seen,
    );
    const latest = await stage.start([newer.mill]);
    await stage.pass(missedMs);
    assert.deepEqual(seen, [{ grams: 5, kind: "rye" }]);
    assert.deepEqual(deadOf(latest), ["m grind: invalid-payload"]);
  },
);
