// The questions to a system: the same answers in memory and over every store.

import assert from "node:assert/strict";
import {
  actor,
  type Observation,
  protocol,
  RetryableError,
  submit,
  type System,
  TerminalError,
  unchecked,
} from "@posthorn/posthorn";
import { asIngress } from "../as_ingress.ts";
import { inEach, type World } from "../runtime/durable/worlds.ts";
import { ref, Worker, worker } from "../runtime/durable/durable_stage.ts";

/** Asks a system, and lets the calls of its store take their time. */
function asking(world: World, system: System) {
  return async <Answer>(question: (observe: Observation) => Promise<Answer>): Promise<Answer> => {
    let over = false;
    const answer = question(system.observe).finally(() => over = true);
    answer.catch(() => {}); // it is awaited below
    while (!over) await world.settle();
    return await answer;
  };
}

const none = { count: 0, more: false };
const one = { count: 1, more: false };

/** A worker that waits, fails, and sets schedules. */
const busy = () =>
  worker({
    fail: (_, words) => {
      throw new RetryableError(words, { afterMs: 60_000 });
    },
    refuse: (_, words) => {
      throw new TerminalError(words, { code: "no-stock" });
    },
    plan: (ctx, name) => ctx.schedule(name, { everyMs: 60_000 }, ctx.self.at(Worker.note), "due"),
    follow: (ctx) => ctx.subscribe(Worker.happened, ctx.self.at(Worker.note)),
  }, { retry: { attempts: 8, baseMs: 1_000, maxMs: 60_000, order: "hold" } });

inEach(
  "the actors of a protocol are listed in the order of their keys, by prefix and in pages",
  async (world) => {
    const system = await world.start([busy()]);
    const asked = asking(world, system);
    for (const key of ["c", "a/2", "a/1", "é", "b"]) void ref(system, key).tell(Worker.note, `note ${key}`);
    await world.settle();

    const { items, next } = await asked((observe) => observe.actors({ protocol: "worker", limit: 2 }));
    assert.deepEqual(
      items,
      ["a/1", "a/2"].map((key) => ({
        protocol: "worker",
        key,
        waiting: none,
        state: `["note ${key}"]`,
      })),
    );
    const rest = await asked((observe) => observe.actors({ protocol: "worker", after: next }));
    assert.deepEqual(rest.items.map(({ key }) => key), ["b", "c", "é"]);
    assert.equal(rest.next, undefined);
    const some = await asked((observe) => observe.actors({ protocol: "worker", prefix: "a/" }));
    assert.deepEqual(some.items.map(({ key }) => key), ["a/1", "a/2"]);
  },
);

inEach("a failing actor says how often, when again and why", async (world) => {
  const system = await world.start([busy()]);
  const asked = asking(world, system);
  void ref(system, "ada").tell(Worker.note, "first");
  await world.settle();
  void ref(system, "ada").tell(Worker.run, "fail the bank is closed");
  void ref(system, "ada").tell(Worker.note, "second");
  await world.settle();

  const [found] = (await asked((observe) => observe.failing())).items;
  const retry = found.retry!;
  assert.deepEqual([found.key, found.waiting, retry.attempts, retry.error], [
    "ada",
    { count: 2, more: false },
    1,
    "the bank is closed",
  ]);
  const forMs = retry.nextMs! - world.clock.now();
  assert.ok(forMs > 50_000 && forMs <= 60_000, `again after ${forMs} ms`);
  const ada = (await asked((observe) => observe.actor({ protocol: "worker", key: "ada" })))!;
  assert.deepEqual(ada.messages.map(({ operation, payload, retry }) => [operation, payload, retry?.error]), [
    ["run", '"fail the bank is closed"', "the bank is closed"],
    ["note", '"second"', undefined],
  ]);
  assert.deepEqual([ada.state, ada.stateVersion, ada.waiting.count, ada.paused], ['["first"]', 0, 2, false]);
  const [worker] = (await asked((observe) => observe.protocols())).items;
  assert.deepEqual([worker.waiting.count, worker.failing, worker.hosted], [2, one, true]);
});

inEach("a message that stepped aside says why", async (world) => {
  const aside = worker({
    fail: () => {
      throw new Error("not yet");
    },
  }, { retry: { attempts: 3, baseMs: 60_000, maxMs: 60_000, order: "aside" } });
  const system = await world.start([aside]);
  const asked = asking(world, system);
  void ref(system, "ada").tell(Worker.run, "fail");
  await world.settle();
  const ada = (await asked((observe) => observe.actor({ protocol: "worker", key: "ada" })))!;
  assert.deepEqual(ada.messages.map(({ retry }) => [retry?.attempts, retry?.error]), [[1, "not yet"]]);
  assert.deepEqual(
    (await asked((observe) => observe.failing())).items.map(({ key, retry }) => [key, retry?.error]),
    [
      ["ada", "not yet"],
    ],
  );
});

