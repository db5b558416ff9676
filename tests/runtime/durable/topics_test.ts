// Subscriptions of addresses and the log of events are in the store; each subscriber gets each event once.

import assert from "node:assert/strict";
import { event, protocol, type Store, type System, unchecked } from "@posthorn/posthorn";
import type { Operation } from "@posthorn/posthorn/protocol";
import { recordKey } from "../../../runtime/durable/rows/keys.ts";
import { decodeValue, encodeValue, fromText, toText } from "../../../runtime/durable/rows/value_codec.ts";
import {
  deadOf,
  inMemory,
  kinds,
  missedMs,
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

onEach(kinds, "the subscription of an address outlives its process, and its subject too", async (stage) => {
  const first = await stage.start([worker()]);
  first.subscribe(Worker.happened, ref(first, "ada").at(Worker.note), { subject: "de" });
  first.subscribe(Worker.happened, ref(first, "bob").at(Worker.note));
  await stage.settle();
  await stage.kill(first);
  const second = await stage.start([worker()]);
  await stage.pass(missedMs);
  await second.publish(Worker.happened, "de one");
  await second.publish(Worker.happened, "fr two");
  await stage.settle();
  assert.deepEqual(await notesOf(second, "ada"), ["de one"]);
  assert.deepEqual(await notesOf(second, "bob"), ["de one", "fr two"]);
});

onEach(
  kinds,
  "the subscription of an address ends for every process, and subscribing again replaces it",
  async (stage) => {
    const first = await stage.start([worker()]);
    const subscription = first.subscribe(Worker.happened, ref(first, "ada").at(Worker.note));
    const old = first.subscribe(Worker.happened, ref(first, "bob").at(Worker.note), { subject: "fr" });
    first.subscribe(Worker.happened, ref(first, "bob").at(Worker.note), { subject: "de" });
    subscription[Symbol.dispose]();
    old[Symbol.dispose](); // already replaced: it ends nothing
    await stage.settle();
    await stage.kill(first);
    const second = await stage.start([worker()]);
    await stage.pass(missedMs);
    for (const text of ["de one", "fr two"]) await second.publish(Worker.happened, text);
    await stage.settle();
    assert.deepEqual([await notesOf(second, "ada"), await notesOf(second, "bob")], [[], ["de one"]]);
  },
);

onEach(kinds, "a turn subscribes and unsubscribes with its commit", async (stage) => {
  const scripts = {
    join: (ctx: WorkerContext) => ctx.subscribe(Worker.happened, ctx.self.at(Worker.note)),
    leave: (ctx: WorkerContext) => ctx.unsubscribe(Worker.happened, ctx.self.at(Worker.note)),
    say: (ctx: WorkerContext, text: string) => ctx.publish(Worker.happened, text),
  };
  const system = await stage.start([worker(scripts)]);
  const ada = ref(system, "ada");
  for (const script of ["say de zero", "join", "say de one", "leave", "say de two"]) {
    await ada.tell(Worker.run, script);
    await stage.settle();
  }
  assert.deepEqual(await notesOf(system, "ada"), ["de one"]);
});

onEach(
  kinds,
  "a function gets each event that is published while its process lives, once and in order",
  async (stage) => {
    const heard: string[] = [];
    const first = await stage.start([worker()]);
    first.subscribe(Worker.happened, (text) => void heard.push(text), { subject: "de" });
    for (let index = 0; index < 250; index++) await first.publish(Worker.happened, `de ${index}`);
    await first.publish(Worker.happened, "fr no");
    await stage.settle();
    assert.deepEqual(heard, Array.from({ length: 250 }, (_, index) => `de ${index}`));
    await stage.kill(first);
    const second = await stage.start([worker()]);
    await stage.pass(missedMs);
    await second.publish(Worker.happened, "de later");
    await stage.settle();
    assert.equal(heard.length, 250);
    assert.deepEqual(deadOf(second), []);
  },
);

onEach(
  kinds,
  "a function that subscribes before the store is open hears what is published next",
  async (stage) => {
    const heard: string[] = [];
    const system = stage.begin([worker()]);
    system.subscribe(Worker.happened, (text) => void heard.push(text));
    await system.publish(Worker.happened, "de one");
    await stage.settle();
    assert.deepEqual(heard, ["de one"]);
  },
);

onEach(sharedKinds, "a function hears what another instance publishes", async (stage) => {
  const heard: string[] = [];
  const [hears, publishes] = [await stage.start([worker()]), await stage.start([worker()])];
  hears.subscribe(Worker.happened, (text) => void heard.push(text));
  await stage.settle();
  for (let index = 0; index < 5; index++) await publishes.publish(Worker.happened, `de ${index}`);
  await stage.pass(100, 20);
  assert.deepEqual(heard, Array.from({ length: 5 }, (_, index) => `de ${index}`));
});

onEach(kinds, "the log keeps the latest events, numbered without gaps over restarts", async (stage) => {
  const options = { limits: { events: 5 } };
  const first = await stage.start([worker()], options);
  for (let index = 1; index <= 6; index++) await first.publish(Worker.happened, `de ${index}`);
  await stage.settle();
  await stage.kill(first);
  const second = await stage.start([worker()], options);
  await second.publish(Worker.happened, "de 7");
  await stage.pass(missedMs);
  assert.deepEqual(await eventsOf(stage), [[3, "de 3"], [4, "de 4"], [5, "de 5"], [6, "de 6"], [7, "de 7"]]);
});

async function eventsOf(stage: Stage): Promise<unknown[]> {
  const connection = await stage.store.open({ clock: stage.clock });
  const rows = await connection.list({ prefix: "event\u001f", limit: 1_000 });
  await connection.close();
  return rows.map(({ key, value }) => {
    const payload = new TextDecoder().decode(value).split("\n")[1];
    return [Number(key.split("\u001f").at(-1)), JSON.parse(payload)];
  });
}

/** Subscribes actors, a few in each turn of an actor that knows them. */
async function subscribeMany(stage: Stage, system: System, count: number): Promise<void> {
  for (let from = 0; from < count; from += 500) await ref(system, "host").tell(Worker.run, `seat ${from}`);
  await stage.settle();
}

function seat(count: number) {
  return (ctx: WorkerContext, from: string) => {
    for (let index = Number(from); index < Math.min(Number(from) + 500, count); index++) {
      ctx.subscribe(Worker.happened, ctx.ref(Worker, `guest-${index}`).at(Worker.note));
    }
  };
}

for (const [kind, count] of [["memory", 5_000], ["sqlite", 1_000], ["denoKv", 450]] as const) {
  onEach(
    [kind],
    `an event reaches ${count} subscribers, once each, over a crash in its midst`,
    async (stage) => {
      const actors = [worker({ seat: seat(count) })];
      const options = { limits: { actors: 20_000 } };
      const first = await stage.start(actors, options);
      if (kind === "denoKv") {
        for (let index = 0; index < count; index++) {
          first.subscribe(Worker.happened, ref(first, `guest-${index}`).at(Worker.note));
        }
        await stage.settle();
      } else await subscribeMany(stage, first, count);
      await first.publish(Worker.happened, "de one");
      let commits = 0;
      stage.storeOf(first).refuse = () => ++commits > 3 ? new Error("about to die") : undefined;
      for (let turn = 0; turn < 10; turn++) await stage.clock.settle();
      await stage.kill(first);

      const second = await stage.start(actors, options);
      await second.publish(Worker.happened, "de two");
      await stage.pass(missedMs);
      const short: string[] = [];
      for (let index = 0; index < count; index++) {
        const notes = await notesOf(second, `guest-${index}`) as string[];
        if ([...notes].sort().join() !== "de one,de two") short.push(`${index}: ${notes}`);
      }
      assert.deepEqual(short.slice(0, 5), [], `${short.length} of ${count}`);
      assert.deepEqual(deadOf(second), []);
      assert.equal((await eventsOf(stage)).length, 2, "each is logged once");
    },
  );
}

/** The store, which returns this many more pages of subscribers. */
function givingPages(stage: Stage, pages: { given: number }): Store {
  return {
    engine: stage.store.engine,
    traits: stage.store.traits,
    async open(services) {
      const connection = await stage.store.open(services);
      return {
        read: (keys) => connection.read(keys),
        commit: (parts) => connection.commit(parts),
        watch: (onChange) => connection.watch(onChange),
        close: () => connection.close(),
        list: (range) => {
          const refused = range.prefix.startsWith("subscriber\u001f") && pages.given-- <= 0;
          return refused ? Promise.reject(new Error("no list")) : connection.list(range);
        },
      };
    },
  };
}

inMemory(
  "an event that was given up half-way and is sent again goes on where it ended: each subscriber has it once",
  async (stage) => {
    const pages = { given: Infinity };
    const count = 450;
    const system = await stage.start([worker({ seat: seat(count) })], { store: givingPages(stage, pages) });
    await subscribeMany(stage, system, count);
    pages.given = 1;
    await system.publish(Worker.happened, "de one", { id: "one" });
    await stage.pass(600_000, 10_000);
    assert.deepEqual(system.deadLetters.list().map(({ id, operation }) => [id, operation]), [[
      "one",
      "publish",
    ]]);
    await system.publish(Worker.happened, "de two"); // an abandoned publication does not block later ones
    pages.given = Infinity;
    await stage.pass(100_000, 10_000);
    await system.deadLetters.resend("one");
    await stage.settle();
    for (let index = 0; index < count; index++) {
      const notes = await notesOf(system, `guest-${index}`) as string[];
      assert.deepEqual([...notes].sort(), ["de one", "de two"], `guest-${index}`);
    }
    assert.equal((await eventsOf(stage)).length, 2, "each is logged once");
  },
);

inMemory(
  "the progress of an interrupted publication is kept for 100 events, and lost for the oldest",
  async (stage) => {
    const key = recordKey({ protocol: "~topic", key: "worker.happened" });
    const connection = await stage.store.open({ clock: stage.clock });
    const record = async () => {
      const [stored] = await connection.read([key]);
      const { head, text } = decodeValue<object>(stored!.value);
      return { head, state: fromText(text) as { cursors?: Record<string, string> } };
    };
    const pages = { given: Infinity };
    const system = await stage.start([worker({ seat: seat(250) })], { store: givingPages(stage, pages) });
    await subscribeMany(stage, system, 250);
    const { head, state } = await record();
    const places = Array.from({ length: 100 }, (_, index) => `0place${index}`);
    const cursors = Object.fromEntries(places.map((place) => [place, "subscriber"]));
    const value = encodeValue(head, toText({ ...state, cursors }));
    await connection.commit([{ checks: [], writes: [{ key, value }], removals: [] }]);
    pages.given = 2; // the first turn is stale: its topic was written here
    await system.publish(Worker.happened, "de one", { id: "one" });
    await stage.pass(600_000, 10_000);
    const known = Object.keys((await record()).state.cursors ?? {});
    assert.deepEqual([known.length, known.slice(0, 99)], [100, places.slice(1)]);
    pages.given = Infinity;
    await system.deadLetters.resend("one");
    await stage.settle();
    for (let index = 0; index < 250; index++) {
      assert.deepEqual(await notesOf(system, `guest-${index}`), ["de one"], `guest-${index}`);
    }
    assert.deepEqual(Object.keys((await record()).state.cursors ?? {}), places.slice(1));
    await connection.close();
  },
);

onEach(
  ["denoKv"],
  "an event that is large, or whose subscribers have long keys, goes out in smaller pages",
  async (stage) => {
    const system = await stage.start([worker()]);
    const keys = Array.from({ length: 230 }, (_, index) => `${"k".repeat(480)}-${index}`);
    for (const key of keys) system.subscribe(Worker.happened, ref(system, key).at(Worker.note));
    await stage.settle();
    const text = `de ${"x".repeat(20_000)}`;
    await system.publish(Worker.happened, text);
    await stage.settle();
    assert.deepEqual(deadOf(system), []);
    const reached = await Promise.all(keys.map((key) => notesOf(system, key) as Promise<string[]>));
    assert.deepEqual(reached.filter((notes) => notes.length !== 1 || notes[0] !== text).length, 0);
  },
);

inMemory(
  "an event that is published is handled by its subscribers in the order of publishing",
  async (stage) => {
    const system = await stage.start([worker()]);
    system.subscribe(Worker.happened, ref(system, "ada").at(Worker.note));
    const texts = Array.from({ length: 50 }, (_, index) => `de ${index}`);
    await Promise.all(texts.map((text) => system.publish(Worker.happened, text)));
    await stage.settle();
    assert.deepEqual(await notesOf(system, "ada"), texts);
  },
);

onEach(kinds, "an actor that erases itself is no longer subscribed", async (stage) => {
  const system = await stage.start([worker({
    erase: (ctx) => ctx.erase(),
    noted: (ctx, text) => note(ctx, text),
  })]);
  system.subscribe(Worker.happened, ref(system, "ada").at(Worker.note));
  system.subscribe(Worker.happened, ref(system, "bob").at(Worker.note));
  await stage.settle();
  await ref(system, "ada").tell(Worker.run, "erase");
  await stage.settle();
  await system.publish(Worker.happened, "de one");
  await stage.settle();
  assert.deepEqual([await notesOf(system, "ada"), await notesOf(system, "bob")], [[], ["de one"]]);
});

onEach(
  kinds,
  "what is subscribed no longer leaves no row, while its other subscriptions keep theirs",
  async (stage) => {
    const system = await stage.start([worker({
      erase: (ctx) => ctx.erase(),
    })]);
    const notes = Array.from({ length: 5 }, (_, index) => ref(system, `a${index}`).at(Worker.note));
    const runs = Array.from({ length: 5 }, (_, index) => ref(system, `a${index}`).at(Worker.run));
    const noted = notes.map((address) => system.subscribe(Worker.happened, address));
    const ran = runs.map((address) => system.subscribe(Worker.happened, address));
    await stage.settle();
    assert.equal((await stage.keys("subscribed")).length, 5);
    for (const subscription of noted) subscription[Symbol.dispose]();
    await stage.settle();
    assert.equal((await stage.keys("subscribed")).length, 5, "they hear it by another operation");
    await ref(system, "a0").tell(Worker.run, "erase");
    await stage.settle();
    assert.deepEqual((await stage.keys("subscriber")).length, 4, "it is found by its row");
    for (const subscription of ran) subscription[Symbol.dispose]();
    await stage.settle();
    assert.deepEqual(await stage.keys("subscribed", "subscriber"), []);
  },
);

onEach(
  ["memory", "denoKv"],
  "an actor that erases itself leaves no row in a topic, whatever the number of operations it subscribed",
  async (stage) => {
    const system = await stage.start([worker({ erase: (ctx) => ctx.erase() })]);
    const key = "k".repeat(480);
    for (let index = 0; index < 1_005; index++) {
      system.subscribe(Worker.happened, { ...ref(system, key).at(Worker.note), operation: `op${index}` });
    }
    system.subscribe(Worker.happened, ref(system, "bob").at(Worker.note));
    await stage.settle();
    assert.equal((await stage.keys("subscriber")).length, 1_006);
    await ref(system, key).tell(Worker.run, "erase");
    await stage.settle();
    const left = await stage.keys("subscriber", "subscribed");
    assert.equal(left.length, 2);
    assert.deepEqual(left, [
      "subscriber worker.happened worker bob note",
      "subscribed worker bob worker.happened",
    ]);
    await system.publish(Worker.happened, "de one");
    await stage.settle();
    assert.deepEqual(await notesOf(system, "bob"), ["de one"]);
    assert.equal((await stage.keys("mail")).length, 0);
    assert.deepEqual(deadOf(system), []);
  },
);

/** A protocol with this many events. */
function events(count: number) {
  const all = Array.from({ length: count }, (_, index) => [`e${index}`, event(unchecked<string>())]);
  return protocol(
    "many",
    Object.fromEntries(all) as Record<string, ReturnType<typeof event<string, string>>>,
  );
}

inMemory(
  "an actor that erases itself is unsubscribed from all its topics, whatever their number",
  async (stage) => {
    const many = Object.values(events(1_005)) as unknown as Operation<"event">[];
    const system = await stage.start([worker({
      join: (ctx) => many.forEach((event) => ctx.subscribe(event, ctx.self.at(Worker.note) as never)),
      erase: (ctx) => ctx.erase(),
    })]);
    await ref(system, "ada").tell(Worker.run, "join");
    await stage.settle();
    assert.equal((await stage.keys("subscribed")).length, 1_005);
    await ref(system, "ada").tell(Worker.run, "erase");
    await stage.settle();
    assert.deepEqual(await stage.keys("subscribed", "subscriber", "mail"), []);
    assert.deepEqual(deadOf(system), []);
  },
);
