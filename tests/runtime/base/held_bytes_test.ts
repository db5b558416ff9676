// A mailbox is bounded in bytes as well as in number, counting messages of known size.

import assert from "node:assert/strict";
import type { MailboxOptions } from "@posthorn/posthorn";
import {
  fail,
  note,
  notesOf,
  type Stage,
  stage,
  Worker,
  worker,
  type WorkerContext,
} from "../memory_stage.ts";
import { asIngress } from "../../as_ingress.ts";

const kilobyte = { bytes: 1_000 };

/** An actor that is blocked until the test releases it. */
async function held(
  mailbox: MailboxOptions,
): Promise<{ it: Stage; ada: ReturnType<Stage["ref"]>; go: () => void }> {
  const it = stage(worker({ mailbox }));
  const ada = it.ref("ada");
  const gate = Promise.withResolvers<void>();
  await ada.tell(Worker.run, () => gate.promise);
  await it.clock.settle();
  return { it, ada, go: gate.resolve };
}

Deno.test("a mailbox refuses what is more than its bytes, and says how many it holds", async () => {
  const { it, ada, go } = await held({ bytes: 2_500 });
  await using _ = it;
  await ada.tell(Worker.note, "1", asIngress(kilobyte));
  await ada.tell(Worker.note, "2", asIngress(kilobyte));
  const full = {
    name: "MailboxFullError",
    code: "mailbox-full",
    capacity: 2_500,
    message: "Cannot deliver to worker/ada: its mailbox holds 2000 of 2500 bytes",
  };
  await assert.rejects(ada.tell(Worker.note, "3", asIngress(kilobyte)), full);
  await assert.rejects(ada.ask(Worker.call, () => 1, asIngress(kilobyte)), full);
  await assert.rejects(ada.submit(Worker.job, () => 1, asIngress(kilobyte)), full);
  await ada.tell(Worker.note, "small"); // messages of the program itself count by number
  go();
  assert.deepEqual(await notesOf(ada), ["1", "2", "small"]);
  await ada.tell(Worker.note, "4", asIngress(kilobyte));
  assert.deepEqual(await notesOf(ada), ["1", "2", "small", "4"]);
});

Deno.test("a mailbox has room again for each message that was taken out, however often it was full", async () => {
  await using it = stage(worker({ mailbox: { bytes: 2_500 } }));
  const ada = it.ref("ada");
  for (let round = 0; round < 50; round++) {
    const told = await Promise.allSettled(
      [1, 2, 3].map(() => ada.tell(Worker.note, "", asIngress(kilobyte))),
    );
    assert.deepEqual(told.map(({ status }) => status), ["fulfilled", "fulfilled", "rejected"]);
    await it.clock.settle();
  }
  assert.equal((await notesOf(ada) as string[]).length, 100);
});

Deno.test("a mailbox in which nothing waits takes one message in however large it is", async () => {
  const { it, ada, go } = await held({ bytes: 2_500 });
  await using _ = it;
  await ada.tell(Worker.note, "large", asIngress({ bytes: 9_000 }));
  await assert.rejects(ada.tell(Worker.note, "small", asIngress({ bytes: 1 })), { code: "mailbox-full" });
  go();
  assert.deepEqual(await notesOf(ada), ["large"]);
});

Deno.test("a mailbox lets the oldest go until there is room, or the newest", async () => {
  for (
    const [overflow, notes, dead] of [
      ["drop-oldest", ["large"], ["ada note: dropped", "ada note: dropped"]],
      ["drop-newest", ["1", "2"], ["ada note: dropped"]],
    ] as const
  ) {
    const { it, ada, go } = await held({ bytes: 2_500, overflow });
    await using _ = it;
    await ada.tell(Worker.note, "1", asIngress(kilobyte));
    await ada.tell(Worker.note, "2", asIngress(kilobyte));
    await ada.tell(Worker.note, "large", asIngress({ bytes: 2_400 }));
    assert.deepEqual(it.dead, dead);
    assert.match(
      it.system.deadLetters.list()[0].message,
      /was evicted: the mailbox held 2000 of 2500 bytes$/,
    );
    go();
    assert.deepEqual(await notesOf(ada), notes);
  }
});

Deno.test("a mailbox counts what stepped aside, and what lies in a long queue", async () => {
  await using it = stage(worker({ mailbox: { bytes: 2_500 }, retry: { order: "aside", baseMs: 1_000 } }));
  const ada = it.ref("ada");
  for (const _ of [1, 2]) await ada.tell(Worker.run, fail, asIngress(kilobyte));
  await it.clock.settle();
  await assert.rejects(ada.tell(Worker.note, "", asIngress(kilobyte)), { code: "mailbox-full" });
  const { it: other, ada: bob } = await held({ bytes: 2_000, capacity: 5_000 });
  await using _ = other;
  for (let count = 0; count < 2_000; count++) await bob.tell(Worker.note, "", asIngress({ bytes: 1 }));
  await assert.rejects(bob.tell(Worker.note, "", asIngress({ bytes: 1 })), {
    message: "Cannot deliver to worker/ada: its mailbox holds 2000 of 2000 bytes",
  });
});

Deno.test("a mailbox keeps the order of what comes in during a turn, after all that waited has given way", async () => {
  await using it = stage(worker({ mailbox: { bytes: 2_500, overflow: "drop-oldest" } }));
  const ada = it.ref("ada");
  const noting = (text: string) => (ctx: WorkerContext) => void note(ctx, text);
  void ada.tell(Worker.run, noting("first"));
  void ada.tell(Worker.run, () => {
    void ada.tell(Worker.run, noting("large"), asIngress({ bytes: 2_400 }));
    void ada.tell(Worker.run, noting("next"));
  });
  for (const text of ["1", "2"]) void ada.tell(Worker.run, noting(text), asIngress(kilobyte));
  await it.clock.settle();
  assert.deepEqual(it.dead, ["ada run: dropped", "ada run: dropped"]);
  assert.deepEqual(await notesOf(ada), ["first", "large", "next"]);
});

Deno.test("a mailbox counts what comes in after all that waited has given way", async () => {
  const { it, ada, go } = await held({ bytes: 2_500, overflow: "drop-oldest" });
  await using _ = it;
  await ada.tell(Worker.note, "tiny", asIngress({ bytes: 1 }));
  await ada.tell(Worker.note, "large", asIngress({ bytes: 2_500 }));
  await ada.tell(Worker.note, "last", asIngress({ bytes: 2_499 }));
  assert.equal(it.dead.length, 2);
  go();
  assert.deepEqual(await notesOf(ada), ["last"]);
});
