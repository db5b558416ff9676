// If the client of a store retries a commit by itself, an applied commit is reported as stale: nothing may be
// done twice, be left undone, or be reported wrongly because of that.

import assert from "node:assert/strict";
import { type Actor, actor, protocol, StoreError, type System, tell, unchecked } from "@posthorn/posthorn";
import {
  deadOf,
  inMemory,
  note,
  notesOf,
  ref,
  type Stage,
  type StageOptions,
  watch,
  Worker,
  worker,
  type WorkerContext,
} from "./durable_stage.ts";
import { RepeatingStore } from "./uncertain.ts";

const Ear = protocol("ear", { hear: tell(unchecked<string>()) });

const scripts = {
  add(ctx: WorkerContext, text: string) {
    note(ctx, text);
    return ctx.state.length;
  },
  whisper(ctx: WorkerContext, text: string) {
    note(ctx, text);
    ctx.ref(Worker, "bob").tell(Worker.note, text);
    ctx.ref(Ear, "only").tell(Ear.hear, text);
    return "whispered";
  },
  later: (ctx: WorkerContext, text: string) =>
    ctx.schedule("tick", { everyMs: 500 }, ctx.ref(Worker, "bob").at(Worker.note), text),
  refuse() {
    throw new Error("no");
  },
};

async function repeating(stage: Stage, actors?: readonly Actor[], options?: StageOptions) {
  const store = new RepeatingStore(stage.store);
  const system = await stage.start(actors ?? [worker(scripts)], { ...options, store });
  return { store, system };
}

inMemory("an ask that landed is answered, and takes effect once", async (stage) => {
  const { store, system } = await repeating(stage);
  store.repeats = (parts) => parts.some(({ writes }) => writes.some(({ key }) => key.startsWith("actor")));
  const answers = [];
  for (const text of ["a", "b", "c"]) answers.push(await ref(system, "ada").ask(Worker.call, `add ${text}`));
  assert.deepEqual(answers, [1, 2, 3]);
  assert.equal(store.repeated, 3);
  store.repeats = () => false;
  assert.deepEqual(await notesOf(system, "ada"), ["a", "b", "c"]);
});

inMemory(
  "messages of one sender keep their order, whichever of them had an unknown outcome",
  async (stage) => {
    const { store, system } = await repeating(stage);
    assert.deepEqual(await notesOf(system, "ada"), []);
    let commits = 0;
    store.repeats = (parts) => {
      const accepts = parts.some(({ writes }) => writes.some(({ key }) => key.startsWith("mark")));
      return accepts && commits++ % 2 === 0;
    };
    const texts = Array.from({ length: 20 }, (_, index) => String(index));
    for (const text of texts) await ref(system, "ada").tell(Worker.note, text);
    store.repeats = () => false;
    await stage.settle();
    assert.deepEqual(await notesOf(system, "ada"), texts);
    assert.ok(store.repeated >= 10);
  },
);

inMemory("a turn that landed, and that another instance followed, is recognised", async (stage) => {
  const heard: string[] = [];
  const ear = actor(Ear, {
    state: () => null,
    on: { hear: (_ctx, text) => void heard.push(text) },
    transient: true,
  });
  const { store, system } = await repeating(stage, [worker(scripts), ear]);
  const other = await stage.start([worker(scripts), ear], { store: new RepeatingStore(stage.store) });
  const done = watch(system, "done");
  store.repeatNext("actor");
  store.meanwhile = () => ref(other, "ada").ask(Worker.call, "add theirs");
  assert.equal(await ref(system, "ada").ask(Worker.call, "whisper ours"), "whispered");
  await stage.settle();
  assert.equal(store.repeated, 1);
  assert.deepEqual(heard, ["ours"]);
  assert.deepEqual(done.filter((line) => line.includes("call")), ["done ada call"]);
  assert.deepEqual(await notesOf(system, "bob"), ["ours"]);
  assert.deepEqual(await notesOf(system, "ada"), ["ours", "theirs"]);
});

inMemory("an ask whose turn is hidden by those of others is not run again, and told so", async (stage) => {
  const { store, system } = await repeating(stage);
  const others: System[] = [];
  for (let index = 0; index < 4; index++) {
    others.push(await stage.start([worker(scripts)], { store: new RepeatingStore(stage.store) }));
  }
  assert.deepEqual(await notesOf(system, "ada"), []);
  store.repeatNext("actor");
  store.meanwhile = async () => {
    for (const other of others) await ref(other, "ada").ask(Worker.call, "add theirs");
  };
  const unknown = {
    code: "outcome-unknown",
    message: "Cannot tell whether worker/ada took effect",
  };
  await assert.rejects(ref(system, "ada").ask(Worker.call, "add ours"), unknown);
  assert.deepEqual(await notesOf(system, "ada"), ["ours", "theirs", "theirs", "theirs", "theirs"]);
});

inMemory("an ask that did not land is run again, as long as the record shows it", async (stage) => {
  const { store, system } = await repeating(stage);
  const others: System[] = [];
  for (let index = 0; index < 3; index++) {
    others.push(await stage.start([worker(scripts)], { store: new RepeatingStore(stage.store) }));
  }
  assert.deepEqual(await notesOf(system, "ada"), []);
  store.repeatNext("actor");
  store.lost = true;
  store.meanwhile = async () => {
    for (const other of others) await ref(other, "ada").ask(Worker.call, "add theirs");
  };
  assert.equal(await ref(system, "ada").ask(Worker.call, "add ours"), 4);
  assert.deepEqual(await notesOf(system, "ada"), ["theirs", "theirs", "theirs", "ours"]);
});

