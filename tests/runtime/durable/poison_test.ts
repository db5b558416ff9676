// A message that crashes its process each time is counted over crashes, and becomes a dead letter without its
// neighbours.

import assert from "node:assert/strict";
import type { System } from "@posthorn/posthorn";
import {
  deadOf,
  type Kind,
  kinds,
  missedMs,
  notesOf,
  onEach,
  ref,
  type Stage,
  Worker,
  worker,
} from "./durable_stage.ts";

/** A process that the poison message crashes: the handler never returns, and the process is killed soon. */
class Victim {
  runs = 0;
  died = false;

  async start(stage: Stage, attempts: number): Promise<System> {
    this.died = false;
    return await stage.start([
      worker({
        wait: () => {},
        poison: () => {
          this.runs++;
          this.died = true;
          return new Promise(() => {});
        },
      }, { retry: { attempts } }),
    ]);
  }
}

async function untilDead(stage: Stage, victim: Victim, attempts: number): Promise<System> {
  let system = await victim.start(stage, attempts);
  for (let crash = 0; crash < 40; crash++) {
    for (let step = 0; step < 20 && !victim.died; step++) await stage.pass(1_000);
    if (!victim.died) return system;
    await stage.kill(system);
    system = await victim.start(stage, attempts);
  }
  throw new Error(`it goes on for ever: ${victim.runs} runs`);
}

onEach(
  kinds,
  "a message that crashes its process is a dead letter after its attempts, and the others are handled",
  async (stage) => {
    const victim = new Victim();
    const first = await victim.start(stage, 3);
    await ref(first, "ada").tell(Worker.note, "before");
    await ref(first, "ada").tell(Worker.run, "poison");
    await ref(first, "ada").tell(Worker.note, "behind");
    for (let index = 0; index < 30; index++) await ref(first, `k${index}`).tell(Worker.note, "innocent");
    await stage.kill(first);
    const last = await untilDead(stage, victim, 3);
    assert.deepEqual(deadOf(last), ["ada run: failed"]);
    assert.match(
      last.deadLetters.list()[0].message,
      /^worker\/ada run: its process ended while it ran: 3 of 3 attempts/,
    );
    assert.ok(victim.runs >= 3 && victim.runs <= 4, `${victim.runs} runs`);
    assert.deepEqual(await notesOf(last, "ada"), ["before", "behind"]);
    for (let index = 0; index < 30; index++) assert.deepEqual(await notesOf(last, `k${index}`), ["innocent"]);
  },
);

onEach(
  kinds,
  "messages that wait while a poison message crashes its process do not become dead letters",
  async (stage) => {
    const victim = new Victim();
    const first = await victim.start(stage, 4);
    for (let index = 0; index < 10; index++) await ref(first, `k${index}`).tell(Worker.run, "notes");
    await ref(first, "p").tell(Worker.run, "poison");
    for (let index = 0; index < 10; index++) {
      await ref(first, `k${index}`).tell(Worker.note, "innocent");
      await ref(first, "p").tell(Worker.note, "behind");
    }
    await stage.kill(first);
    const last = await untilDead(stage, victim, 4);
    assert.deepEqual(deadOf(last), ["p run: failed"]);
    assert.equal((await notesOf(last, "p") as string[]).length, 10);
    for (let index = 0; index < 10; index++) assert.deepEqual(await notesOf(last, `k${index}`), ["innocent"]);
  },
);

const cleanly: readonly Kind[] = ["memory", "sqlite", "denoKv"];
onEach(
  cleanly,
  "an attempt of a poison message counts also if the process that accepted it has ended cleanly",
  async (stage) => {
    const gate = Promise.withResolvers<void>();
    const first = await stage.start([worker({ wait: () => gate.promise, poison: () => {} })]);
    await ref(first, "ada").tell(Worker.run, "wait");
    await ref(first, "ada").tell(Worker.run, "poison");
    await stage.settle();
    await first.stop();
    const victim = new Victim();
    const second = await stage.start([worker({
      wait: () => {},
      poison: () => {
        victim.runs++;
        return new Promise(() => {});
      },
    }, { retry: { attempts: 3 } })]);
    await stage.pass(missedMs);
    assert.equal(victim.runs, 1);
    await stage.kill(second);
    const last = await untilDead(stage, victim, 3);
    assert.deepEqual(deadOf(last), ["ada run: failed"]);
  },
);
