// Subscriptions of addresses: made while the store is unavailable, listed, ended, and reported if their
// subscriber is gone.

import assert from "node:assert/strict";
import { actor, type Address, protocol, StoreError, type System, tell, unchecked } from "@posthorn/posthorn";
import { ingress } from "@posthorn/posthorn/http";
import {
  inMemory,
  kinds,
  localKinds,
  notesOf,
  onEach,
  ref,
  type Stage,
  Worker,
  worker,
  type WorkerContext,
} from "./durable_stage.ts";

const Legacy = protocol("legacy", { hear: tell(unchecked<string>()) });
const legacy = (heard: string[] = []) =>
  actor(Legacy, { state: () => null, on: { hear: (_, text) => void heard.push(text) } });

function away(stage: Stage, system: System): { away: boolean } {
  const state = { away: true };
  stage.storeOf(system).refuse = () => state.away ? new StoreError("store-unavailable", "away") : undefined;
  return state;
}

/** The outcome of a promise so far. */
function watched(promise: Promise<void>): { ended: string } {
  const state = { ended: "no" };
  promise.then(() => state.ended = "yes", (error) => state.ended = error.code);
  return state;
}

async function listed(system: System): Promise<string[]> {
  const lines: string[] = [];
  for await (const { to, subject } of system.subscriptions(Worker.happened)) {
    lines.push(`${to.protocol}/${to.key} ${to.operation}${subject === undefined ? "" : ` ${subject}`}`);
  }
  return lines;
}

onEach(kinds, "a subscription that meets a store that is away is there when that is back", async (stage) => {
  const system = await stage.start([worker()]);
  const store = away(stage, system);
  const { ready } = system.subscribe(Worker.happened, ref(system, "ada").at(Worker.note));
  const made = watched(ready);
  await stage.pass(20_000);
  assert.equal(made.ended, "no");
  store.away = false;
  await stage.pass(3_000);
  assert.equal(made.ended, "yes");
  await system.publish(Worker.happened, "de 1");
  await stage.settle();
  assert.deepEqual(await notesOf(system, "ada"), ["de 1"]);
  assert.deepEqual(system.deadLetters.list(), []);
});

inMemory(
  "what is published when the store is back comes behind the subscriptions of its process",
  async (stage) => {
    const system = await stage.start([worker()]);
    const store = away(stage, system);
    system.subscribe(Worker.happened, ref(system, "ada").at(Worker.note));
    await stage.settle();
    await assert.rejects(system.publish(Worker.happened, "de 1"), { code: "store-unavailable" });
    store.away = false;
    await system.publish(Worker.happened, "de 2"); // before it is retried
    await stage.settle();
    assert.deepEqual(await notesOf(system, "ada"), ["de 2"]);
  },
);

inMemory("a subscription that is given up while the store is away is never there", async (stage) => {
  const system = await stage.start([worker()]);
  const store = away(stage, system);
  const subscription = system.subscribe(Worker.happened, ref(system, "ada").at(Worker.note));
  const made = watched(subscription.ready);
  await stage.pass(5_000);
  subscription[Symbol.dispose]();
  await stage.pass(5_000);
  assert.equal(made.ended, "store-unavailable");
  store.away = false;
  await stage.pass(10_000);
  assert.deepEqual(await listed(system), []);
  assert.deepEqual(system.deadLetters.list(), []);
});

inMemory(
  "10,000 subscriptions wait for a store that is away: the next is refused, those that wait are made, and any may end",
  async (stage) => {
    const system = await stage.start([worker()]);
    const made = system.subscribe(Worker.happened, ref(system, "early").at(Worker.note));
    await made.ready;
    await stage.settle(); // the topic has handled it: its mailbox is empty
    const store = away(stage, system);
    const waiting = Array.from(
      { length: 10_000 },
      (_, index) => system.subscribe(Worker.happened, ref(system, `k${index}`).at(Worker.note)),
    );
    await stage.pass(3_000);
    const crowded = {
      name: "StoreError",
      code: "store-unavailable",
      message: "Cannot subscribe to worker.happened: 10000 of 10000 subscriptions wait for the store",
    };
    assert.throws(() => system.subscribe(Worker.quote, ref(system, "late").at(Worker.quote)), {
      ...crowded,
      message: crowded.message.replace("happened", "quote"),
    });
    made[Symbol.dispose]();
    await stage.pass(3_000);
    assert.throws(() => system.subscribe(Worker.happened, ref(system, "late").at(Worker.note)), {
      code: "store-unavailable",
    });
    store.away = false;
    await stage.pass(5_000);
    await Promise.all(waiting.map(({ ready }) => ready));
    await system.subscribe(Worker.happened, ref(system, "late").at(Worker.note)).ready;
    const all = await listed(system);
    assert.deepEqual([all.length, all.includes("worker/early note")], [10_001, false]);
    assert.deepEqual(system.deadLetters.list(), []);
  },
);

