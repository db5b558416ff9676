import assert from "node:assert/strict";
import { TerminalError } from "@posthorn/posthorn";
import { fail, note, notesOf, Stage, stage, Worker, worker } from "../memory_stage.ts";
import { asIngress } from "../../as_ingress.ts";

function refuse(): never {
  throw new TerminalError("No.", { code: "refused" });
}

Deno.test("DeadLetters keep what was sent, to whom, why it died and when", async () => {
  await using it = stage(worker());
  await it.clock.advance(5);
  await it.ref("ada").tell(Worker.run, refuse, { id: "a-name" });
  await it.clock.settle();
  assert.deepEqual(it.system.deadLetters.list(), [{
    id: "a-name",
    protocol: "worker",
    key: "ada",
    operation: "run",
    payload: refuse,
    reason: "refused",
    message: "worker/ada run failed: No.",
    attempts: 1,
    atMs: it.clock.now(),
  }]);
});

Deno.test("DeadLetters let the oldest go past their bound, and still count it", async () => {
  await using it = new Stage({ actors: [worker()], limits: { deadLetters: 2 } });
  for (const id of ["1", "2", "3"]) await it.ref("ada").tell(Worker.run, refuse, { id });
  await it.clock.settle();
  const { deadLetters } = it.system;
  assert.deepEqual(deadLetters.list().map(({ id }) => id), ["2", "3"]);
  assert.deepEqual([deadLetters.size, deadLetters.total], [2, 3]);
});

Deno.test("DeadLetters send a letter again: same id, same payload, a new count of attempts", async () => {
  await using it = stage(worker({ retry: { attempts: 2 } }));
  const ada = it.ref("ada");
  const attempts: unknown[] = [];
  let broken = true;
  await ada.tell(Worker.run, (ctx) => {
    attempts.push([ctx.id, ctx.attempt]);
    if (broken) fail();
    note(ctx, "in the end");
  }, { id: "a-name" });
  await it.clock.advance(10_000);
  broken = false;
  it.system.deadLetters.resend("a-name");
  assert.deepEqual(await notesOf(ada), ["in the end"]);
  assert.deepEqual(attempts, [["a-name", 1], ["a-name", 2], ["a-name", 1]]);
  const { deadLetters } = it.system;
  assert.deepEqual([deadLetters.size, deadLetters.total], [0, 1]);
});

Deno.test("DeadLetters send a letter again although its deadline has passed", async () => {
  await using it = stage(worker());
  const ada = it.ref("ada");
  await ada.tell(Worker.run, () => new Promise((resolve) => void it.clock.setTimer(100, () => resolve(1))));
  await ada.tell(Worker.note, "late", { timeoutMs: 50 });
  await it.clock.advance(100);
  it.system.deadLetters.resend(it.system.deadLetters.list()[0].id);
  assert.deepEqual(await notesOf(ada), ["late"]);
});

Deno.test("DeadLetters send the reply of a resent letter to its address, and that of a resent ask to no caller", async () => {
  await using it = stage(worker({ retry: { attempts: 1 } }));
  const [ada, bob] = [it.ref("ada"), it.ref("bob")];
  let broken = true;
  const script = () => broken ? fail() : "reply";
  await ada.submit(Worker.job, script, { id: "job", replyTo: bob.at(Worker.note) });
  await ada.ask(Worker.call, script, { id: "call" }).catch(() => {});
  broken = false;
  for (const id of ["job", "call"]) it.system.deadLetters.resend(id);
  await it.clock.settle();
  assert.deepEqual(await notesOf(bob), ["reply"]);
  assert.equal(it.system.deadLetters.size, 0);
});

Deno.test("DeadLetters put a letter that died again at the end", async () => {
  await using it = stage(worker());
  for (const id of ["1", "2"]) await it.ref("ada").tell(Worker.run, refuse, { id });
  await it.clock.settle();
  it.system.deadLetters.resend("1");
  await it.clock.settle();
  assert.deepEqual(it.system.deadLetters.list().map(({ id }) => id), ["2", "1"]);
  assert.equal(it.system.deadLetters.total, 3);
});

Deno.test("DeadLetters keep a letter that cannot be resent, at its position", async () => {
  await using it = stage(worker({ mailbox: { capacity: 1 } }));
  const ada = it.ref("ada");
  for (const id of ["1", "2"]) await ada.tell(Worker.run, refuse, { id });
  await it.clock.settle();
  void ada.tell(Worker.note, "full");
  assert.throws(() => it.system.deadLetters.resend("1"), { code: "mailbox-full" });
  assert.deepEqual(it.system.deadLetters.list().map(({ id }) => id), ["1", "2"]);
});

