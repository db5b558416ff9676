// An ask is in no store. It waits all the same for the messages that were sent before it and are still being committed.

import assert from "node:assert/strict";
import {
  type Actor,
  actor,
  ask,
  protocol,
  type Store,
  submit,
  System,
  tell,
  unchecked,
} from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import { sqlite } from "@posthorn/posthorn/sqlite";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { asIngress } from "../../as_ingress.ts";
import { Cuttable } from "./cuttable.ts";

const Log = protocol("log", {
  add: tell(unchecked<string>()),
  job: submit(unchecked<string>(), unchecked<null>()),
  read: ask(unchecked<string>(), unchecked<string>()),
});

/** Its state is all that it has handled. Texts that begin with `await` make it wait for a moment. */
function logger(awaits: (text: string) => boolean): Actor {
  return actor(Log, {
    state: (): readonly string[] => [],
    on: {
      add(ctx, text) {
        ctx.state = [...ctx.state, text];
        if (awaits(text)) return Promise.resolve();
      },
      job(ctx, text) {
        ctx.state = [...ctx.state, text];
        return null;
      },
      read(ctx, text) {
        ctx.state = [...ctx.state, text];
        return ctx.state.join(" ");
      },
    },
  });
}

const stores: Readonly<Record<string, () => Store>> = {
  memoryStore: () => memoryStore(),
  sqlite: () => sqlite(":memory:"),
};

for (const [name, store] of Object.entries(stores)) {
  Deno.test(`${name}: an ask is behind the messages that were sent before it, if their handler awaits`, async () => {
    const clock = new VirtualClock();
    await using system = new System({ actors: [logger(() => true)], store: store(), clock, log: false });
    const log = system.ref(Log, "a");
    await log.tell(Log.add, "t0"); // it awaits, so later messages are committed before their turns
    await clock.settle();
    const sent = [
      log.tell(Log.add, "t1"),
      log.ask(Log.read, "a2"),
      log.tell(Log.add, "t3", { id: "3" }),
      log.submit(Log.job, "s4"),
      log.ask(Log.read, "a5"),
      log.ask(Log.read, "a6"),
      log.tell(Log.add, "t7"),
    ];
    await clock.settle();
    assert.equal(await sent[1], "t0 t1 a2");
    assert.equal(await sent[5], "t0 t1 a2 t3 s4 a5 a6");
    await Promise.all(sent);
    assert.equal(await log.ask(Log.read, "a8"), "t0 t1 a2 t3 s4 a5 a6 t7 a8");
  });

  Deno.test(`${name}: an ask stays behind messages that cannot be accepted with their turns after all`, async () => {
    const clock = new VirtualClock();
    const actors = [logger((text) => text === "t2")];
    await using system = new System({ actors, store: store(), clock, log: false });
    const log = system.ref(Log, "a");
    await log.tell(Log.add, "t0");
    await log.tell(Log.add, "t1");
    const sent = [
      log.tell(Log.add, "t2"), // the first that awaits
      log.tell(Log.add, "t3"),
      log.ask(Log.read, "a4"),
      log.submit(Log.job, "s5"),
      log.ask(Log.read, "a6"),
      log.tell(Log.add, "t7"),
    ];
    await clock.settle();
    assert.equal(await sent[4], "t0 t1 t2 t3 a4 s5 a6");
    await Promise.all(sent);
    assert.equal(await log.ask(Log.read, "a8"), "t0 t1 t2 t3 a4 s5 a6 t7 a8");
  });
}

Deno.test("an ask behind a message that the store refuses is handled", async () => {
  const clock = new VirtualClock();
  const store = new Cuttable(memoryStore());
  await using system = new System({ actors: [logger(() => true)], store, clock, log: false });
  const log = system.ref(Log, "a");
  await log.tell(Log.add, "t0");
  await clock.settle();
  store.refuse = (parts) =>
    parts.some(({ writes }) => writes.some(({ key }) => key.startsWith("mail\u001f")))
      ? new Error("refused") // and not by the store
      : undefined;
  const refused = assert.rejects(log.tell(Log.add, "t1"));
  const answer = log.ask(Log.read, "a2", { timeoutMs: 60_000 });
  await clock.advance(30_000);
  await refused;
  assert.equal(await answer, "t0 a2");
});

Deno.test("asks that wait for a message count for the bound of the mailbox", async () => {
  const clock = new VirtualClock();
  const actors = [logger(() => true)].map((actor) => ({
    ...actor,
    mailbox: { ...actor.mailbox, capacity: 3 },
  }));
  await using system = new System({ actors, store: memoryStore(), clock, log: false });
  const log = system.ref(Log, "a");
  await log.tell(Log.add, "t0");
  await clock.settle();
  const told = log.tell(Log.add, "t1");
  const asked = ["a2", "a3", "a4"].map((text) => log.ask(Log.read, text).catch((error) => error.code));
  await clock.settle();
  await told;
  assert.deepEqual(await Promise.all(asked), ["t0 t1 a2", "t0 t1 a2 a3", "mailbox-full"]);
});

Deno.test("asks that wait for a message count for the bytes of the mailbox", async () => {
  const clock = new VirtualClock();
  const actors = [logger(() => true)].map((actor) => ({
    ...actor,
    mailbox: { ...actor.mailbox, bytes: 1_000 },
  }));
  await using system = new System({ actors, store: memoryStore(), clock, log: false });
  const log = system.ref(Log, "a");
  await log.tell(Log.add, "t0");
  await clock.settle();
  const told = log.tell(Log.add, "t1");
  const asked = ["a2", "a3", "a4"].map((text) =>
    log.ask(Log.read, text, asIngress({ bytes: 400 })).catch((error) => error.code)
  );
  await clock.settle();
  await told;
  assert.deepEqual(await Promise.all(asked), ["t0 t1 a2", "t0 t1 a2 a3", "mailbox-full"]);
});