for (const order of ["hold", "aside"] as const) {
  inEach(`an actor fails while its next attempt is due, or runs (${order})`, async (world) => {
    const gate = Promise.withResolvers<void>();
    let attempts = 0;
    const failing = worker({
      fail: async () => {
        if (++attempts === 2) await gate.promise;
        throw new RetryableError("not yet", { afterMs: 1_000 });
      },
    }, { retry: { attempts: 2, order } });
    const system = await world.start([failing]);
    const asked = asking(world, system);
    const isFailing = async () => {
      const [found] = (await asked((observe) => observe.failing())).items;
      const ada = (await asked((observe) => observe.actor({ protocol: "worker", key: "ada" })))!;
      const [{ failing }] = (await asked((observe) => observe.protocols())).items;
      const retries = [found?.retry, ada.messages[0]?.retry];
      return [failing.count, ...retries.map((retry) => retry && [retry.attempts, retry.error])];
    };
    void ref(system, "ada").tell(Worker.note, "first");
    void ref(system, "ada").tell(Worker.run, "fail");
    await world.settle();
    const paused = system.control.pause("worker");
    await world.settle();
    await paused;
    await world.pass(5_000);
    assert.equal(attempts, 1);
    assert.deepEqual(await isFailing(), [1, [1, "not yet"], [1, "not yet"]], "it is paused, and due");
    const resumed = system.control.resume("worker");
    await world.settle();
    await resumed;
    assert.equal(attempts, 2);
    assert.deepEqual(await isFailing(), [1, [1, "not yet"], [1, "not yet"]], "its turn runs");
    gate.resolve();
    await world.settle();
    assert.deepEqual(await isFailing(), [0, undefined, undefined], "it is a dead letter");
  });
}

inEach("schedules and delayed messages are listed in the order of time", async (world) => {
  const system = await world.start([busy()]);
  const asked = asking(world, system);
  void ref(system, "ada").tell(Worker.run, "plan hourly");
  void ref(system, "bob").tell(Worker.note, "later", { afterMs: 30_000 });
  void ref(system, "cyd").tell(Worker.note, "latest", { afterMs: 90_000 });
  await world.settle();
  const { items } = await asked((observe) => observe.schedules());
  const ms = items.map(({ dueMs }) => dueMs);
  assert.deepEqual(ms, ms.toSorted((a, b) => a - b));
  const at = (key: string) => ({ protocol: "worker", key });
  assert.deepEqual(items.map(({ dueMs: _, ...item }) => item), [
    { actor: at("bob"), to: { ...at("bob"), operation: "note" } },
    { actor: at("ada"), name: "hourly", when: { everyMs: 60_000 }, to: { ...at("ada"), operation: "note" } },
    { actor: at("cyd"), to: { ...at("cyd"), operation: "note" } },
  ]);
  const { items: [first], next } = await asked((observe) => observe.schedules({ limit: 1 }));
  assert.equal(first.actor.key, "bob");
  assert.equal((await asked((observe) => observe.schedules({ after: next }))).items.length, 2);
  const ada = await asked((observe) => observe.actor(at("ada")));
  assert.deepEqual(ada?.schedules, [items[1]]);
});

inEach("the schedules of an actor are in the order of their names, whenever they were set", async (world) => {
  const system = await world.start([busy()]);
  for (const name of ["b", "\u{1f4a4}", "\uff01", "B", "a"]) {
    void ref(system, "ada").tell(Worker.run, `plan ${name}`);
  }
  for (let n = 120; n > 0; n--) {
    void ref(system, "bob").tell(Worker.run, `plan n${String(n).padStart(3, "0")}`);
  }
  await world.settle();
  const namesOf = async (key: string) => {
    const found = await asking(world, system)((observe) => observe.actor({ protocol: "worker", key }));
    return found?.schedules.map(({ name }) => name);
  };
  assert.deepEqual(await namesOf("ada"), ["B", "a", "b", "\uff01", "\u{1f4a4}"]);
  assert.deepEqual(
    await namesOf("bob"),
    Array.from({ length: 100 }, (_, n) => `n${String(n + 1).padStart(3, "0")}`),
  );
});

