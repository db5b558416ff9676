// A turn is committed atomically or has no effect; its messages and reply follow the commit.

import assert from "node:assert/strict";
import { StoreError, TerminalError } from "@posthorn/posthorn";
import {
  deadOf,
  inMemory,
  kinds,
  missedMs,
  note,
  notesOf,
  onEach,
  ref,
  sharedKinds,
  watch,
  Worker,
  worker,
  type WorkerContext,
} from "./durable_stage.ts";

onEach(kinds, "state, messages and reply of a turn are there together after a crash", async (stage) => {
  const scripts = {
    split(ctx: WorkerContext) {
      note(ctx, "split");
      ctx.ref(Worker, "bob").tell(Worker.note, "from ada");
      ctx.publish(Worker.happened, "de split");
      return "replied";
    },
  };
  const first = await stage.start([worker(scripts)]);
  first.subscribe(Worker.happened, ref(first, "cleo").at(Worker.note));
  await stage.settle();
  const ticket = await ref(first, "ada").submit(Worker.job, "split");
  await ticket.reply();
  await stage.kill(first);

  const second = await stage.start([worker(scripts)]);
  await stage.pass(missedMs);
  assert.deepEqual(await notesOf(second, "ada"), ["split"]);
  assert.deepEqual(await notesOf(second, "bob"), ["from ada"]);
  assert.deepEqual(await notesOf(second, "cleo"), ["de split"]);
  assert.equal(await second.ticket(ticket.id).reply(), "replied");
});

inMemory(
  "whatever commit of a turn a crash prevents, its effects are there once in the end",
  async (stage) => {
    const scripts = {
      split(ctx: WorkerContext, name: string) {
        note(ctx, name);
        ctx.ref(Worker, "bob").tell(Worker.note, name);
        return name;
      },
    };
    let system = await stage.start([worker(scripts)]);
    const tickets: string[] = [];
    for (let round = 0; round < 12; round++) {
      const ticket = await ref(system, "ada").submit(Worker.job, `split ${round}`, { id: `job-${round}` });
      tickets.push(ticket.id);
      for (let turn = 0; turn < round; turn++) await null; // it is killed a little later each time
      await stage.kill(system);
      system = await stage.start([worker(scripts)]);
    }
    await stage.pass(missedMs);
    const names = tickets.map((_, index) => String(index));
    assert.deepEqual(await notesOf(system, "ada"), names);
    assert.deepEqual(await notesOf(system, "bob"), names);
    const replies = await Promise.all(tickets.map((id) => system.ticket(id).reply({ timeoutMs: 0 })));
    assert.deepEqual(replies, names);
  },
);

onEach(
  kinds,
  "a turn that fails leaves nothing: no state, no message, no event, no schedule",
  async (stage) => {
    const system = await stage.start([worker({
      fail(ctx) {
        note(ctx, "never");
        ctx.ref(Worker, "bob").tell(Worker.note, "never");
        ctx.publish(Worker.happened, "de never");
        ctx.schedule("later", { afterMs: 10 }, ctx.ref(Worker, "bob").at(Worker.note), "never");
        throw new TerminalError("No", { code: "no" });
      },
    })]);
    system.subscribe(Worker.happened, ref(system, "bob").at(Worker.note));
    await stage.settle();
    await ref(system, "ada").tell(Worker.run, "fail");
    await stage.pass(3_000);
    assert.deepEqual(deadOf(system), ["ada run: no"]);
    assert.deepEqual(await notesOf(system, "ada"), []);
    assert.deepEqual(await notesOf(system, "bob"), []);
  },
);

