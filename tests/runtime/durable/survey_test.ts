// Surveys with topics in a store, and transient actors beside durable ones.

import assert from "node:assert/strict";
import { actor, ask, protocol, tell, unchecked } from "@posthorn/posthorn";
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
  Worker,
  worker,
} from "./durable_stage.ts";

const respond = worker({ quote: (ctx) => ctx.key === "shy" ? undefined : `from ${ctx.key}` });

onEach(kinds, "durable actors and functions answer a survey, and some abstain", async (stage) => {
  const system = await stage.start([respond]);
  for (const key of ["ada", "bob", "shy"]) {
    system.subscribe(Worker.quote, ref(system, key).at(Worker.quote));
  }
  using _here = system.subscribe(Worker.quote, (name) => `here for ${name}`);
  using _silent = system.subscribe(Worker.quote, () => undefined);
  await stage.settle();
  const asked = collect(system.survey(Worker.quote, "quote", { timeoutMs: 500 }));
  await stage.pass(600, 100);
  assert.deepEqual(await asked, ["from ada", "from bob", "here for quote"]);
  assert.deepEqual(deadOf(system), []);
});

onEach(kinds, "respondents outlive their process, and enough replies end a survey", async (stage) => {
  const first = await stage.start([respond]);
  for (const key of ["ada", "bob", "cleo"]) {
    first.subscribe(Worker.quote, ref(first, key).at(Worker.quote));
  }
  await stage.settle();
  await stage.kill(first);
  const second = await stage.start([respond]);
  await stage.pass(missedMs);
  const replies = await collect(second.survey(Worker.quote, "quote", { timeoutMs: 60_000, max: 2 }));
  assert.equal(replies.length, 2);
});

inMemory("a reply that comes after the end of its survey is counted", async (stage) => {
  const gate = Promise.withResolvers<string>();
  const system = await stage.start([worker({ quote: () => gate.promise })]);
  system.subscribe(Worker.quote, ref(system, "ada").at(Worker.quote));
  await stage.settle();
  const asked = collect(system.survey(Worker.quote, "quote", { timeoutMs: 500 }));
  await stage.pass(600, 100);
  assert.deepEqual(await asked, []);
  gate.resolve("late");
  await stage.settle();
  assert.deepEqual([system.deadLetters.size, system.stats().lateReplies], [0, 1]);
});

inMemory("a survey with an id is answered as the first was", async (stage) => {
  let runs = 0;
  const system = await stage.start([worker({ quote: () => `${++runs}` })]);
  system.subscribe(Worker.quote, ref(system, "ada").at(Worker.quote));
  await stage.settle();
  const options = { timeoutMs: 500, id: "1" };
  const asked = [1, 2].map(() => collect(system.survey(Worker.quote, "quote", options)));
  await stage.pass(600, 100);
  assert.deepEqual(await Promise.all(asked), [["1"], ["1"]]);
});

const Clerk = protocol("clerk", {
  check: ask(unchecked<string>(), unchecked<unknown>()),
  gather: ask(unchecked<readonly string[]>()),
  count: tell(),
  counted: ask(unchecked<number>()),
});
const clerk = actor(Clerk, {
  transient: true,
  state: () => 0,
  on: {
    check: (ctx, key) => ctx.ref(Worker, key).ask(Worker.call, "notes"),
    async gather(ctx) {
      return await collect(ctx.survey(Worker.quote, "quote", { timeoutMs: 500 }));
    },
    count: (ctx) => void (ctx.state = ctx.state + 1),
    counted: (ctx) => ctx.state,
  },
});

onEach(kinds, "a transient actor asks a durable one in its turn, and surveys durable ones", async (stage) => {
  const system = await stage.start([respond, clerk]);
  await ref(system, "ada").tell(Worker.note, "one");
  assert.deepEqual(await system.ref(Clerk, "c").ask(Clerk.check, "ada"), ["one"]);
  system.subscribe(Worker.quote, ref(system, "ada").at(Worker.quote));
  await stage.settle();
  const gathered = system.ref(Clerk, "c").ask(Clerk.gather);
  await stage.pass(600, 100);
  assert.deepEqual(await gathered, ["from ada"]);
});

onEach(
  kinds,
  "a durable actor tells a transient one with its commit; that one is never stored",
  async (stage) => {
    const actors = [
      worker({
        count(ctx) {
          note(ctx, "counted");
          ctx.ref(Clerk, "c").tell(Clerk.count);
        },
      }),
      clerk,
    ];
    const first = await stage.start(actors);
    for (let time = 0; time < 3; time++) await ref(first, "ada").tell(Worker.run, "count");
    await stage.settle();
    assert.equal(await first.ref(Clerk, "c").ask(Clerk.counted), 3);
    await stage.kill(first);
    const second = await stage.start(actors);
    await stage.pass(missedMs);
    assert.equal(await second.ref(Clerk, "c").ask(Clerk.counted), 0);
    assert.deepEqual(await notesOf(second, "ada"), ["counted", "counted", "counted"]);
  },
);

onEach(kinds, "a survey is answered by actors that only another instance hosts", async (stage) => {
  const Other = protocol("other", { idle: tell() });
  const other = actor(Other, { state: () => null, on: { idle() {} } });
  const hosts = await stage.start([respond]);
  hosts.subscribe(Worker.quote, ref(hosts, "ada").at(Worker.quote));
  await stage.settle();
  const asks = await stage.start([other]);
  const asked = collect(asks.survey(Worker.quote, "quote", { timeoutMs: 500 }));
  await stage.pass(1_000, 20);
  assert.deepEqual(await asked, ["from ada"]);
});