inEach("dead letters are listed the latest first, by reason, in pages and in groups", async (world) => {
  const system = await world.start([busy()]);
  const asked = asking(world, system);
  for (const words of ["one", "two", "three"]) {
    void ref(system, words).tell(Worker.run, `refuse ${words}`, { headers: { trace: words } });
    await world.pass(1_000);
  }
  void ref(system, "ada").tell(Worker.note, "late", { timeoutMs: 1 });
  void ref(system, "bob").tell(Worker.run, "unknown");
  await world.settle();
  const refused = { protocol: "worker", reason: "no-stock" };
  const { items, next } = await asked((observe) => observe.deadLetters({ ...refused, limit: 2 }));
  assert.deepEqual(items.map(({ key, operation, payload }) => [key, operation, payload]), [
    ["three", "run", "refuse three"],
    ["two", "run", "refuse two"],
  ]);
  const rest = await asked((observe) => observe.deadLetters({ ...refused, after: next }));
  assert.deepEqual([rest.items.map(({ key }) => key), rest.next], [["one"], undefined]);
  assert.deepEqual((await asked((observe) => observe.deadLetters({ protocol: "order" }))).items, []);
  const { groups, more } = await asked((observe) => observe.deadLetterGroups());
  assert.deepEqual([groups[0], more], [{ ...refused, count: 3 }, false]);
});

const Desk = protocol("desk", {
  quick: submit(unchecked<number>(), unchecked<number>()),
  later: submit(unchecked<number>(), unchecked<number>()),
  refused: submit(unchecked<number>(), unchecked<number>()),
  slow: submit(unchecked<number>(), unchecked<number>()),
});
const desk = actor(Desk, {
  state: () => null,
  on: {
    quick: (_, number) => number,
    later: (ctx) => ctx.later(),
    refused: () => {
      throw new TerminalError("no", { code: "no-stock" });
    },
    slow: () => {
      throw new RetryableError("not yet", { afterMs: 60_000 });
    },
  },
});

inEach("replies say whether they came, and who has the request", async (world) => {
  const system = await world.start([desk]);
  const asked = asking(world, system);
  const ada = system.ref(Desk, "ada");
  void ada.submit(Desk.quick, 1);
  void ada.submit(Desk.later, 2, asIngress({ caller: "web/é" }));
  void ada.submit(Desk.refused, 3);
  void system.ref(Desk, "bob").submit(Desk.slow, 4);
  await world.settle();
  const { items } = await asked((observe) => observe.replies());
  const told = items.map(({ status, actor, later, caller, untilMs }) => {
    const known = untilMs ?? (!world.stored && later ? Infinity : 0); // in memory its later knows
    assert.ok(known > world.clock.now());
    return [status, actor?.key, later, caller].join(" ");
  });
  assert.deepEqual(told.toSorted(), [
    "done  false ",
    "failed  false ",
    "pending ada true web/é",
    "pending bob false ",
  ]);
  const failed = await asked((observe) => observe.replies({ status: "failed" }));
  assert.deepEqual(failed.items.map(({ failure }) => failure), [{ code: "no-stock", message: "no" }]);
  const pending = await asked((observe) => observe.replies({ status: "pending", limit: 1 }));
  const next = await asked((observe) => observe.replies({ status: "pending", after: pending.next }));
  assert.deepEqual([pending.items.length, next.items.length, next.next], [1, 1, undefined]);
});

inEach("topics say who follows them, and how far behind the followers are", async (world) => {
  const system = await world.start([busy()]);
  const asked = asking(world, system);
  for (const key of ["bob", "ada"]) system.subscribe(Worker.happened, ref(system, key).at(Worker.note));
  await world.settle();
  void ref(system, "ada").tell(Worker.run, "fail bank");
  await world.settle();
  void system.publish(Worker.happened, "fire now");
  await world.settle();
  const { items: [topic], next } = await asked((observe) => observe.topics());
  const events = { count: world.stored ? 1 : 0, more: false };
  const to = (key: string) => ({ protocol: "worker", key, operation: "note" });
  assert.deepEqual([topic, next], [{
    topic: "worker.happened",
    subscribers: { count: 2, more: false },
    firstSubscribers: [to("ada"), to("bob")],
    events,
    lag: { count: 1, more: false },
  }, undefined]);
  const ada = await asked((observe) => observe.actor({ protocol: "worker", key: "ada" }));
  assert.deepEqual(ada?.subscriptions, ["worker.happened"]);
});

inEach("an instance says what it hosts", async (world) => {
  const system = await world.start([desk, busy()]);
  const asked = asking(world, system);
  const { items } = await asked((observe) => observe.instances());
  assert.deepEqual(items.map(({ hosts, own }) => [hosts, own]), [[["desk", "worker"], true]]);
  const { items: protocols } = await asked((observe) => observe.protocols());
  const idle = { hosted: true, paused: false, actors: none, waiting: none, failing: none };
  assert.deepEqual(protocols, [{ protocol: "desk", ...idle }, { protocol: "worker", ...idle }]);
  assert.equal(await asked((observe) => observe.outbox()), undefined);
  assert.deepEqual(await asked((observe) => observe.tenures()), { items: [] });
});

