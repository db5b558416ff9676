// An unreadable row of the store blocks no row beside or after it.

import assert from "node:assert/strict";
import { type Log, type System, systemClock } from "@posthorn/posthorn";
import type { StoreConnection } from "@posthorn/posthorn/store";
import { instanceKey } from "../../../runtime/durable/rows/keys.ts";
import { encodeValue } from "../../../runtime/durable/rows/value_codec.ts";
import {
  collect,
  deadOf,
  kinds,
  missedMs,
  notesOf,
  onEach,
  ref,
  sharedKinds,
  type Stage,
  watch,
  Worker,
  worker,
} from "./durable_stage.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

async function connected<Result>(
  stage: Stage,
  act: (connection: StoreConnection) => Promise<Result>,
): Promise<Result> {
  const connection = await stage.store.open({ clock: systemClock() });
  try {
    return await act(connection);
  } finally {
    await connection.close();
  }
}

/** Overwrites the rows whose keys begin with a prefix, of which there must be some. */
async function spoil(
  stage: Stage,
  prefix: string,
  spoiled: (old: string) => Uint8Array,
  which = (_: number) => true,
) {
  await connected(stage, async (connection) => {
    const rows = (await connection.list({ prefix, limit: 1_000 })).filter((_, index) => which(index));
    assert.ok(rows.length > 0, `no rows under ${prefix}`);
    for (const { key, value } of rows) {
      const old = new TextDecoder().decode(value);
      const write = { key, value: spoiled(old), oldBytes: value.length, expiresAtMs: undefined };
      await connection.commit([{ checks: [], writes: [write], removals: [] }]);
    }
  });
}

/** Invalid values for a row. */
const spoils: Readonly<Record<string, (old: string) => Uint8Array>> = {
  "without a head": () => bytes("{ nothing"),
  "of bytes that are no text": () => new Uint8Array([255, 254, 0, 128]),
  "of nothing": () => new Uint8Array(0),
  "whose head is null": (old) => encodeValue(null, old.split("\n")[1]),
  "whose head is empty": (old) => encodeValue({}, old.split("\n")[1]),
};
const badText = (old: string) => bytes(`${old.split("\n")[0]}\n{ "cut`);

for (const [which, spoiled] of Object.entries({ ...spoils, "whose text is cut off": badText })) {
  onEach(
    kinds,
    `a message in a row ${which} is a dead letter, and those behind it are handled`,
    async (stage) => {
      const gate = Promise.withResolvers<void>();
      const first = await stage.start([worker({ wait: () => gate.promise })]);
      await ref(first, "ada").tell(Worker.run, "wait");
      await stage.settle();
      for (const text of ["bad", "good"]) await ref(first, "bob").tell(Worker.run, `wait ${text}`);
      await stage.settle();
      await stage.kill(first);
      await spoil(stage, "mail\u001fworker\u001fbob", spoiled, (index) => index === 0);
      const second = await stage.start([
        worker({ wait: (ctx, text) => void (ctx.state = [...ctx.state, text]) }),
      ]);
      await stage.pass(missedMs);
      assert.deepEqual(await notesOf(second, "bob"), ["good"]);
      assert.deepEqual(second.deadLetters.list().map(({ key, reason }) => `${key}: ${reason}`), [
        "bob: failed",
      ]);
      assert.match(
        second.deadLetters.list()[0].message,
        /cannot be handled: its (row|payload) cannot be read/,
      );
      await second.stop();
      const third = await stage.start([worker()]);
      await stage.pass(missedMs);
      assert.equal(third.deadLetters.size, 1, "its letter can be listed by the next");
      gate.resolve();
    },
  );
}

