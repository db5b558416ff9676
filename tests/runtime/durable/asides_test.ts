// Hundreds and thousands of messages set aside: they block no other message, and have a bound.

import assert from "node:assert/strict";
import { RetryableError, type System } from "@posthorn/posthorn";
import {
  deadOf,
  inMemory,
  type Kind,
  kinds,
  missedMs,
  note,
  notesOf,
  onEach,
  ref,
  sharedKinds,
  type Stage,
  Worker,
  worker,
} from "./durable_stage.ts";
import { inEach } from "./worlds.ts";

/** A worker whose service is down at first; messages sent meanwhile are set aside for a minute. */
class Down {
  runs = 0;
  up = false;

  actor(capacity: number) {
    return worker({
      call: (ctx, text) => {
        this.runs++;
        if (!this.up) throw new RetryableError("the service is down", { afterMs: 60_000 });
        note(ctx, text);
      },
    }, { mailbox: { capacity }, retry: { order: "aside" } });
  }

  /** Sends messages, each of which is set aside. */
  async fill(stage: Stage, system: System, count: number): Promise<void> {
    for (let n = 0; n < count; n++) await ref(system, "ada").tell(Worker.run, `call ${n}`);
    await stage.until(`${count} are aside`, () => this.runs >= count);
    await stage.settle();
  }
}

function manyAside(kinds: readonly Kind[], count: number): void {
  onEach(
    kinds,
    `what stands behind ${count} that stepped aside is handled, also after a restart`,
    async (stage) => {
      const down = new Down();
      const actors = [down.actor(count)];
      const first = await stage.start(actors);
      await down.fill(stage, first, count);
      await ref(first, "ada").tell(Worker.note, "before");
      assert.deepEqual(await notesOf(first, "ada"), ["before"]);
      await first.stop();
      const second = await stage.start(actors);
      await ref(second, "ada").tell(Worker.note, "behind");
      await stage.pass(1_000);
      assert.deepEqual(await notesOf(second, "ada"), ["before", "behind"]);
      const { lists } = stage.storeOf(second);
      const before = lists.get("mail")!;
      await stage.pass(10_000);
      for (let n = 0; n < 20; n++) await ref(second, "ada").tell(Worker.note, `${n}`);
      await stage.settle();
      assert.equal((await notesOf(second, "ada") as string[]).length, 22);
      assert.equal(lists.get("mail"), before, "its mail is not listed again and again");
      assert.equal(down.runs, count);
      assert.equal(second.stats().waiting, count);
      down.up = true;
      await stage.pass(70_000, 5_000);
      assert.equal(down.runs, 2 * count);
      const notes = await notesOf(second, "ada") as string[];
      assert.deepEqual(new Set(notes.slice(22)), new Set(Array.from({ length: count }, (_, n) => `${n}`)));
      assert.equal(notes.length, 22 + count);
      assert.equal(second.stats().waiting, 0);
      assert.deepEqual(deadOf(second), []);
    },
  );
}

manyAside(kinds, 300);
manyAside(["memory", "sqlite"], 2_000);

onEach(
  kinds,
  "exactly as many as are listed at once step aside, and nothing is listed without end",
  async (stage) => {
    const down = new Down();
    const actors = [down.actor(1_000)];
    const first = await stage.start(actors);
    await down.fill(stage, first, 256);
    await first.stop();
    const second = await stage.start(actors);
    await stage.pass(missedMs);
    const { lists } = stage.storeOf(second);
    const before = lists.get("mail")!;
    await stage.pass(20_000, 5_000);
    assert.ok(
      lists.get("mail")! - before <= 8,
      `${lists.get("mail")! - before} lists of mail in 20 s at rest`,
    );
    await ref(second, "ada").tell(Worker.note, "behind");
    assert.deepEqual(await notesOf(second, "ada"), ["behind"]);
  },
);

onEach(
  kinds,
  "a process may be killed again and again: none of those that stepped aside is lost or stops others",
  async (stage) => {
    const down = new Down();
    const actors = [down.actor(1_000)];
    let system = await stage.start(actors);
    await down.fill(stage, system, 400);
    for (let restart = 0; restart < 3; restart++) {
      await stage.kill(system);
      system = await stage.start(actors);
      await ref(system, "ada").tell(Worker.note, `behind ${restart}`);
      await stage.pass(missedMs);
      assert.equal((await notesOf(system, "ada") as string[]).length, restart + 1);
    }
    down.up = true;
    await stage.pass(120_000, 5_000);
    assert.equal((await notesOf(system, "ada") as string[]).length, 403);
  },
);

onEach(sharedKinds, "messages of another process are handled while hundreds wait aside", async (stage) => {
  const down = new Down();
  const actors = [down.actor(1_000)];
  const first = await stage.start(actors);
  const second = await stage.start(actors);
  await down.fill(stage, first, 300);
  for (let n = 0; n < 5; n++) {
    await ref(second, "ada").tell(Worker.note, `${n}`);
    await stage.pass(6_000);
  }
  assert.deepEqual(await notesOf(first, "ada"), ["0", "1", "2", "3", "4"]);
});

