// Sends within transactions of users, on a store in memory: what becomes of their rows.

import assert from "node:assert/strict";
import fc from "fast-check";
import type { Random } from "@posthorn/posthorn";
import { seededRandom } from "@posthorn/posthorn/testing";
import { Transactions } from "../../../runtime/durable/transactions.ts";
import { inMemory, notesOf, ref, type Stage, stageOn, Worker, worker } from "./durable_stage.ts";
import { UserTransaction } from "./user_transaction.ts";

/** Names that no system of the stage has. */
function otherRandom(): Random {
  const random = seededRandom(7);
  return {
    next: () => random.next(),
    ulid: (nowMs) => random.ulid(nowMs).replace(/.{10}$/, (end) => `TX${end.slice(2)}`),
  };
}

/** Opens transactions of a process in which no system runs. */
async function opener(stage: Stage) {
  const connection = await stage.store.open({ clock: stage.clock });
  const { traits } = stage.store;
  const sends = new Transactions({ traits, clock: stage.clock, random: otherRandom() });
  return {
    begin() {
      const transaction = new UserTransaction(connection);
      return { tx: sends.on(transaction), end: () => transaction.end() };
    },
    [Symbol.asyncDispose]: () => connection.close(),
  };
}

const actors = [worker()];

inMemory("transaction: a heartbeat finds what no notification told of", async (stage) => {
  await using user = await opener(stage);
  const system = await stage.start(actors);
  const { tx, end } = user.begin();
  await tx.ref(Worker, "ada").tell(Worker.note, "a");
  const { id } = await tx.ref(Worker, "ada").submit(Worker.job, "notes");
  await stage.pass(5_000);
  assert.deepEqual(await notesOf(system, "ada"), []);
  await end();
  assert.equal(
    (await stage.keys("index")).filter((key) => key.startsWith("index ~posted worker ada ")).length,
    2,
  );
  await stage.pass(5_000);
  assert.deepEqual(await notesOf(system, "ada"), ["a"]);
  assert.deepEqual(await system.ticket(id).reply(), ["a"]);
  await stage.pass(5_000);
  assert.deepEqual(await stage.keys("index", "mail"), []);
});

inMemory(
  "transaction: a sweep handles what it sent, as in a process that lives for a request",
  async (stage) => {
    await using user = await opener(stage);
    const { tx, end } = user.begin();
    await tx.ref(Worker, "ada").tell(Worker.note, "a");
    await tx.ref(Worker, "bob").tell(Worker.note, "later", { afterMs: 60_000 });
    await end();
    const system = await stage.start(actors);
    await system.sweep();
    await stage.settle();
    assert.deepEqual(await notesOf(system, "ada"), ["a"]);
    await stage.pass(61_000);
    assert.deepEqual(await notesOf(system, "bob"), ["later"]);
  },
);

inMemory(
  "transaction: who hosts an actor takes its mail, and of nobody it is reported and can be erased",
  async (stage) => {
    await using user = await opener(stage);
    const other = await stage.start([]);
    const { tx, end } = user.begin();
    for (const text of ["a", "b"]) await tx.ref(Worker, "ada").tell(Worker.note, text);
    await end();
    await stage.pass(5_000);
    assert.deepEqual(await stage.keys("index"), ["index ~ worker ada"]);
    assert.deepEqual(other.stats().unhosted, { worker: { actors: 1, waiting: 2 } });
    assert.equal(await other.eraseMail({ protocol: "worker" }), 2);
    assert.deepEqual(await stage.keys("index", "mail"), []);
    const second = user.begin();
    await second.tx.ref(Worker, "ada").tell(Worker.note, "c");
    await second.end();
    const host = await stage.start(actors);
    await stage.pass(5_000);
    assert.deepEqual(await notesOf(host, "ada"), ["c"]);
  },
);

inMemory(
  "transaction: mail for a transient actor becomes a dead letter where that is hosted",
  async (stage) => {
    await using user = await opener(stage);
    const system = await stage.start([worker({}, { transient: true } as never)]);
    const { tx, end } = user.begin();
    const { id } = await tx.ref(Worker, "ada").submit(Worker.job, "notes");
    await end();
    await stage.pass(5_000);
    assert.deepEqual(system.deadLetters.list().map(({ reason }) => reason), ["transient-peer"]);
    await assert.rejects(system.ticket(id).reply(), /transient/);
  },
);

/** What happens, one after the other. Transactions are numbered, and each sends to one of three actors. */
const anyStep = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("send" as const),
      tx: fc.nat(2),
      to: fc.nat(2),
      id: fc.option(fc.nat(3)),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("end" as const), tx: fc.nat(2), commits: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.nat(3_000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("kill" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("tell" as const), to: fc.nat(2) }) },
);

Deno.test("transaction: whatever is committed has one effect, in order, and nothing else has any", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { maxLength: 40 }), async (steps) => {
      await using stage = await stageOn("memory");
      await using user = await opener(stage);
      const systems = [await stage.start(actors), await stage.start(actors)];
      const open = Array.from({ length: 3 }, () => ({ ...user.begin(), sent: [] as [number, string][] }));
      const expected: string[][] = [[], [], []];
      const ids = new Set<string>();
      /** What one transaction sent to one actor. */
      const orders: { readonly to: number; readonly texts: readonly string[] }[] = [];
      let count = 0;
      const finish = async (number: number, commits: boolean) => {
        const { end, sent } = open[number];
        if (commits && await end()) {
          for (const to of expected.keys()) {
            const texts = sent.flatMap(([other, text]) =>
              other === to && !ids.has(`${to} ${text}`) ? [text] : []
            );
            orders.push({ to, texts });
          }
          for (const [to, text] of sent) if (!ids.has(`${to} ${text}`)) expected[to].push(text);
          for (const [to, text] of sent) if (text.startsWith("id")) ids.add(`${to} ${text}`);
        }
        open[number] = { ...user.begin(), sent: [] };
      };
      for (const step of steps) {
        if (step.do === "send") {
          const { tx, sent } = open[step.tx];
          const id = step.id === null ? undefined : `id${step.id}`;
          const text = id ?? `n${count++}`;
          await tx.ref(Worker, `k${step.to}`).tell(Worker.note, text, id === undefined ? {} : { id });
          const known = sent.some(([to, other]) => to === step.to && other === text) ||
            ids.has(`${step.to} ${text}`);
          if (!known) sent.push([step.to, text]);
        } else if (step.do === "end") await finish(step.tx, step.commits);
        else if (step.do === "pass") await stage.pass(step.ms);
        else if (step.do === "kill") {
          await stage.kill(systems.shift()!);
          systems.push(await stage.start(actors));
        } else {
          const text = `n${count++}`;
          await ref(systems[0], `k${step.to}`).tell(Worker.note, text);
          expected[step.to].push(text);
        }
      }
      for (const number of open.keys()) await finish(number, true);
      await stage.pass(60_000);
      for (const [to, texts] of expected.entries()) {
        const notes = await notesOf(systems[1], `k${to}`) as string[];
        assert.deepEqual(notes.toSorted(), texts.toSorted());
        for (const { texts } of orders.filter((order) => order.to === to)) {
          assert.deepEqual(notes.filter((note) => texts.includes(note)), texts);
        }
      }
      assert.deepEqual(await stage.keys("index", "mail"), []);
    }),
    { numRuns: 60, seed: 72 },
  );
});
