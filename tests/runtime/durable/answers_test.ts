// Survey replies by turns that run on another instance than the one that asks.

import assert from "node:assert/strict";
import {
  type Actor,
  actor,
  OutcomeUnknownError,
  protocol,
  type Store,
  StoreError,
  survey,
  System,
  tell,
  unchecked,
} from "@posthorn/posthorn";
import type { AtomicPart, StoreConnection } from "@posthorn/posthorn/store";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import { SimulatedStore } from "@posthorn/posthorn/testing/simulation";
import * as z from "zod";
import {
  collect,
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

const Other = protocol("other", { idle: tell() });
/** The actors of the asking instance: none of the respondents. */
const other = actor(Other, { state: () => null, on: { idle() {} } });

/** The number of survey replies in the store. */
async function answersIn({ store, clock }: Stage): Promise<number> {
  const connection = await store.open({ clock });
  const rows = await connection.list({ prefix: "answer", limit: 1_000 });
  await connection.close();
  return rows.length;
}

/** Makes an instance fail commits with such keys, as if its store were unavailable. */
function hinder(stage: Stage, system: System, keys: string): void {
  const hindered = ({ writes, removals }: AtomicPart) =>
    [...writes, ...removals].some(({ key }) => key.startsWith(keys));
  stage.storeOf(system).refuse = (parts) => parts.some(hindered) ? away : undefined;
}

/** Subscribes workers as respondents. */
async function employ(stage: Stage, system: System, ...keys: string[]): Promise<void> {
  for (const key of keys) system.subscribe(Worker.quote, ref(system, key).at(Worker.quote));
  await stage.settle();
}

const away = new StoreError("store-unavailable", "away");

/** A store with some of its calls overridden. */
function wrapped(store: Store, change: (connection: StoreConnection) => Partial<StoreConnection>): Store {
  return {
    engine: store.engine,
    traits: store.traits,
    async open(services) {
      const connection = await store.open(services);
      return {
        read: (keys) => connection.read(keys),
        list: (range) => connection.list(range),
        commit: (parts) => connection.commit(parts),
        watch: (onChange) => connection.watch(onChange),
        close: () => connection.close(),
        ...change(connection),
      };
    },
  };
}

/** A store without notifications. */
function unheard(store: Store): Store {
  return wrapped(store, () => ({ watch: () => ({ [Symbol.dispose]() {} }) }));
}

for (const busy of ["worker", "~topic"]) {
  onEach(
    kinds,
    `two alike share the load: the turn of the ${busy} runs on the one that does not ask`,
    async (stage) => {
      const asks = await stage.start([worker({ quote: () => "from the one that asks" })]);
      const answers = await stage.start([worker({ quote: (ctx) => `${ctx.key} from the other` })]);
      await employ(stage, asks, "ada", "bob");
      hinder(stage, asks, `actor\u001f${busy}\u001f`);
      const asked = collect(asks.survey(Worker.quote, "quote", { timeoutMs: 10_000 }));
      await stage.settle();
      // Each loads its actor with its waiting messages.
      if (busy === "worker") {
        for (const key of ["ada", "bob"]) await ref(answers, key).tell(Worker.note, "hello");
      } else answers.subscribe(Worker.quote, ref(answers, "bob").at(Worker.quote));
      await stage.pass(1_000, 100);
      stage.storeOf(asks).refuse = undefined;
      await stage.pass(10_000);
      assert.deepEqual(await asked, ["ada from the other", "bob from the other"]);
      assert.deepEqual([deadOf(asks), deadOf(answers)], [[], []]);
    },
  );
}

onEach(
  sharedKinds,
  "each of two who ask at the same time hears its own answers, and nothing is left",
  async (stage) => {
    const answers = await stage.start([worker({ quote: (ctx, text) => `${ctx.key} to ${text}` })]);
    await employ(stage, answers, "ada", "bob");
    const [first, second] = [await stage.start([other]), await stage.start([other])];
    const asked = [first, second, first, answers].map((system, index) =>
      collect(system.survey(Worker.quote, `quote ${index}`, { timeoutMs: 500 }))
    );
    await stage.pass(1_000, 20);
    assert.deepEqual(
      await Promise.all(asked),
      [0, 1, 2, 3].map((index) => [`ada to ${index}`, `bob to ${index}`]),
    );
    assert.deepEqual(await answersIn(stage), 0);
  },
);

inMemory("an answer commits with its turn: both are there, or neither", async (stage) => {
  const quote = (ctx: WorkerContext) => {
    note(ctx, "asked");
    return ctx.key;
  };
  const answers = await stage.start([worker({ quote })]);
  await employ(stage, answers, "ada");
  const asks = await stage.start([other]);
  hinder(stage, answers, "answer");
  const asked = collect(asks.survey(Worker.quote, "quote", { timeoutMs: 20_000, max: 1 }));
  await stage.pass(1_000);
  await stage.kill(answers);
  const next = await stage.start([worker({ quote })]);
  await stage.pass(missedMs);
  assert.deepEqual([await asked, await notesOf(next, "ada")], [["ada"], ["asked"]]);
});

inMemory("more answers than one look takes", async (stage) => {
  const answers = await stage.start([worker({ quote: (ctx) => ctx.key })]);
  const keys = Array.from({ length: 250 }, (_, index) => String(index));
  await employ(stage, answers, ...keys);
  const asks = await stage.start([other]);
  const asked = collect(asks.survey(Worker.quote, "quote", { timeoutMs: 500 }));
  await stage.pass(1_000, 20);
  assert.deepEqual(await asked, keys.sort());
  assert.deepEqual(await answersIn(stage), 0);
});

inMemory("without a notification the next heartbeat brings all survey replies", async (stage) => {
  const answers = await stage.start([worker({ quote: (ctx) => ctx.key })]);
  const keys = Array.from({ length: 250 }, (_, index) => String(index));
  await employ(stage, answers, ...keys);
  const asks = await stage.start([other], { store: unheard(stage.store) });
  const asked = collect(asks.survey(Worker.quote, "quote", { timeoutMs: 3_000 })); // one heartbeat
  await stage.pass(missedMs);
  assert.deepEqual(await asked, keys.sort());
});

onEach(
  kinds,
  "an answer that cannot be removed is not delivered again, and goes when it can",
  async (stage) => {
    const answers = await stage.start([worker({ quote: (ctx) => ctx.key })]);
    await employ(stage, answers, "ada");
    const asks = await stage.start([other]);
    hinder(stage, asks, "answer");
    const heard: string[] = [];
    const asked = collect(asks.survey(Worker.quote, "quote", { timeoutMs: 20_000 }), heard);
    await stage.pass(1_000, 20);
    assert.deepEqual(heard, ["ada"]);
    await ref(answers, "ada").submit(Worker.job, "notes"); // its reply rings
    await stage.pass(missedMs);
    assert.deepEqual([heard, await answersIn(stage)], [["ada"], 1]);
    stage.storeOf(asks).refuse = undefined;
    await stage.pass(missedMs);
    assert.deepEqual([await asked, deadOf(asks), await answersIn(stage)], [["ada"], [], 0]);
  },
);

inMemory(
  "an answer that comes after the end of its survey is counted where it was asked",
  async (stage) => {
    const gate = Promise.withResolvers<string>();
    const answers = await stage.start([
      worker({ quote: (ctx) => ctx.key === "ada" ? gate.promise : ctx.key }),
    ]);
    await employ(stage, answers, "ada", "bob");
    const asks = await stage.start([other]);
    assert.deepEqual(await stageCollect(stage, asks), ["bob"]);
    gate.resolve("late");
    await stage.pass(missedMs);
    assert.deepEqual([asks, answers].map((system) => system.stats().lateReplies), [1, 0]);
    assert.deepEqual([deadOf(asks), deadOf(answers), await answersIn(stage)], [[], [], 0]);
  },
);

inMemory("a survey reply long after the end is counted at its respondent", async (stage) => {
  const gate = Promise.withResolvers<string>();
  const answers = await stage.start([worker({ quote: () => gate.promise })]);
  await employ(stage, answers, "ada");
  const asks = await stage.start([other]);
  assert.deepEqual(await stageCollect(stage, asks), []);
  await stage.pass(40_000);
  gate.resolve("late");
  await stage.pass(missedMs);
  assert.deepEqual([asks, answers].map((system) => system.stats().lateReplies), [0, 1]);
  assert.deepEqual([deadOf(asks), deadOf(answers), await answersIn(stage)], [[], [], 0]);
});

inMemory(
  "a survey reply to an instance that is gone expires, and is delivered to no other",
  async (stage) => {
    const answers = await stage.start([worker({ quote: (ctx) => ctx.key })]);
    await employ(stage, answers, "ada");
    const asks = await stage.start([other]);
    hinder(stage, asks, "answer");
    for (const timeoutMs of [500, Infinity]) void collect(asks.survey(Worker.quote, "quote", { timeoutMs }));
    await stage.settle();
    await stage.kill(asks);
    const next = await stage.start([other]);
    await stage.pass(50_000);
    assert.equal(await answersIn(stage), 2);
    await stage.pass(20_000);
    assert.equal(await answersIn(stage), 1);
    await stage.pass(3_550_000, 50_000);
    assert.deepEqual([await answersIn(stage), deadOf(next), deadOf(answers)], [0, [], []]);
  },
);

inMemory(
  "a survey without end gets its replies, and late ones are collected for an hour after it is left",
  async (stage) => {
    const answers = await stage.start([worker({ quote: (ctx) => ctx.key })]);
    await employ(stage, answers, "ada", "bob");
    const asks = await stage.start([other]);
    const asked = collect(asks.survey(Worker.quote, "quote", { timeoutMs: Infinity, max: 2 }));
    await stage.pass(1_000, 100);
    assert.deepEqual(await asked, ["ada", "bob"]);
    const looks = () => stage.storeOf(asks).lists.get("answer");
    const whenOver = looks()!;
    await stage.pass(3_650_000, 50_000);
    const after = looks()!;
    assert.ok(after > whenOver);
    await stage.pass(60_000);
    assert.equal(looks(), after);
  },
);

inMemory(
  "only an instance with an open survey reads replies at a notification, and at heartbeats while some may be late",
  async (stage) => {
    const answers = await stage.start([worker({ quote: (ctx) => ctx.key })]);
    await employ(stage, answers, "ada");
    const asks = await stage.start([other]);
    const looks = () => stage.storeOf(asks).lists.get("answer") ?? 0;
    const ring = async () => {
      for (let time = 0; time < 10; time++) {
        await ref(answers, "ada").submit(Worker.job, "notes");
        await stage.settle();
      }
    };
    await ring();
    await stage.pass(missedMs);
    assert.equal(looks(), 0);
    assert.deepEqual(await stageCollect(stage, asks), ["ada"]);
    const after = looks();
    assert.ok(after > 0);
    await ring();
    assert.equal(looks(), after);
    await stage.pass(70_000);
    const late = looks();
    assert.ok(late > after);
    await stage.pass(60_000);
    assert.equal(looks(), late);
    assert.equal(stage.storeOf(answers).lists.get("answer"), undefined);
  },
);

const Clerk = protocol("clerk", { quote: survey(unchecked<string>(), unchecked<string>()) });
const clerk = (name: string) =>
  actor(Clerk, { transient: true, state: () => null, on: { quote: (ctx) => `${ctx.key} on ${name}` } });

/** A store whose first commit of nothing but a survey reply is applied, and reports an unknown outcome. */
function unsure(store: Store): Store {
  let sure = false;
  return wrapped(store, (connection) => ({
    async commit(parts) {
      const versions = await connection.commit(parts);
      const replies = ({ writes }: AtomicPart) =>
        writes.length > 0 && writes.every(({ key }) => key.startsWith("answer"));
      if (sure || !parts.some(replies)) return versions;
      sure = true;
      throw new OutcomeUnknownError("Cannot tell");
    },
  }));
}

for (
  const [how, storeOf] of [["", (store: Store) => store], [", once where it is not sure", unsure]] as const
) {
  inMemory(`a respondent that keeps nothing answers from another instance${how}`, async (stage) => {
    const asks = await stage.start([clerk("the one that asks")]);
    const answers = await stage.start([clerk("the other")], { store: storeOf(stage.store) });
    asks.subscribe(Worker.quote, asks.ref(Clerk, "cleo").at(Clerk.quote));
    await stage.settle();
    hinder(stage, asks, "actor\u001f~topic");
    const asked = collect(asks.survey(Worker.quote, "quote", { timeoutMs: 10_000 }));
    await stage.settle();
    // loads the topic and its waiting messages
    answers.subscribe(Worker.quote, answers.ref(Clerk, "cleo").at(Clerk.quote));
    await stage.pass(1_000, 100);
    stage.storeOf(asks).refuse = undefined;
    await stage.pass(10_000);
    assert.deepEqual(await asked, ["cleo on the other"]);
    assert.deepEqual([deadOf(asks), deadOf(answers), await answersIn(stage)], [[], [], 0]);
  });
}

inMemory(
  "answers are checked where they were asked for, and what cannot travel is a dead letter",
  async (stage) => {
    const Priced = protocol("worker", {
      quote: survey(
        unchecked<string>(),
        z.object({ cents: z.number(), currency: z.string().default("EUR") }),
      ),
    });
    const replies: Record<string, unknown> = {
      ada: { cents: 5 },
      bob: { cents: "five" },
      cleo: () => "no data",
      dora: { cents: 6, currency: "USD" },
    };
    const answers = await stage.start([worker({ quote: (ctx) => replies[ctx.key] })]);
    await employ(stage, answers, ...Object.keys(replies));
    const asks = await stage.start([other]);
    const heard: unknown[] = [];
    const asked = (async () => {
      for await (const reply of asks.survey(Priced.quote, "quote", { timeoutMs: 500 })) heard.push(reply);
    })();
    await stage.pass(1_000, 20);
    await asked;
    await stage.pass(missedMs);
    assert.deepEqual(heard, [{ cents: 5, currency: "EUR" }, { cents: 6, currency: "USD" }]);
    const said = (system: System) =>
      system.deadLetters.list().map(({ reason, message }) => `${reason}: ${message}`).sort();
    // Dead letters of durable actors are listed by every instance.
    for (const system of [answers, asks]) {
      assert.match(said(system).at(-1)!, /^not-storable: worker.cleo quote failed: .*a function$/);
    }
    assert.equal(said(answers).length, 1);
    assert.match(said(asks)[0], /^invalid-payload: ~collector.* take failed: Cannot collect a reply: /);
    assert.equal(said(asks).length, 2);
  },
);

Deno.test("SurveyReplies are delivered once each, and all of them when the store works again, whatever its faults", async () => {
  const faults = {
    conflict: 0.1,
    locked: 0.1,
    unknownLanded: 0.1,
    unknownLost: 0.05,
    unknownLandsLate: 0.05,
    unreadable: 0.1,
    slow: 0.05,
    listBatch: 0.3,
    watchLost: 0.3,
    watchCoalesced: 0.2,
    lazyExpiry: 0.5,
  };
  for (let seed = 1; seed <= 20; seed++) {
    const clock = new VirtualClock();
    const store = new SimulatedStore({ clock, random: seededRandom(seed) });
    const random = seededRandom(1_000 + seed); // one source for all instances, so that their ids differ
    const begin = (actors: readonly Actor[], number: number) =>
      new System({
        actors,
        store: store.instance(`${number}`),
        clock,
        random,
        drainMs: 0,
      });
    const respond = worker({ quote: (ctx, text) => `${ctx.key} to ${text}` });
    const systems = [begin([respond], 1), begin([respond], 2), begin([other], 3), begin([other], 4)];
    const pass = async (byMs: number, stepMs = 50) => {
      for (let leftMs = byMs; leftMs > 0; leftMs -= stepMs) await clock.advance(stepMs);
    };
    await pass(1_000);
    const keys = ["ada", "bob", "cleo"];
    for (const key of keys) systems[0].subscribe(Worker.quote, ref(systems[0], key).at(Worker.quote));
    await pass(1_000);
    store.faults = faults;
    const heard: string[][] = [];
    /** Surveys whose publication the store refused, or may have refused. */
    const refused = new Set<number>();
    for (let number = 0; number < 12; number++) {
      const own: string[] = heard[number] = [];
      const asked = systems[2 + number % 2].survey(Worker.quote, `quote ${number}`, { timeoutMs: 120_000 });
      collect(asked, own).catch(() => refused.add(number));
      await pass(500);
    }
    await pass(20_000, 200);
    store.faults = {};
    await pass(60_000, 500);
    for (const [number, own] of heard.entries()) {
      const wanted = keys.map((key) => `${key} to ${number}`);
      if (!refused.has(number)) assert.deepEqual(own.toSorted(), wanted, `seed ${seed}`);
    }
    assert.ok(refused.size <= heard.length / 2); // those that wait together are refused together
    assert.deepEqual(store.snapshot().filter(({ key }) => key.startsWith("answer")), []);
    await Promise.all([...systems.map((system) => system.stop({ drainMs: 0 })), pass(1_000)]);
  }
});

/** The replies to a short survey. */
async function stageCollect(stage: Stage, system: System): Promise<string[]> {
  const asked = collect(system.survey(Worker.quote, "quote", { timeoutMs: 500 }));
  await stage.pass(1_000, 20);
  return await asked;
}
