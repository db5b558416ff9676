import assert from "node:assert/strict";
import type { InspectedMessage, Inspection } from "@posthorn/posthorn";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import { Inspectors } from "../../../runtime/ports/inspection.ts";
import { fail, note, notesOf, Stage, stage, Worker, worker } from "../memory_stage.ts";

Deno.test("Inspection tells the life of a message: accepted, activated, started, done", async () => {
  await using it = stage(worker()).watch();
  await it.ref("ada").tell(Worker.note, "");
  assert.deepEqual(it.events, ["accepted ada note", "activated ada", "started ada note", "done ada note"]);
});

Deno.test("Inspection tells a failure and each attempt, until the message is dead", async () => {
  await using it = stage(worker({ retry: { attempts: 2 } })).watch();
  await it.ref("ada").tell(Worker.run, fail);
  await it.clock.advance(10_000);
  const attempt = ["activated ada", "started ada run", "failed ada run"];
  assert.deepEqual(it.events, [
    "accepted ada run",
    ...attempt,
    "retrying ada run",
    "restarted ada",
    ...attempt,
    "dead ada run: failed",
    "restarted ada",
  ]);
});

Deno.test("Inspection tells the end of an actor: passivated, erased, stopped, escalated", async () => {
  await using it = stage(worker({ onFailure: "escalate" })).watch(
    "passivated",
    "erased",
    "stopped",
    "escalated",
  );
  void it.ref("ada").tell(Worker.run, (ctx) => (note(ctx, ""), ctx.passivate()));
  void it.ref("bob").tell(Worker.run, (ctx) => ctx.erase());
  void it.ref("cyd").tell(Worker.run, fail);
  await it.system.closed;
  assert.deepEqual(it.events, ["passivated ada", "erased bob", "stopped cyd", "escalated cyd"]);
});

Deno.test("Inspection tells what a turn sent before it tells that the turn is done", async () => {
  await using it = stage(worker()).watch("accepted", "done");
  await it.ref("ada").tell(Worker.run, (ctx) => ctx.ref(Worker, "bob").tell(Worker.note, ""));
  await it.clock.settle();
  assert.deepEqual(it.events, ["accepted ada run", "accepted bob note", "done ada run", "done bob note"]);
});

Deno.test("Inspection describes a message: address, operation, ids, attempts, headers", async () => {
  await using it = stage(worker({ retry: { attempts: 2 } }));
  const events: Inspection[] = [];
  it.system.inspect((event) => events.push(event));
  const headers = { trace: "t" };
  await it.ref("ada").tell(Worker.run, fail, { id: "a-name", headers });
  await it.clock.advance(10_000);
  const message = {
    protocol: "worker",
    key: "ada",
    operation: "run",
    mode: "tell",
    id: "a-name",
    correlationId: "a-name",
    headers,
    acceptedMs: new VirtualClock().now(),
    stands: 1,
  };
  const shown = (message: InspectedMessage) => JSON.parse(JSON.stringify(message));
  const [accepted, , , failed, retrying, , , again] = events;
  assert(accepted.type === "accepted" && failed.type === "failed" && failed.error instanceof Error);
  assert.deepEqual(shown(accepted.message), { ...message, attempts: 0 });
  assert.deepEqual(shown(failed.message), { ...message, attempts: 1 });
  assert(retrying.type === "retrying" && retrying.afterMs >= 250 && retrying.afterMs <= 500);
  assert.deepEqual(shown(retrying.message), { ...message, attempts: 1 });
  assert(again.type === "started" && again.waitedMs === Math.ceil(retrying.afterMs));
  assert.deepEqual(shown(again.message), { ...message, attempts: 2 });
  assert.equal(again.message.causationId, undefined);
});

Deno.test("Inspection builds no event without a listener", async () => {
  const { next } = seededRandom(1);
  const random = { next, ulid: () => assert.fail("a message was named") };
  await using it = new Stage({ actors: [worker({ idleMs: 100, retry: { attempts: 2 } })], random });
  it.system.inspect(() => assert.fail("heard"))[Symbol.dispose]();
  await it.ref("ada").tell(Worker.run, (ctx) => {
    ctx.ref(Worker, "bob").tell(Worker.note, "");
    if (ctx.attempt === 1) fail();
    ctx.passivate();
  });
  await it.clock.advance(1_000);
  assert.deepEqual(await notesOf(it.ref("bob")), [""]);
});

Deno.test("Inspectors tell the same function twice that listens twice, until each is disposed of", () => {
  const changes: boolean[] = [];
  const inspectors = new Inspectors((silent) => changes.push(silent), () => assert.fail());
  let heard = 0;
  const listener = () => void heard++;
  const [one, other] = [inspectors.add(listener), inspectors.add(listener)];
  const event: Inspection = { type: "activated", actor: { protocol: "worker", key: "ada" } };
  inspectors.emit(event);
  assert.equal(heard, 2);
  one[Symbol.dispose]();
  one[Symbol.dispose]();
  inspectors.emit(event);
  assert.deepEqual([heard, inspectors.unobserved], [3, false]);
  other[Symbol.dispose]();
  assert.equal(inspectors.unobserved, true);
  assert.deepEqual([changes[0], changes.at(-1)], [false, true]);
});

/** The events that the other listeners and the log get of a failed inspector. */
async function failing(inspector: () => unknown): Promise<void> {
  const lines: string[] = [];
  await using it = new Stage({ actors: [worker()], log: (line) => lines.push(line.replace(/ at .*/, "")) });
  let calls = 0;
  it.system.inspect(() => {
    calls++;
    return inspector() as void;
  });
  it.watch("done", "callback-failed");
  await it.ref("ada").tell(Worker.note, "1");
  await it.clock.settle();
  assert.deepEqual(await notesOf(it.ref("ada")), ["1"]);
  await it.clock.settle();
  assert.deepEqual(lines, ["posthorn: a function that was given to inspect failed: Error: boom"]);
  assert.deepEqual(it.events.toSorted(), ["callback-failed inspect", "done ada call", "done ada note"]);
  assert.ok(calls >= 1 && calls <= 4, `${calls} calls`); // a promise rejects a little later
}

Deno.test("Inspectors remove a listener that throws: the others and the log are told, and the system goes on", async () => {
  await failing(fail);
});

Deno.test("Inspectors remove a listener whose promise rejects, and no rejection is unhandled", async () => {
  await failing(() => Promise.reject(new Error("boom")));
});

Deno.test("Inspectors go on when all of them fail, also at hearing that one has failed", async () => {
  await using it = stage(worker());
  for (let n = 0; n < 3; n++) it.system.inspect(fail);
  await it.ref("ada").tell(Worker.note, "1");
  assert.deepEqual(await notesOf(it.ref("ada")), ["1"]);
});
