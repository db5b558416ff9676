// Rows that cannot be read are shown as such, or left out and counted. No question fails because of them.

import assert from "node:assert/strict";
import { actor, type Observation, protocol, submit, unchecked } from "@posthorn/posthorn";
import { sourceKey } from "../../../../runtime/durable/rows/keys.ts";
import { decodeValue, encodeValue } from "../../../../runtime/durable/rows/value_codec.ts";
import { localKinds, onEach, ref, type Stage, Worker, worker } from "../durable_stage.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const spoils: Readonly<Record<string, Uint8Array>> = {
  "are no text": new Uint8Array([255, 254, 0, 128]),
  "are empty": new Uint8Array(0),
  "have no head": bytes("{ nothing"),
  "have null as their head": encodeValue(null, "1"),
  "have an empty head": encodeValue({}, "{ cut"),
  "have a head of other types": encodeValue(
    {
      turn: "t",
      clock: 0,
      schema: 0,
      retry: 7,
      id: 1,
      to: 2,
      protocol: 3,
      status: 4,
      hosts: 5,
      atMs: "x",
      token: 6,
      failure: 8,
      at: 9,
      later: 1,
      head: 1,
      protocols: 1,
    },
    "1",
  ),
};

const Desk = protocol("desk", { later: submit(unchecked<number>(), unchecked<number>()) });
const desk = actor(Desk, { state: () => null, on: { later: (ctx) => ctx.later() } });

/** Writes that value into every row of the store, and into rows of what did not happen in this one. */
async function spoil(stage: Stage, value: Uint8Array): Promise<void> {
  const connection = await stage.store.open({ clock: stage.clock });
  const rows = await connection.list({ prefix: "", limit: 1_000 });
  for (const row of rows.filter(({ key }) => key !== "proof")) {
    const write = { key: row.key, value, oldBytes: row.value.length };
    await connection.commit([{ checks: [], writes: [write], removals: [] }]);
  }
  for (const key of ["paused", sourceKey("inbox:worker", "0")]) {
    await connection.commit([{ checks: [], writes: [{ key, value }], removals: [] }]);
  }
  await connection.close();
}

const askAll = async (observe: Observation) => ({
  instances: await observe.instances(),
  protocols: await observe.protocols(),
  actors: await observe.actors({ protocol: "worker" }),
  ada: await observe.actor({ protocol: "worker", key: "ada" }),
  failing: await observe.failing(),
  schedules: await observe.schedules(),
  topics: await observe.topics(),
  letters: await observe.deadLetters(),
  groups: await observe.deadLetterGroups(),
  replies: await observe.replies(),
  unhosted: await observe.unhosted(),
  outbox: await observe.outbox(),
  tenures: await observe.tenures(),
});

onEach(localKinds, "parts of a row that have another type than they should are left out", async (stage) => {
  const system = await stage.start([worker()]);
  await ref(system, "ada").tell(Worker.note, "one");
  await stage.settle();
  await system.control.pause("worker");
  await ref(system, "ada").tell(Worker.note, "two", { headers: { from: "desk" } });
  await stage.settle();
  const connection = await stage.store.open({ clock: stage.clock });
  const change = async (prefix: string, changed: object) => {
    const [row] = await connection.list({ prefix, limit: 1 });
    const { head, text } = decodeValue<object>(row.value);
    const value = encodeValue({ ...head, ...changed }, text);
    const write = { key: row.key, value, oldBytes: row.value.length };
    await connection.commit([{ checks: [], writes: [write], removals: [] }]);
  };
  const asked = () => system.observe.actor({ protocol: "worker", key: "ada" });
  await change("actor\u001fworker", { schema: null });
  await change("mail\u001fworker", { attempts: "3", headers: { from: "desk" } });
  assert.equal((await asked())?.stateVersion, undefined);
  assert.match((await asked())?.messages[0].fault ?? "", /a part of it is no number/);
  for (const headers of [null, 5, { from: 5 }, { from: null }]) {
    await change("mail\u001fworker", { attempts: 0, headers });
    const [message] = (await asked())!.messages;
    assert.deepEqual([message.headers, message.retry], [undefined, undefined]);
    assert.match(message.fault!, /its row cannot be read/);
  }
  await connection.close();
  await stage.kill(system);
});

for (const [which, value] of Object.entries(spoils)) {
  onEach(localKinds, `every question is answered if all rows ${which}`, async (stage) => {
    const actors = [
      desk,
      worker({
        plan: (ctx) => ctx.schedule("tick", { everyMs: 60_000 }, ctx.self.at(Worker.note), "x"),
        give: () => {
          throw new Error("no");
        },
      }, { retry: { attempts: 1, baseMs: 1, maxMs: 1 } }),
    ];
    const system = await stage.start(actors);
    await ref(system, "ada").tell(Worker.run, "plan");
    await ref(system, "bob").tell(Worker.note, "later", { afterMs: 60_000 });
    await ref(system, "cyd").tell(Worker.run, "give");
    await system.ref(Desk, "one").submit(Desk.later, 1);
    await system.subscribe(Worker.happened, ref(system, "ada").at(Worker.note)).ready;
    await system.publish(Worker.happened, "now");
    await stage.settle();
    await ref(system, "ada").tell(Worker.note, "behind", { afterMs: 1 });
    await spoil(stage, value);
    const all = await askAll(system.observe);
    assert.deepEqual(all.actors.items.map(({ key }) => key), ["ada", "cyd"]);
    assert.ok(all.schedules.items.every(({ actor }) => ["ada", "bob"].includes(actor.key)));
    assert.equal(all.topics.items[0].topic, "worker.happened");
    assert.equal(all.letters.items.length + (all.letters.unreadable ?? 0), 1);
    assert.deepEqual(all.tenures, { items: [], unreadable: 1 });
    await stage.kill(system);
  });
}