inMemory("a turn whose commit the store refuses has no visible effect, and is retried", async (stage) => {
  let runs = 0;
  const system = await stage.start([worker({
    once(ctx) {
      runs++;
      note(ctx, "once");
      ctx.ref(Worker, "bob").tell(Worker.note, "once");
    },
  })]);
  assert.deepEqual(await notesOf(system, "bob"), []);
  let refusals = 0;
  await ref(system, "ada").tell(Worker.run, "once").then(() => {
    stage.storeOf(system).refuse = () => {
      refusals++;
      return new StoreError("store-full", "Cannot commit to memory: no room");
    };
  });
  await stage.settle();
  assert.deepEqual([runs, refusals], [1, 1]);
  stage.storeOf(system).refuse = undefined;
  assert.deepEqual(await notesOf(system, "bob"), []);
  await stage.pass(3_000);
  assert.equal(runs, 2);
  assert.deepEqual(await notesOf(system, "ada"), ["once"]);
  assert.deepEqual(await notesOf(system, "bob"), ["once"]);
});

onEach(sharedKinds, "two instances run one actor, and every message takes effect once", async (stage) => {
  const actors = [worker()];
  const systems = [await stage.start(actors), await stage.start(actors)];
  const texts: string[] = [];
  for (let round = 0; round < 30; round++) {
    const sent = systems.map((system, index) => {
      texts.push(`${index}-${round}`);
      return ref(system, "ada").tell(Worker.note, `${index}-${round}`);
    });
    await Promise.all(sent);
  }
  await stage.pass(3_000, 20);
  const notes = await notesOf(systems[0], "ada") as string[];
  assert.deepEqual([...notes].sort(), texts.sort());
  for (const index of ["0", "1"]) {
    const mine = notes.filter((text) => text.startsWith(`${index}-`));
    assert.deepEqual(mine, Array.from({ length: 30 }, (_, round) => `${index}-${round}`));
  }
  assert.deepEqual(await notesOf(systems[1], "ada"), notes);
});

onEach(sharedKinds, "an ask sees what another instance has committed", async (stage) => {
  const systems = [await stage.start([worker()]), await stage.start([worker()])];
  for (let round = 0; round < 5; round++) {
    await ref(systems[round % 2], "ada").tell(Worker.note, String(round));
    await stage.settle();
    for (const system of systems) {
      const asked = notesOf(system, "ada");
      await stage.pass(200, 20);
      assert.equal((await asked as string[]).length, round + 1);
    }
  }
});

onEach(kinds, "an ask is answered after its commit, and is lost with its process", async (stage) => {
  const never = Promise.withResolvers<void>();
  const first = await stage.start([worker({ add: (ctx) => note(ctx, "asked"), hang: () => never.promise })]);
  await ref(first, "ada").ask(Worker.call, "add");
  ref(first, "ada").ask(Worker.call, "hang").catch(() => {});
  ref(first, "ada").ask(Worker.call, "add").catch(() => {});
  await stage.settle();
  await stage.kill(first);
  const second = await stage.start([worker()]);
  await stage.pass(missedMs);
  assert.deepEqual(await notesOf(second, "ada"), ["asked"]);
});

inMemory("a handler that fails an ask answers it at once, with its own words", async (stage) => {
  const system = await stage.start([worker({
    refuse() {
      throw new TerminalError("Too late", { code: "too-late" });
    },
    fail() {
      throw new Error("boom");
    },
  })]);
  await assert.rejects(ref(system, "ada").ask(Worker.call, "refuse"), {
    code: "too-late",
    message: "Too late",
  });
  await assert.rejects(ref(system, "ada").ask(Worker.call, "fail"), { code: "failed" });
});

inMemory("an ask comes behind what was accepted before it", async (stage) => {
  const system = await stage.start([worker()]);
  for (let index = 0; index < 5; index++) await ref(system, "ada").tell(Worker.note, String(index));
  assert.deepEqual(await notesOf(system, "ada"), ["0", "1", "2", "3", "4"]);
});

inMemory("an inspector gets started and done once for each message", async (stage) => {
  const system = await stage.start([worker()]);
  const lines = watch(system, "started", "done");
  await ref(system, "ada").tell(Worker.note, "one");
  await stage.settle();
  assert.deepEqual(lines, ["started ada note", "done ada note"]);
});