inMemory(
  "functions that listen beside a store are actors: where there is no room for one it is refused",
  async (stage) => {
    const system = await stage.start([worker({ say: () => "here" })], { limits: { actors: 10 } });
    const listening: Disposable[] = [];
    const listen = () =>
      listening.length % 2 === 0
        ? system.subscribe(Worker.quote, () => "here")
        : system.subscribe(Worker.happened, () => {});
    for (let index = 0; index < 10; index++) listening.push(listen());
    const crowded = { code: "too-many-actors" };
    assert.throws(() => system.subscribe(Worker.quote, () => "late"), crowded);
    assert.throws(() => system.subscribe(Worker.happened, () => {}), crowded);
    for (const one of listening.splice(1)) one[Symbol.dispose]();
    await stage.settle();
    listening.push(system.subscribe(Worker.quote, () => "there"));
    const replies: string[] = [];
    for await (const reply of system.survey(Worker.quote, "say", { max: 2 })) replies.push(reply);
    assert.deepEqual(replies.toSorted(), ["here", "there"]); // a refused one does not reply
  },
);

inMemory("a stop gives up what is still to be subscribed", async (stage) => {
  const system = await stage.start([worker()]);
  away(stage, system);
  const made = watched(system.subscribe(Worker.happened, ref(system, "ada").at(Worker.note)).ready);
  await stage.pass(5_000);
  await system.stop();
  await stage.settle();
  assert.equal(made.ended, "store-unavailable");
  assert.throws(() => system.subscribe(Worker.happened, ref(system, "ada").at(Worker.note)), {
    code: "stopping",
  });
});

inMemory("a subscription that ends while the store is away ends when that is back", async (stage) => {
  const system = await stage.start([worker()]);
  const subscription = system.subscribe(Worker.happened, ref(system, "ada").at(Worker.note));
  await subscription.ready;
  const store = away(stage, system);
  subscription[Symbol.dispose]();
  await stage.pass(10_000);
  store.away = false;
  await stage.pass(3_000);
  assert.deepEqual(await listed(system), []);
});

inMemory("ready of a subscription of a function resolves when it is active", async (stage) => {
  const system = stage.begin([worker()]);
  const heard: string[] = [];
  using listening = system.subscribe(Worker.happened, (text) => void heard.push(text));
  await listening.ready;
  await system.publish(Worker.happened, "de 1");
  await stage.settle();
  assert.deepEqual(heard, ["de 1"]);
});

onEach(kinds, "more subscriptions than a page are listed, those of earlier programs too", async (stage) => {
  const first = await stage.start([worker(), legacy()]);
  const keys = Array.from({ length: 230 }, (_, index) => `k${index}`);
  const made = keys.map((key) => first.subscribe(Worker.happened, ref(first, key).at(Worker.note)).ready);
  await first.subscribe(Worker.happened, first.ref(Legacy, "x").at(Legacy.hear), { subject: "de" }).ready;
  await Promise.all(made);
  await stage.settle();
  await stage.kill(first);
  const second = await stage.start([worker()]);
  const expected = [...keys.map((key) => `worker/${key} note`), "legacy/x hear de"];
  assert.deepEqual((await listed(second)).sort(), expected.sort());
});

/** Release 1 subscribes an actor that release 2 does not have. */
async function released(stage: Stage): Promise<System> {
  const first = await stage.start([worker(), legacy()]);
  await first.subscribe(Worker.happened, first.ref(Legacy, "x").at(Legacy.hear)).ready;
  await stage.settle();
  await first.stop();
  return await stage.start([worker({
    many: (ctx: WorkerContext, count) => {
      for (let index = 0; index < Number(count); index++) ctx.ref(Legacy, "x").tell(Legacy.hear, `${index}`);
    },
  })]);
}