inEach(
  "no more step aside than the mailbox holds: the next one holds its place, and then fills it",
  async (world) => {
    const down = new Down();
    const system = await world.start([down.actor(3)]);
    const tell = async (text: string) => {
      const told = ref(system, "ada").tell(Worker.run, text);
      told.catch(() => {});
      await world.settle();
      await told;
    };
    for (let n = 0; n < 4; n++) await tell(`call ${n}`);
    assert.equal(down.runs, 4);
    // Three are set aside, the fourth holds: no message passes it, and the mailbox fills up behind it.
    for (let n = 4; n < 6; n++) await tell(`call ${n}`);
    assert.equal(down.runs, 4);
    await assert.rejects(tell("call 6"), { code: "mailbox-full" });
    assert.equal(system.stats().waiting, 6);
    down.up = true;
    await world.pass(70_000, 5_000);
    const notes = ref(system, "ada").ask(Worker.call, "notes");
    await world.settle();
    assert.equal((await notes as string[]).length, 6);
  },
);

onEach(kinds, "the bound holds over a restart", async (stage) => {
  const down = new Down();
  const actors = [down.actor(300)];
  const first = await stage.start(actors);
  await down.fill(stage, first, 300);
  await first.stop();
  const second = await stage.start(actors);
  await ref(second, "ada").tell(Worker.run, "call more");
  await stage.pass(5_000);
  assert.equal(down.runs, 301);
  await ref(second, "ada").tell(Worker.note, "behind");
  await stage.pass(5_000);
  down.up = true;
  await stage.pass(120_000, 5_000);
  const notes = await notesOf(second, "ada") as string[];
  assert.equal(notes.length, 302);
  assert.ok(notes.indexOf("more") < notes.indexOf("behind"), "it held its place");
});

inMemory(
  "a backlog that is longer than what is listed at once is handled in its order while some step aside",
  async (stage) => {
    let open = false;
    const gated = worker({
      wait: (ctx, text) => {
        if (!open) throw new RetryableError("closed", { afterMs: 1_000 });
        if (Number(text) % 3 === 0 && ctx.attempt < 2) {
          throw new RetryableError("once more", { afterMs: 30_000 });
        }
        note(ctx, text);
      },
    }, { mailbox: { capacity: 2_000 }, retry: { order: "aside", attempts: 50 } });
    const first = await stage.start([
      worker({ wait: () => new Promise(() => {}) }, { mailbox: { capacity: 2_000 } }),
    ]);
    for (let n = 0; n < 900; n++) await ref(first, "ada").tell(Worker.run, `wait ${n}`);
    await stage.settle();
    await stage.kill(first);
    open = true;
    const second = await stage.start([gated]);
    await stage.pass(missedMs);
    await stage.pass(5_000);
    const others = Array.from({ length: 900 }, (_, n) => `${n}`).filter((text) => Number(text) % 3 !== 0);
    assert.deepEqual(await notesOf(second, "ada"), others);
    await stage.pass(60_000, 5_000);
    const notes = await notesOf(second, "ada") as string[];
    assert.equal(notes.length, 900);
    assert.equal(new Set(notes).size, 900);
  },
);

inMemory(
  "the bound holds where those that stepped aside stand behind more than is listed at once",
  async (stage) => {
    const down = new Down();
    const stuck = new Down();
    const first = await stage.start([down.actor(300)]);
    await down.fill(stage, first, 300);
    await first.stop();
    const hangs = worker({ call: () => new Promise(() => {}) }, {
      mailbox: { capacity: 300 },
      retry: { order: "aside" },
    });
    const second = await stage.start([hangs]);
    for (let n = 0; n < 300; n++) await ref(second, "ada").tell(Worker.run, `call ${n}`);
    await stage.settle();
    await stage.kill(second);
    const third = await stage.start([stuck.actor(300)]);
    await stage.pass(missedMs);
    assert.equal(stuck.runs, 1, "the first that fails holds its place");
    assert.equal(third.stats().waiting, 600);
  },
);

onEach(
  kinds,
  "one that steps aside and then ends its process each time is counted, and is a dead letter",
  async (stage) => {
    let died = false;
    let runs = 0;
    const poison = (ctx: { attempt: number }) => {
      if (ctx.attempt === 1) throw new RetryableError("later", { afterMs: 30_000 });
      runs++;
      died = true;
      return new Promise(() => {});
    };
    const actors = [worker({ poison }, { retry: { order: "aside", attempts: 4 } })];
    let system = await stage.start(actors);
    await ref(system, "ada").tell(Worker.run, "poison");
    await stage.settle();
    await stage.kill(system);
    for (let crash = 0; crash < 10; crash++) {
      died = false;
      system = await stage.start(actors);
      for (let step = 0; step < 60 && !died; step++) await stage.pass(1_000);
      if (!died) break;
      await stage.kill(system);
    }
    assert.deepEqual(deadOf(system), ["ada run: failed"]);
    assert.equal(runs, 3, "each but the first, which stepped aside");
  },
);
