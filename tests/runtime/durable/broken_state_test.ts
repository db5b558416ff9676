// A state that cannot be created, migrated or read: each message to its actor fails, as if its handler did.

import assert from "node:assert/strict";
import { type Actor, type System, systemClock } from "@posthorn/posthorn";
import type { StoreConnection } from "@posthorn/posthorn/store";
import { encodeValue } from "../../../runtime/durable/rows/value_codec.ts";
import {
  deadOf,
  inMemory,
  kinds,
  missedMs,
  type Notes,
  notesOf,
  onEach,
  ref,
  type Stage,
  watch,
  Worker,
  worker,
} from "./durable_stage.ts";
import { inEach, type World } from "./worlds.ts";

const retry = { attempts: 3, baseMs: 100, maxMs: 100 } as const;

function broken(message = "no such field"): never {
  throw new TypeError(message);
}

/**
 * Every message to an actor whose state cannot be created fails, is inspected, and becomes a dead letter
 * after its attempts.
 */
async function failsEverywhere(world: World, system: System, why: RegExp): Promise<void> {
  const events = watch(system, "failed", "retrying", "dead", "started", "done");
  const ada = ref(system, "ada");
  const asked = ada.ask(Worker.call, "notes").then(() => "answered", (error) => error.message);
  await world.settle();
  assert.match(await asked, why, "an ask fails at once");
  const told = ada.tell(Worker.note, "one");
  await world.settle();
  await told;
  const submitting = ada.submit(Worker.job, "notes");
  await world.pass(1_000, 20);
  const { id } = await submitting;
  const replied = system.ticket(id).reply({ timeoutMs: 1_000 }).then(() => "answered", (error) => error.code);
  await world.pass(100, 20);
  assert.equal(await replied, "failed");
  assert.deepEqual(deadOf(system), ["ada call: failed", "ada note: failed", "ada job: failed"]);
  assert.deepEqual(system.deadLetters.list().map(({ attempts }) => attempts), [1, 3, 3]);
  for (const letter of system.deadLetters.list()) assert.match(letter.message, why);
  const attempt = (operation: string) => [`failed ada ${operation}`, `retrying ada ${operation}`];
  assert.deepEqual(events.filter((event) => event.includes(" ada ")), [
    "failed ada call",
    "dead ada call: failed",
    ...["note", "job"].flatMap((operation) => [
      ...attempt(operation),
      ...attempt(operation),
      `failed ada ${operation}`,
      `dead ada ${operation}: failed`,
    ]),
  ]);
  const [known, ...others] = system.health.broken ?? [];
  assert.deepEqual([known.protocol, known.key, others.length], ["worker", "ada", 0]);
  assert.match(known.reason, why);
  assert.equal(system.health.status, "running");
}

inEach("a state that cannot be made fails its messages, and another actor does not notice", async (world) => {
  let tries = 0;
  const state = (): Notes => (tries++, broken());
  const system = await world.start([worker({}, { state, retry })]);
  await failsEverywhere(world, system, /no such field/);
  assert.equal(tries, 7, "once for each attempt");
});

inEach("once its state can be made, its messages are handled, and health has forgotten it", async (world) => {
  let made = false;
  const state = (): Notes => made ? ["made"] : broken();
  const slowly = { attempts: 3, baseMs: 5_000, maxMs: 5_000 };
  const system = await world.start([worker({}, { state, retry: slowly })]);
  const told = ref(system, "ada").tell(Worker.note, "one");
  await world.settle();
  await told;
  assert.equal(system.health.broken?.length, 1);
  made = true;
  await world.pass(6_000, 1_000);
  const notes = notesOf(system, "ada");
  await world.settle();
  assert.deepEqual(await notes, ["made", "one"]);
  assert.equal(system.health.broken, undefined);
  assert.deepEqual(deadOf(system), []);
});

inEach("if a state cannot be created, messages that step aside let others fail meanwhile", async (world) => {
  const system = await world.start([
    worker({}, { state: () => broken(), retry: { ...retry, order: "aside" } }),
  ]);
  const events = watch(system, "failed");
  for (const text of ["one", "two"]) void ref(system, "ada").tell(Worker.note, text);
  await world.settle();
  assert.ok(events.length >= 2, events.join());
  await world.pass(1_000, 20);
  assert.deepEqual(deadOf(system), ["ada note: failed", "ada note: failed"]);
});

type Break = (stage: Stage) => Promise<Actor>;

/** Corrupts the committed state of an actor in the store. */
async function spoil(
  stage: Stage,
  prefix: string,
  spoiled: (value: Uint8Array) => Uint8Array,
): Promise<number> {
  const connection: StoreConnection = await stage.store.open({ clock: systemClock() });
  const rows = await connection.list({ prefix, limit: 100 });
  const writes = rows.map(({ key, value }) => ({
    key,
    value: spoiled(value),
    oldBytes: value.length,
    expiresAtMs: undefined,
  }));
  for (const write of writes) await connection.commit([{ checks: [], writes: [write], removals: [] }]);
  await connection.close();
  return rows.length;
}