onEach(
  kinds,
  "an event of a log that cannot be read is passed by, and those behind it are heard",
  async (stage) => {
    const lines: string[] = [];
    const log: Log = (line) => lines.push(line);
    const system = await stage.start([worker()], { log });
    const kept = system.eventLog(Worker.happened)!;
    for (let n = 0; n < 5; n++) await system.publish(Worker.happened, `e${n}`);
    await stage.settle();
    await spoil(stage, "event\u001f", spoils["without a head"], (index) => index === 1);
    await spoil(stage, "event\u001f", badText, (index) => index === 2);
    const read = await kept.read(0, 10);
    assert.deepEqual(read.map(({ number }) => number), [1, 2, 3, 4, 5]);
    assert.deepEqual(read.filter(({ fault }) => fault === undefined).map(({ payload }) => payload), [
      "e0",
      "e3",
      "e4",
    ]);
    assert.ok(
      lines.some((line) => line.startsWith("posthorn: a row of the store cannot be read: event")),
      lines.join(),
    );
  },
);

onEach(
  sharedKinds,
  "who listens in another process hears what is behind an event that cannot be read",
  async (stage) => {
    const first = await stage.start([worker()]);
    const second = await stage.start([worker()]);
    const heard: string[] = [];
    second.subscribe(Worker.happened, (text) => void heard.push(text));
    await stage.settle();
    const held = stage.storeOf(second);
    held.refuseLists = "event";
    for (let n = 0; n < 150; n++) await first.publish(Worker.happened, `e${n}`);
    await stage.settle();
    await spoil(stage, "event\u001f", badText, (index) => index < 120);
    held.refuseLists = undefined;
    await stage.pass(10_000);
    assert.deepEqual(heard, Array.from({ length: 30 }, (_, n) => `e${n + 120}`));
  },
);

onEach(kinds, "a subscriber whose row cannot be read is passed by, and can be taken out", async (stage) => {
  const system = await stage.start([worker()]);
  const subscriptions = ["a", "b", "c"].map((key) =>
    system.subscribe(Worker.happened, ref(system, key).at(Worker.note))
  );
  await stage.settle();
  await system.stop();
  await spoil(stage, "subscriber\u001f", spoils["without a head"], (index) => index === 1);
  const again = await stage.start([worker()]);
  const events = watch(again, "unreadable");
  for (const text of ["one", "two"]) await again.publish(Worker.happened, text);
  await stage.settle();
  assert.deepEqual(deadOf(again), []);
  for (const key of ["a", "c"]) assert.deepEqual(await notesOf(again, key), ["one", "two"]);
  assert.deepEqual(await notesOf(again, "b"), []);
  assert.ok(events.includes("unreadable subscriber"), events.join());
  void subscriptions;
});

for (const [which, spoiled] of Object.entries(spoils)) {
  onEach(kinds, `an id whose mark is a row ${which} is refused, and other ids are not`, async (stage) => {
    const first = await stage.start([worker()]);
    const told = (system: System, id: string) => ref(system, "ada").tell(Worker.note, id, { id });
    for (const id of ["one", "two"]) await told(first, id);
    await stage.kill(first);
    await spoil(stage, "mark\u001f", spoiled);
    const second = await stage.start([worker()]);
    for (const id of ["one", "two"]) {
      await assert.rejects(told(second, id), {
        name: "PosthornError",
        code: "failed",
        message: new RegExp(
          `^Cannot accept worker/ada note: what the id "${id}" named before cannot be read: `,
        ),
      });
    }
    await told(second, "three");
    assert.deepEqual(await notesOf(second, "ada"), ["one", "two", "three"]);
  });
}

