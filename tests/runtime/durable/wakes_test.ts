// Commits of other instances wake only the waiters that they concern, and cost one look for all waiters
// together.

import assert from "node:assert/strict";
import type { System } from "@posthorn/posthorn";
import { ingress } from "@posthorn/posthorn/http";
import { CountingStore } from "./counting.ts";
import { inMemory, note, onEach, ref, sharedKinds, type Stage, Worker, worker } from "./durable_stage.ts";

const waiters = 200;
const listeners = 200;
/** The polling interval of SQLite. */
const pollMs = 20;

interface Crowd {
  readonly here: System;
  readonly there: System;
  readonly store: CountingStore;
  readonly replies: Promise<unknown>[];
  readonly heard: string[];
  answer(text: string): void;
}

/**
 * Two instances; at one of them many callers wait for replies from the other, and many listeners for its
 * events.
 */
async function crowd(stage: Stage): Promise<Crowd> {
  const store = new CountingStore(stage.store);
  let answer = (_: string) => {};
  const answered = new Promise<string>((resolve) => answer = resolve);
  const actors = [
    worker({ wait: () => answered, quick: () => "quick", note: (ctx, text) => note(ctx, text) }),
  ];
  const there = await stage.start(actors);
  const here = await stage.start(actors, { store });
  const heard: string[] = [];
  for (let n = 0; n < listeners; n++) here.subscribe(Worker.happened, (text) => void heard.push(text));
  const tickets = await Promise.all(
    Array.from(
      { length: waiters },
      (_, n) => ref(there, `k${n}`).submit(Worker.job, "wait", { id: `wait-${n}` }),
    ),
  );
  const replies = tickets.map(({ id }) => here.ticket(id).reply({ timeoutMs: 600_000 }));
  await stage.pass(3_000);
  return { here, there, store, replies, heard, answer };
}

onEach(
  sharedKinds,
  "commits of other instances that do not ring cost no reads, whatever the number of waiters",
  async (stage) => {
    const { there, store, answer, replies } = await crowd(stage);
    store.begin();
    for (let n = 0; n < 60; n++) {
      await ref(there, "other").tell(Worker.note, `${n}`);
      await stage.settle();
      await stage.clock.advance(pollMs);
    }
    await stage.settle();
    const { reads, lists } = store.calls;
    assert.ok(reads + lists < 40, `${reads} reads, ${lists} lists`); // of the heartbeat that came meanwhile
    answer("at last");
    await stage.pass(3_000);
    assert.deepEqual(new Set(await Promise.all(replies)), new Set(["at last"]));
  },
);

onEach(
  sharedKinds,
  "a notification costs one look for all waiters and listeners",
  async (stage) => {
    const { there, store, answer, replies, heard } = await crowd(stage);
    store.begin();
    const rings = 30;
    for (let n = 0; n < rings; n++) {
      await ref(there, "other").submit(Worker.job, "quick", { id: `quick-${n}` });
      await stage.settle();
      await stage.clock.advance(pollMs);
      await stage.settle();
    }
    const { reads, keys, lists } = store.calls;
    // For each notification a read of a hundred replies, another of the rest, and one of the topic; plus the
    // work of a heartbeat.
    assert.ok(reads <= rings * 4 + 20, `${reads} reads for ${rings} bells`);
    assert.ok(keys <= (rings + 3) * (waiters + 10), `${keys} keys`);
    assert.ok(lists <= rings * 2 + 20, `${lists} lists for ${rings} bells`);
    store.begin();
    await there.publish(Worker.happened, "news");
    await stage.pass(1_000, pollMs);
    assert.equal(heard.length, listeners);
    assert.ok(store.calls.lists < 60, `${store.calls.lists} lists for ${listeners} who hear one event`);
    answer("at last");
    await stage.pass(3_000);
    await Promise.all(replies);
  },
);

onEach(
  sharedKinds,
  "a notification wakes those who wait for a reply, and those who listen to an event",
  async (stage) => {
    const { there, answer, replies, heard } = await crowd(stage);
    answer("at last");
    await stage.settle();
    await stage.clock.advance(pollMs);
    await stage.settle();
    assert.deepEqual(new Set(await Promise.all(replies)), new Set(["at last"]));
    for (let n = 0; n < 3; n++) await there.publish(Worker.happened, `news ${n}`);
    await stage.settle();
    await stage.clock.advance(pollMs);
    await stage.settle();
    assert.equal(heard.length, 3 * listeners);
  },
);

onEach(
  sharedKinds,
  "events that fell off the log between two looks do not hide those behind them",
  async (stage) => {
    const options = { limits: { events: 2 } };
    const [there, here] = [await stage.start([worker()], options), await stage.start([worker()], options)];
    const heard: string[] = [];
    here.subscribe(Worker.happened, (text) => void heard.push(text));
    await there.publish(Worker.happened, "first");
    await stage.pass(1_000);
    await Promise.all(Array.from({ length: 9 }, (_, n) => there.publish(Worker.happened, `${n}`)));
    await stage.settle();
    await stage.clock.advance(pollMs);
    await stage.settle();
    assert.deepEqual(heard, ["first", "7", "8"]);
  },
);

inMemory("long polls and streams cost no more than one of them", async (stage) => {
  const store = new CountingStore(stage.store);
  const there = await stage.start([worker({ wait: () => new Promise(() => {}), quick: () => "quick" })]);
  const here = await stage.start([worker()], { store });
  const app = ingress(
    here,
    { expose: [Worker.happened] } as Parameters<typeof ingress>[1],
  );
  const ends: (() => void)[] = [];
  for (let n = 0; n < 50; n++) {
    const { id } = await ref(there, `k${n}`).submit(Worker.job, "wait", { id: `w${n}` });
    const abort = new AbortController();
    ends.push(() => abort.abort());
    void here.ticket(id).reply({ timeoutMs: 60_000 }).catch(() => {});
    const response = await app.fetch(
      new Request("http://x/events/worker/happened", { signal: abort.signal }),
    );
    assert.equal(response.status, 200);
    void response.body!.pipeTo(new WritableStream(), { signal: abort.signal }).catch(() => {});
  }
  await stage.pass(1_000);
  store.begin();
  for (let n = 0; n < 20; n++) {
    await ref(there, "other").submit(Worker.job, "quick", { id: `q${n}` });
    await stage.settle();
  }
  const { reads, lists } = store.calls;
  assert.ok(reads <= 60 && lists <= 60, `${reads} reads and ${lists} lists for 20 bells`);
  for (const end of ends) end();
  await stage.settle();
});