const text = (value: Uint8Array) => new TextDecoder().decode(value);
const bytes = (value: string) => new TextEncoder().encode(value);
const recordPrefix = "actor\u001fworker";

const ways: Readonly<Record<string, readonly [RegExp, Break]>> = {
  "whose migrate throws": [
    /no such field/,
    () => Promise.resolve(worker({}, { retry, stateVersion: 1, migrate: () => broken() })),
  ],
  "whose migrate is asynchronous": [/not a promise/, () => {
    const migrate = (() => Promise.reject(new Error("nobody waits"))) as unknown as () => Notes;
    return Promise.resolve(worker({}, { retry, stateVersion: 1, migrate }));
  }],
  "whose text cannot be read": [/JSON/, async (stage) => {
    await spoil(stage, recordPrefix, (value) => bytes(`${text(value).split("\n")[0]}\n["before`));
    return worker({}, { retry });
  }],
  "whose rich text cannot be read": [/JSON/, async (stage) => {
    const odd = "~{";
    await spoil(stage, recordPrefix, (value) => bytes(`${text(value).split("\n")[0]}\n${odd}`));
    return worker({}, { retry });
  }],
  "whose record is no JSON": [/its record cannot be read/, async (stage) => {
    await spoil(stage, recordPrefix, () => bytes("{ nothing"));
    return worker({}, { retry });
  }],
  "whose record is null": [/its record cannot be read/, async (stage) => {
    await spoil(stage, recordPrefix, () => encodeValue(null, `["before"]`));
    return worker({}, { retry });
  }],
  "whose record is of no form that is known": [/its record cannot be read/, async (stage) => {
    await spoil(stage, recordPrefix, () => encodeValue({ turn: 5 }, `["before"]`));
    return worker({}, { retry });
  }],
};

async function recordsOf(stage: Stage): Promise<string[]> {
  const connection = await stage.store.open({ clock: systemClock() });
  const rows = await connection.list({ prefix: recordPrefix, limit: 100 });
  await connection.close();
  return rows.map(({ value }) => text(value));
}

for (const [which, [why, brk]] of Object.entries(ways)) {
  onEach(kinds, `a state ${which} fails its messages, and is still there`, async (stage) => {
    const first = await stage.start([worker()]);
    await ref(first, "ada").tell(Worker.note, "before");
    await stage.settle();
    await first.stop();
    const actor = await brk(stage);
    const [before] = await recordsOf(stage);
    const second = await stage.start([actor]);
    await failsEverywhere(asWorld(stage), second, why);
    const [after] = await recordsOf(stage);
    if (which.includes("record")) assert.equal(after, before, "what cannot be read is not written over");
    else assert.equal(after.slice(after.indexOf("\n")), before.slice(before.indexOf("\n")));
    await second.signal({ protocol: "worker", key: "ada" }, "erase");
    await stage.pass(1_000);
    assert.deepEqual(await notesOf(second, "ada"), [], "to erase it mends it");
    assert.equal(second.health.broken, undefined);
  });
}

function asWorld(stage: Stage): World {
  return Object.assign(stage, { stored: true });
}

onEach(kinds, "attempts at a message of a broken actor are counted over restarts", async (stage) => {
  const slowly = { attempts: 3, baseMs: 20_000, maxMs: 20_000 };
  const actors = [worker({}, { state: () => broken(), retry: slowly })];
  let system = await stage.start(actors);
  await ref(system, "ada").tell(Worker.note, "one");
  await stage.settle();
  for (let restart = 0; restart < 2; restart++) {
    await system.stop();
    system = await stage.start(actors);
    await stage.pass(21_000 + missedMs);
  }
  assert.deepEqual(deadOf(system), ["ada note: failed"]);
  assert.equal(system.deadLetters.list()[0].attempts, 3);
});

inMemory(
  "a state that is too new, and a store that does not answer, are no failures of messages",
  async (stage) => {
    const first = await stage.start([worker({}, { stateVersion: 2 })]);
    await ref(first, "ada").tell(Worker.note, "newer");
    await stage.settle();
    await first.stop();
    const second = await stage.start([worker({}, { retry })]);
    await ref(second, "ada").tell(Worker.note, "kept");
    await stage.pass(10_000);
    assert.deepEqual(deadOf(second), []);
    assert.equal(second.health.broken, undefined);
  },
);

inMemory(
  "an actor that stops or escalates when it fails does so also where its state cannot be made",
  async (stage) => {
    const system = await stage.start([
      worker({}, { state: () => broken(), retry: { attempts: 1 }, onFailure: "stop" }),
    ]);
    const events = watch(system, "stopped");
    await ref(system, "ada").tell(Worker.note, "one");
    await stage.pass(1_000);
    assert.deepEqual(events, ["stopped ada"]);
    assert.deepEqual(deadOf(system), ["ada note: failed"]);
  },
);