Deno.test("DeadLetters keep a letter that is resent to a full mailbox that drops the newest", async () => {
  await using it = stage(worker({ mailbox: { capacity: 1, overflow: "drop-newest" } }));
  const ada = it.ref("ada");
  await ada.tell(Worker.run, refuse, { id: "1" });
  await it.clock.settle();
  void ada.tell(Worker.note, "full");
  it.system.deadLetters.resend("1");
  assert.deepEqual(it.system.deadLetters.list().map(({ id, reason }) => [id, reason]), [["1", "dropped"]]);
});

Deno.test("DeadLetters keep the letters of two messages that have the same id from their senders", async () => {
  await using it = stage(worker());
  for (const key of ["ada", "bob"]) await it.ref(key).tell(Worker.run, refuse, { id: "same" });
  await it.clock.settle();
  assert.deepEqual(it.dead, ["ada run: refused", "bob run: refused"]);
  it.system.deadLetters.resend("same");
  assert.deepEqual(it.dead, ["bob run: refused"]);
});

Deno.test("DeadLetters cannot send what they do not keep", async () => {
  await using it = stage(worker());
  assert.throws(() => it.system.deadLetters.resend("nothing"), {
    name: "NotFoundError",
    code: "unknown-dead-letter",
    message: "Cannot resend nothing: no such dead letter is kept",
  });
});

Deno.test("DeadLetters keep what a turn sends to an unknown protocol", async () => {
  await using it = stage(worker());
  await it.ref("ada").tell(Worker.run, (ctx) => {
    ctx.schedule("one", { afterMs: 1 }, { protocol: "nothing", key: "x", operation: "do" });
    ctx.schedule("two", { afterMs: 1 }, { protocol: "worker", key: "x", operation: "do" });
  });
  await it.clock.advance(1);
  assert.deepEqual(it.dead, ["x do: unknown-protocol", "x do: unknown-operation"]);
});

Deno.test("DeadLetters let the oldest go of the operation that has the most, and of the caller that has the most of it", async () => {
  await using it = new Stage({ actors: [worker()], limits: { deadLetters: 10 } });
  const ada = it.ref("ada");
  await ada.tell(Worker.run, refuse, asIngress({ id: "alice's", caller: "alice" }));
  await ada.tell(Worker.run, refuse, { id: "the-programs" });
  await ada.submit(Worker.job, refuse, { id: "another" });
  for (let id = 0; id < 50; id++) {
    await ada.tell(Worker.run, refuse, asIngress({ id: `${id}`, caller: "mallory" }));
  }
  for (let id = 0; id < 50; id++) {
    await ada.tell(Worker.run, refuse, asIngress({ id: `${id}`, caller: `${id}` }));
  }
  await it.clock.settle();
  const { deadLetters } = it.system;
  const kept = deadLetters.list().map(({ id }) => id);
  assert.deepEqual(kept.filter((id) => id === "another"), ["another"]);
  assert.deepEqual([deadLetters.size, deadLetters.total], [10, 103]);
});

Deno.test("DeadLetters of one caller do not push out those of another", async () => {
  await using it = new Stage({ actors: [worker()], limits: { deadLetters: 10 } });
  const ada = it.ref("ada");
  await ada.tell(Worker.run, refuse, asIngress({ id: "alice's", caller: "alice" }));
  await ada.tell(Worker.run, refuse, { id: "the-programs" });
  for (let id = 0; id < 50; id++) {
    await ada.tell(Worker.run, refuse, asIngress({ id: `${id}`, caller: "mallory" }));
  }
  await it.clock.settle();
  const kept = it.system.deadLetters.list().map(({ id }) => id);
  const latest = Array.from({ length: 8 }, (_, index) => `${index + 42}`);
  assert.deepEqual(kept, ["alice's", "the-programs", ...latest]);
});

Deno.test("DeadLetters are bounded in bytes, of those whose size is known", async () => {
  await using it = new Stage({ actors: [worker()], limits: { deadLetterBytes: 2_500 } });
  const ada = it.ref("ada");
  await ada.tell(Worker.run, refuse, { id: "unknown" });
  for (const id of ["1", "2", "3"]) {
    await ada.tell(Worker.run, refuse, asIngress({ id, caller: "mallory", bytes: 1_000 }));
  }
  await ada.tell(Worker.run, refuse, asIngress({ id: "4", caller: "mallory", bytes: 9_000 }));
  await it.clock.settle();
  assert.deepEqual(it.system.deadLetters.list().map(({ id }) => id), ["unknown"]);
  await ada.tell(Worker.run, refuse, asIngress({ id: "5", caller: "mallory", bytes: 2_000 }));
  await it.clock.settle();
  assert.deepEqual(it.system.deadLetters.list().map(({ id }) => id), ["unknown", "5"]);
});