inEach("arguments that nobody may give get a code or an empty page", async (world) => {
  const system = await world.start([busy()]);
  const asked = asking(world, system);
  const invalid = { code: "invalid-question" };
  const odd = <Value>(value: unknown) => value as Value;
  for (const limit of [0, -1, 1.5, NaN, Infinity, 1_001, odd<number>("10"), odd<number>(null)]) {
    await assert.rejects(asked((observe) => observe.actors({ protocol: "worker", limit })), invalid);
    await assert.rejects(asked((observe) => observe.instances({ limit })), invalid);
    await assert.rejects(asked((observe) => observe.schedules({ limit })), invalid);
    await assert.rejects(asked((observe) => observe.tenures({ limit })), invalid);
  }
  for (const after of [odd<string>(1), "\ud800", "a\0b", "x".repeat(5_000), "é".repeat(801)]) {
    await assert.rejects(asked((observe) => observe.replies({ after })), invalid);
    await assert.rejects(asked((observe) => observe.deadLetters({ after })), invalid);
  }
  await assert.rejects(asked((observe) => observe.protocols({ countMax: 10_001 })), invalid);
  await assert.rejects(asked((observe) => observe.actors(odd(undefined))), invalid);
  await assert.rejects(asked((observe) => observe.replies({ status: odd("open") })), invalid);
  const misspelt: readonly (readonly [(observe: Observation) => Promise<unknown>, string])[] = [
    [
      (to) => to.actors(odd({ protocol: "worker", prefx: "a" })),
      'actors: there is no "prefx". Did you mean prefix?',
    ],
    [
      (to) => to.failing(odd({ protocl: "worker" })),
      'failing actors: there is no "protocl". Did you mean protocol?',
    ],
    [(to) => to.replies(odd({ staus: "done" })), 'replies: there is no "staus". Did you mean status?'],
    [(to) => to.deadLetters(odd({ reasn: "x" })), 'dead letters: there is no "reasn". Did you mean reason?'],
    [(to) => to.schedules(odd({ limt: 1 })), 'schedules: there is no "limt". Did you mean limit?'],
  ];
  for (const [ask, why] of misspelt) {
    await assert.rejects(asked(ask), { ...invalid, message: `Cannot list ${why}` });
  }
  const empty = { items: [] };
  assert.deepEqual(await asked((observe) => observe.actors(odd({}))), empty);
  assert.equal(await asked((observe) => observe.actor(odd({}))), undefined);
  for (const protocol of ["~topic", "", "a\u001fb", "Worker", "nobody"]) {
    assert.deepEqual(await asked((observe) => observe.actors({ protocol })), empty);
    assert.deepEqual(await asked((observe) => observe.failing({ protocol })), empty);
    assert.equal(await asked((observe) => observe.actor({ protocol, key: "ada" })), undefined);
  }
  for (const prefix of ["a\u001f", "\0", "x".repeat(600), "\ud800"]) {
    const page = asked((observe) => observe.actors({ protocol: "worker", prefix }));
    await page.then(
      (page) => assert.deepEqual(page, empty),
      (error) => assert.equal(error.code, invalid.code),
    );
  }
  for (const after of ["\u{10ffff}", "\u001f\u001f", "zzz", "actor\u001f", "é".repeat(800)]) {
    for (
      const page of [
        await asked((observe) => observe.schedules({ after })),
        await asked((observe) => observe.topics({ after })),
        await asked((observe) => observe.failing({ after })),
        await asked((observe) => observe.tenures({ after })),
      ]
    ) assert.deepEqual(page, empty);
  }
});

inEach("a loop of questions starves no mailbox", async (world) => {
  if (world.stored) return; // there each question is a call of the store
  const system = await world.start([busy()]);
  void ref(system, "ada").tell(Worker.note, "one");
  for (let asked = 0;; asked++) {
    const ada = await system.observe.actor({ protocol: "worker", key: "ada" });
    if (ada?.state !== undefined) return;
    assert.ok(asked < 100);
  }
});

inEach(
  "a system that has stopped answers of its memory, and says that its store is closed",
  async (world) => {
    const system = await world.start([busy()]);
    const asked = asking(world, system);
    const stopped = system.stop({ drainMs: 0 });
    await world.settle();
    await stopped;
    const answer = asked((observe) => observe.protocols());
    if (!world.stored) assert.equal((await answer).items.length, 1);
    else await assert.rejects(answer, { name: "StoreError" });
  },
);