onEach(
  localKinds,
  "mail for a subscriber that is gone from the program is seen, until its subscription is ended",
  async (stage) => {
    const system = await released(stage);
    for (const text of ["de 1", "de 2", "de 3"]) await system.publish(Worker.happened, text);
    await stage.settle();
    assert.deepEqual(system.stats().unhosted, { legacy: { actors: 1, waiting: 3 } });
    assert.equal(system.stats().waiting, 0);
    const app = ingress(system, { expose: [], metrics: true });
    const metrics = await (await app.request("/metrics")).text();
    assert.match(metrics, /^posthorn_waiting_unhosted\{protocol="legacy"\} 3$/m);
    const to: Address = { protocol: "legacy", key: "x", operation: "hear" };
    assert.equal(await system.unsubscribe(Worker.happened, to), true);
    await system.publish(Worker.happened, "de 4");
    await stage.settle();
    assert.deepEqual(system.stats().unhosted, { legacy: { actors: 1, waiting: 3 } });
  },
);

onEach(
  ["memory", "sqlite"],
  "mail for a protocol that another process hosts is seen to go",
  async (stage) => {
    const system = await released(stage);
    await system.publish(Worker.happened, "de 1");
    await stage.settle();
    assert.equal(system.stats().unhosted?.legacy?.waiting, 1);
    const heard: string[] = [];
    await stage.start([legacy(heard)]);
    await stage.pass(30_000);
    assert.deepEqual(heard, ["de 1"]);
    assert.deepEqual(system.stats().unhosted, {});
  },
);

inMemory(
  "a process that writes nothing itself sees what waits for nobody here, within a heartbeat",
  async (stage) => {
    const system = await released(stage);
    await system.publish(Worker.happened, "de 1");
    await stage.settle();
    await stage.kill(system);
    const other = await stage.start([worker()]);
    await stage.pass(10_000);
    assert.deepEqual(other.stats().unhosted, { legacy: { actors: 1, waiting: 1 } });
  },
);

inMemory(
  "mail for one actor that nobody here hosts is bounded, past it a dead letter names it",
  async (stage) => {
    const system = await released(stage);
    for (let count = 0; count < 23; count++) {
      await ref(system, "ada").tell(Worker.run, "many 500");
      await stage.settle();
    }
    const waiting = await waitingFor(stage, "legacy");
    assert.ok(waiting >= 10_000 && waiting <= 10_500, `${waiting} wait`);
    const [letter] = system.deadLetters.list();
    assert.deepEqual([letter.protocol, letter.key, letter.reason], ["legacy", "x", "mailbox-full"]);
    assert.match(
      letter.message,
      /^legacy\/x hear: the mailbox holds \d+ of 10000 messages, and this system hosts no actor of legacy$/,
    );
    await stage.kill(system); // another instance finds out by counting
    const other = await stage.start([worker({ one: (ctx) => ctx.ref(Legacy, "x").tell(Legacy.hear, "1") })]);
    await stage.pass(10_000);
    const send = async () => {
      for (let count = 0; count < 5; count++) await ref(other, "ada").tell(Worker.run, "one");
      await stage.settle();
      return await waitingFor(stage, "legacy");
    };
    const known = await send(); // some may be handled before they are counted
    assert.ok(known <= waiting + 5);
    assert.equal(await send(), known);
  },
);

inMemory("mail that another process takes as it comes is never taken for too much", async (stage) => {
  const system = await released(stage);
  const heard: string[] = [];
  await stage.start([legacy(heard)]);
  for (let count = 0; count < 23; count++) {
    await ref(system, "ada").tell(Worker.run, "many 500");
    await stage.pass(6_000);
  }
  assert.equal(heard.length, 11_500);
  assert.equal(system.deadLetters.total, 0);
});

async function waitingFor(stage: Stage, protocol: string): Promise<number> {
  const connection = await stage.store.open({ clock: stage.clock });
  let count = 0;
  for (let after: string | undefined, more = true; more;) {
    const rows = await connection.list({ prefix: `mail\u001f${protocol}\u001f`, after, limit: 1_000 });
    count += rows.length;
    more = rows.length === 1_000;
    after = rows.at(-1)?.key;
  }
  await connection.close();
  return count;
}