inMemory(
  "a resend with unknown outcome does not report that another instance resent the dead letter",
  async (stage) => {
    const { store, system } = await repeating(stage, [worker(scripts, { retry: { attempts: 1 } })]);
    await ref(system, "ada").tell(Worker.run, "refuse");
    await stage.settle();
    const [letter] = system.deadLetters.list();
    store.repeatNext("dead");
    await system.deadLetters.resend(letter.id);
    await stage.settle();
    assert.equal(store.repeated, 1);
    assert.deepEqual(deadOf(system), ["ada run: failed"]); // it was retried once
    assert.equal(system.stats().dead, 2);
  },
);

inMemory(
  "a schedule whose firing had an unknown outcome is handled at once, and continues",
  async (stage) => {
    const { store, system } = await repeating(stage);
    assert.deepEqual(await notesOf(system, "bob"), []);
    await ref(system, "ada").tell(Worker.run, "later tick");
    await stage.settle();
    store.repeatNext("schedule");
    await stage.pass(500, 100);
    assert.equal(store.repeated, 1);
    assert.deepEqual(await notesOf(system, "bob"), ["tick"]);
    await stage.pass(500, 100); // and there was no heartbeat in between
    assert.deepEqual(await notesOf(system, "bob"), ["tick", "tick"]);
  },
);

inMemory(
  "an evicted message whose commit had an unknown outcome is one dead letter, which is counted",
  async (stage) => {
    const gate = Promise.withResolvers<void>();
    const mailbox = { capacity: 1, overflow: "drop-oldest" } as const;
    const { store, system } = await repeating(stage, [worker({ wait: () => gate.promise }, { mailbox })]);
    await ref(system, "ada").tell(Worker.run, "wait");
    await stage.settle();
    store.repeatNext("dead");
    for (const text of ["one", "two"]) await ref(system, "ada").tell(Worker.note, text);
    await stage.settle();
    assert.deepEqual([store.repeated, system.stats().dead], [1, 1]);
    gate.resolve();
    await stage.settle();
    assert.deepEqual(deadOf(system), ["ada note: dropped"]);
    assert.deepEqual(await notesOf(system, "ada"), ["two"]);
  },
);

inMemory("a send whose id cannot be looked up rejects with an unknown outcome", async (stage) => {
  const { store, system } = await repeating(stage);
  assert.deepEqual(await notesOf(system, "ada"), []);
  store.repeatNext("mail");
  store.meanwhile = () => {
    store.unreadable = true;
    return Promise.resolve();
  };
  const told = ref(system, "ada").tell(Worker.note, "one").then(() => "accepted", (error) => error.code);
  await stage.pass(20_000);
  assert.equal(await told, "outcome-unknown");
  store.unreadable = false;
  await stage.pass(10_000);
  assert.deepEqual(await notesOf(system, "ada"), ["one"]);
});

inMemory("a submit that landed is answered under the name that it was given", async (stage) => {
  const { store, system } = await repeating(stage);
  store.repeatNext("reply");
  const ticket = await ref(system, "ada").submit(Worker.job, "add one", { id: "job" });
  assert.equal((await ref(system, "ada").submit(Worker.job, "add one", { id: "job" })).id, ticket.id);
  assert.equal(await ticket.reply(), 1);
  assert.equal(store.repeated, 1);
  assert.deepEqual(await notesOf(system, "ada"), ["one"]);
});

/**
 * A loaded actor with synchronous handlers; its next turn is applied with an unknown outcome, and four others
 * hide it.
 */
async function hidden(
  stage: Stage,
  then: (store: RepeatingStore) => void,
): Promise<{ readonly system: System }> {
  const { store, system } = await repeating(stage);
  const others: System[] = [];
  for (let index = 0; index < 4; index++) {
    others.push(await stage.start([worker(scripts)], { store: new RepeatingStore(stage.store) }));
  }
  await ref(system, "ada").tell(Worker.note, "first");
  await stage.settle();
  store.repeatNext("actor");
  store.meanwhile = async () => {
    for (const other of others) await ref(other, "ada").ask(Worker.call, "add theirs");
    then(store);
  };
  return { system };
}

const hiding = ["theirs", "theirs", "theirs", "theirs"];

inMemory(
  "a message that was accepted with its turn is known by its mark where others hide the turn",
  async (stage) => {
    const { system } = await hidden(stage, () => {});
    await ref(system, "ada").tell(Worker.note, "ours");
    await stage.settle();
    assert.deepEqual(await notesOf(system, "ada"), ["first", "ours", ...hiding]);
  },
);

inMemory(
  "a message whose turn is hidden, and whose mark cannot be looked for, may have been accepted",
  async (stage) => {
    const { system } = await hidden(stage, () => {
      stage.storeOf(system).refuse = (parts) =>
        parts.some(({ writes }) => writes.some(({ key }) => key.startsWith("mail")))
          ? new StoreError("store-full", "Cannot commit: there is no room")
          : undefined;
    });
    const told = ref(system, "ada").tell(Worker.note, "ours").then(() => "accepted", (error) => error.code);
    await stage.pass(20_000);
    assert.equal(await told, "outcome-unknown");
    assert.deepEqual(await notesOf(system, "ada"), ["first", "ours", ...hiding]);
  },
);