for (
  const [words, prefix, which] of [
    ["the row", "timer\u001f", "without a head"],
    ["the row", "timer\u001f", "whose head is null"],
    ["the entry in the order of time", "schedule\u001f", "without a head"],
    ["the entry in the order of time", "schedule\u001f", "whose head is null"],
  ] as const
) {
  onEach(
    sharedKinds, // with calls that take no time, which would shift the heartbeats
    `the clock is set back, and ${words} of a schedule is one ${which}: one look is enough to move the others`,
    async (stage) => {
      const system = await stage.start([worker({
        set: (ctx, text) => ctx.schedule(text, { afterMs: 60_000 }, ctx.self.at(Worker.note), text),
      })]);
      for (const text of ["one", "two"]) await ref(system, "ada").tell(Worker.run, `set ${text}`);
      await stage.settle();
      await spoil(stage, prefix, spoils[which], (index) => index === 0);
      const events = watch(system, "unreadable");
      const { lists } = stage.storeOf(system);
      /** The number of lists of schedules in half a minute. */
      const listed = async () => {
        const before = lists.get("schedule") ?? 0;
        await stage.pass(30_000, 5_000);
        return lists.get("schedule")! - before;
      };
      const usual = await listed();
      stage.step(system, -3_600_000);
      await stage.pass(40_000, 5_000);
      assert.deepEqual(await notesOf(system, "ada"), ["two"]);
      assert.equal(await listed(), usual);
      assert.deepEqual(events, [`unreadable ${prefix.slice(0, -1)}`]);
    },
  );
}

onEach(kinds, "a schedule whose row cannot be read never fires, and the others do", async (stage) => {
  const set = (ctx: Parameters<NonNullable<Parameters<typeof worker>[0]>[string]>[0], text: string) => {
    ctx.schedule(text, { afterMs: 60_000 }, ctx.self.at(Worker.note), text);
  };
  const first = await stage.start([worker({ set })]);
  for (const text of ["one", "two", "three"]) await ref(first, "ada").tell(Worker.run, `set ${text}`);
  await stage.settle();
  await first.stop();
  await spoil(stage, "timer\u001f", spoils["without a head"], (index) => index === 0);
  await spoil(stage, "timer\u001f", badText, (index) => index === 1);
  const second = await stage.start([worker({ set })]);
  const events = watch(second, "unreadable");
  await stage.pass(70_000, 5_000);
  assert.equal((await notesOf(second, "ada") as string[]).length, 1);
  assert.deepEqual(events, ["unreadable timer"]);
  assert.deepEqual(deadOf(second), ["ada note: failed"], "what only its text is wrong of is a dead letter");
  await ref(second, "ada").tell(Worker.run, "set one");
  await ref(second, "ada").tell(Worker.run, "set two");
  await ref(second, "ada").tell(Worker.run, "set three");
  await stage.pass(70_000, 5_000);
  assert.equal((await notesOf(second, "ada") as string[]).length, 4, "it can be set anew");
});

onEach(
  kinds,
  "a dead letter whose row cannot be read is passed by, and the others are listed",
  async (stage) => {
    const broken = () => {
      throw new Error("boom");
    };
    const first = await stage.start([worker({ broken }, { retry: { attempts: 1 } })]);
    for (const key of ["a", "b", "c"]) {
      await ref(first, key).tell(Worker.run, "broken");
      await stage.settle();
    }
    await first.stop();
    await spoil(stage, "dead\u001f", spoils["without a head"], (index) => index === 0);
    await spoil(stage, "dead\u001f", badText, (index) => index === 1);
    const second = await stage.start([worker({ broken: () => {} })]);
    assert.deepEqual(
      deadOf(second),
      ["b run: failed", "c run: failed"],
      "at once, and not one at each heartbeat",
    );
    assert.deepEqual(second.deadLetters.list().map(({ payload }) => payload), [undefined, "broken"]);
  },
);

onEach(kinds, "a reply whose row cannot be read is told as a failure", async (stage) => {
  const system = await stage.start([worker()]);
  const { id } = await ref(system, "ada").submit(Worker.job, "notes");
  await stage.settle();
  await spoil(stage, "reply\u001f", badText);
  await assert.rejects(system.ticket(id).reply({ timeoutMs: 0 }), { code: "failed" });
});

