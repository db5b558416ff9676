// What a stranger who may write to an inbox can make a service do: it has no way past its bounds, and no other voice.

import assert from "node:assert/strict";
import { inMemory, onEach } from "../durable/durable_stage.ts";
import {
  additions,
  delivered,
  inbox,
  lettersOf,
  notesOf,
  outboxOf,
  reader,
  settled,
  tenureOf,
} from "./intake_stage.ts";
import { laneOf } from "../../../runtime/remote/lane.ts";

onEach(["memory", "denoKv"], "a return address of any length stops no turn", async (stage) => {
  const started = await reader(stage);
  const receiving = started.receiver();
  const tenure = tenureOf();
  await receiving.begin(tenure);
  const replyTo = "x".repeat(20_000);
  const asked = { replyTo, correlationId: "c" };
  await receiving.take([
    delivered("settle", "one", { id: "1", ...asked }),
    delivered("settle", 7, { id: "2", ...asked }),
    ...additions(["behind"]),
  ], tenure);
  await stage.settle();
  assert.deepEqual(await notesOf(started.system), ["one", "behind"]);
  const waiting = await outboxOf(started);
  assert.deepEqual(waiting.map((line) => line.slice(0, replyTo.length)), [replyTo, replyTo]);
});

Deno.test("two addresses that begin alike have lanes of their own", () => {
  const [one, two] = ["a", "b"].map((end) => laneOf({ kind: "reply", address: "é".repeat(5_000) + end }));
  assert.notEqual(one, two);
  assert.ok(one.length < 500 && two.length < 500);
});

inMemory("an ask of any deadline is known for as long as other messages", async (stage) => {
  const started = await reader(stage, { deduplicationWindowMs: 60_000 });
  const receiving = started.receiver();
  const tenure = tenureOf();
  await receiving.begin(tenure);
  const headers = { "posthorn-deadline": "999999999999999" };
  const ask = delivered("total", undefined, { id: "1", replyTo: "r", correlationId: "c", headers });
  await receiving.take([ask], tenure);
  await stage.settle();
  assert.equal((await stage.keys("mark")).length, 1);
  await stage.pass(86_400_000, 7_200_000);
  assert.deepEqual(await stage.keys("mark"), []);
});

inMemory("a reply that is sent to an operation or an event starts nothing", async (stage) => {
  const started = await reader(stage);
  const { system, sent } = started;
  const tenure = tenureOf();
  const requests = started.receiver(inbox);
  await requests.begin(tenure);
  await requests.take(
    [delivered("total", undefined, { replyTo: "order.bob.add", correlationId: "c" })],
    tenure,
  );
  await requests.take([delivered("settle", "x", { replyTo: "order.bob.add", correlationId: "c" })], tenure);
  await stage.settle();
  const [{ headers }] = sent; // and so it comes, whatever its asker gave as the address
  assert.equal(headers["posthorn-reply"], "true");
  await requests.take([delivered("add", "as a reply", { headers, id: "1" })], tenure);
  const events = started.receiver(settled);
  const other = tenureOf("1");
  await events.begin(other);
  await events.take([
    delivered("settled", "de ada", { headers: { ...headers, "posthorn-sender": "b" }, id: "2" }),
  ], other);
  await stage.settle();
  assert.deepEqual(await notesOf(system), ["x"]);
  assert.deepEqual(lettersOf(system).map((letter) => letter.slice(0, 19)), [
    "unknown-operation 1",
    "unknown-operation 2",
  ]);
});

inMemory("no header of a stranger stops the reply, or what the turn sends", async (stage) => {
  const started = await reader(stage);
  const { system } = started;
  const tenure = tenureOf();
  const receiving = started.receiver();
  await receiving.begin(tenure);
  const headers = { constructor: "a", "posthorn-header-ce-a b": "c", "posthorn-header-ce-type": "d" };
  await receiving.take(
    [delivered("settle", "x", { id: "1", replyTo: "r", correlationId: "c", headers })],
    tenure,
  );
  await stage.settle();
  assert.deepEqual(lettersOf(system), []);
  assert.deepEqual(await outboxOf(started), ['r c json "settled x"']);
});