onEach(
  kinds,
  "rows of instances and the proof of the store that cannot be read stop no start",
  async (stage) => {
    const first = await stage.start([worker({ wait: () => new Promise(() => {}) })]);
    await ref(first, "ada").tell(Worker.note, "one");
    await stage.settle();
    await ref(first, "bob").tell(Worker.run, "wait");
    await stage.settle();
    await stage.kill(first);
    await spoil(stage, "instance\u001f", spoils["without a head"]);
    await spoil(stage, "proof", spoils["whose head is null"]);
    let left = 0;
    const second = await stage.start([worker({ wait: () => void left++ })]);
    await ref(second, "ada").tell(Worker.note, "two");
    await stage.pass(missedMs);
    assert.deepEqual(await notesOf(second, "ada"), ["one", "two"]);
    assert.equal(left, 1, "what it left is taken over");
    assert.equal(second.health.status, "running");
  },
);

for (const head of [null, 5, { beat: 0, atMs: "noon" }, { beat: 0, atMs: null }, { beat: 0, atMs: {} }]) {
  onEach(
    kinds,
    `the row of an instance that says ${JSON.stringify(head)} stops neither commits nor the end of a window`,
    async (stage) => {
      const key = instanceKey("0".repeat(26));
      const write = () =>
        connected(stage, async (connection) => {
          const value = encodeValue(head, "");
          await connection.commit([{ checks: [], writes: [{ key, value }], removals: [] }]);
        });
      await write();
      const system = await stage.start([worker()], { deduplicationWindowMs: 60_000 });
      await stage.pass(3_000);
      if (stage.store.traits.processes === "many") await write(); // as if it were alive
      await stage.pass(3_000);
      await ref(system, "ada").tell(Worker.note, "one", { id: "1" });
      await stage.pass(70_000, 5_000);
      await ref(system, "ada").tell(Worker.note, "two", { id: "1" });
      assert.deepEqual(await notesOf(system, "ada"), ["one", "two"]);
      assert.equal((await stage.keys("instance")).length, 1);
    },
  );
}

onEach(
  sharedKinds,
  "an answer to a survey that cannot be read is passed by, and the others come",
  async (stage) => {
    const asking = await stage.start([]);
    const answering = await stage.start([worker({ answer: (_, text) => text })]);
    for (const key of ["a", "b"]) answering.subscribe(Worker.quote, ref(answering, key).at(Worker.quote));
    await stage.settle();
    const held = stage.storeOf(asking);
    held.refuseLists = "answer";
    const events = watch(asking, "unreadable");
    const quotes = collect(asking.survey(Worker.quote, "answer yes", { timeoutMs: 20_000 }));
    await stage.pass(10_000);
    await spoil(stage, "answer\u001f", badText, (index) => index === 0);
    held.refuseLists = undefined;
    await stage.pass(25_000);
    assert.deepEqual(await quotes, ["yes"]);
    assert.deepEqual(events, ["unreadable answer"]);
  },
);

onEach(kinds, "a watcher of an event log may throw, and the topic continues", async (stage) => {
  const lines: string[] = [];
  const system = await stage.start([worker()], { log: (line) => lines.push(line.replace(/ at .*/, "")) });
  const kept = system.eventLog(Worker.happened)!;
  using _throwing = kept.watch(() => {
    throw new Error("boom");
  });
  using _rejecting = kept.watch((() => Promise.reject(new Error("boom"))) as () => void);
  let changes = 0;
  using _other = kept.watch(() => void changes++);
  await stage.settle();
  await system.publish(Worker.happened, "one");
  await ref(system, "ada").tell(Worker.note, "beside");
  await stage.settle();
  assert.ok(changes > 0);
  assert.equal(await kept.latest(), 1);
  assert.deepEqual(await notesOf(system, "ada"), ["beside"]);
  assert.ok(lines.includes("posthorn: a function that was given to watch failed: Error: boom"), lines.join());
});
