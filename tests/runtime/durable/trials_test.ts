// Messages that waited when a process crashed are tried by one instance at a time, and only a crash of that
// process counts as an attempt.

import assert from "node:assert/strict";
import { actor, ask, protocol, System, tell, unchecked } from "@posthorn/posthorn";
import type { AtomicPart } from "@posthorn/posthorn/store";
import { type SimulatedHost, Simulation } from "@posthorn/posthorn/testing/simulation";
import {
  deadOf,
  inMemory,
  missedMs,
  note,
  notesOf,
  onEach,
  ref,
  sharedKinds,
  Worker,
  worker,
  type WorkerContext,
} from "./durable_stage.ts";

const Slow = protocol("slow", { work: tell(unchecked<number>()), total: ask(unchecked<number>()) });

/** Several processes that run the same actors, whose handlers are awaited; runs are counted. */
class Crowd {
  readonly simulation: Simulation<System>;
  runs = 0;

  constructor(seed: number, processes: number, times: { latencyMsMin: number; latencyMsMax: number }) {
    this.simulation = new Simulation<System>({
      seed,
      processes,
      store: { times, traits: { unknownOutcomes: false } },
      start: (host) => this.#start(host),
    });
  }

  #start({ clock, random, store }: SimulatedHost): System {
    const slow = actor(Slow, {
      state: () => 0,
      on: {
        work: async (ctx, forMs) => {
          this.runs++;
          await new Promise<void>((resolve) => void clock.setTimer(forMs, resolve));
          ctx.state += 1;
        },
        total: (ctx) => ctx.state,
      },
    });
    return new System({ actors: [slow], clock, random, store });
  }

  /** Sends messages to one actor, and kills the process at once. */
  async leave(key: string, count: number, forMs: number): Promise<void> {
    const [first] = this.simulation.running;
    let accepted = 0;
    for (let index = 0; index < count; index++) {
      void first.system.ref(Slow, key).tell(Slow.work, forMs).then(() => accepted++);
    }
    await this.simulation.advance(5_000, () => accepted === count);
    assert.equal(accepted, count);
    first.host.crash();
  }

  async totalOf(key: string): Promise<unknown> {
    let total: unknown = undefined;
    void this.simulation.running[0].system.ref(Slow, key).ask(Slow.total, { timeoutMs: 60_000 })
      .then((n) => total = n, (error) => total = error);
    await this.simulation.advance(60_000, () => total !== undefined);
    return total;
  }

  dead(): string[] {
    return this.simulation.running.flatMap(({ system }) =>
      system.deadLetters.list().map(({ message }) => message)
    );
  }
}

for (const [forMs, latencyMsMax] of [[100, 4], [100, 30], [1_000, 30]]) {
  Deno.test(`several instances spoken to for one actor bury nothing: handlers of ${forMs} ms, commits of up to ${latencyMsMax} ms`, async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const crowd = new Crowd(seed, 4, { latencyMsMin: 1, latencyMsMax });
      const { simulation } = crowd;
      await simulation.advance(1_000);
      await crowd.leave("hot", 12, forMs);
      let accepted = 12;
      for (let round = 0; round < 20; round++) {
        for (const { system } of simulation.running) {
          void system.ref(Slow, "hot").tell(Slow.work, forMs).then(() => accepted++, () => {});
        }
        await simulation.advance(500);
      }
      await simulation.advance(300_000);
      assert.deepEqual(crowd.dead(), [], `seed ${seed}`);
      assert.equal(await crowd.totalOf("hot"), accepted, `seed ${seed}`);
      assert.ok(crowd.runs <= accepted * 4, `seed ${seed}: ${crowd.runs} runs for ${accepted} messages`);
    }
  });
}

/** No turn can be committed. */
function refusesTurns(parts: readonly AtomicPart[]): Error | undefined {
  const handles = parts.some(({ removals }) => removals.some(({ key }) => key.startsWith("mail")));
  return handles ? new Error("not now") : undefined;
}

onEach(
  sharedKinds,
  "an instance that gets a message for an actor leaves the actor to the one that tries its suspect message",
  async (stage) => {
    const runs: string[] = [];
    const gate = Promise.withResolvers<void>();
    const at = (name: string) =>
      worker({
        slow: async (ctx) => {
          runs.push(`${name}, attempt ${ctx.attempt}`);
          await gate.promise;
          note(ctx, "slow");
        },
      });
    const first = await stage.start([at("first")]);
    await ref(first, "ada").tell(Worker.run, "slow");
    await stage.settle();
    await stage.kill(first);
    const second = await stage.start([at("second")]);
    const third = await stage.start([at("third")]);
    await stage.pass(missedMs);
    const trier = runs.at(-1)!.startsWith("second") ? second : third;
    const other = trier === second ? third : second;
    await ref(other, "ada").tell(Worker.note, "from the other");
    await stage.pass(300_000, 5_000);
    assert.equal(runs.length, 2, `${runs}`); // it ran in the killed process, and is tried once more
    const lists = stage.storeOf(other).lists.get("mail")!;
    await stage.pass(60_000);
    assert.equal(stage.storeOf(other).lists.get("mail"), lists, "who waits reads no mail");
    gate.resolve();
    await stage.pass(20_000);
    assert.deepEqual(await notesOf(other, "ada"), ["slow", "from the other"]);
    assert.deepEqual(deadOf(second), []);
  },
);

onEach(
  sharedKinds,
  "an attempt counts if its process crashed, and not if it stopped regularly",
  async (stage) => {
    const attempts: number[] = [];
    const stuck = () =>
      worker({
        stuck: (ctx) => {
          attempts.push(ctx.attempt);
          return new Promise(() => {});
        },
      });
    const first = await stage.start([stuck()]);
    await ref(first, "ada").tell(Worker.run, "stuck");
    await stage.settle();
    await stage.kill(first); // it ran there, which cannot be known
    for (const end of ["leaves", "leaves", "is killed", "leaves", "is killed"]) {
      const system = await stage.start([stuck()]);
      await stage.pass(missedMs);
      if (end === "leaves") await system.stop({ drainMs: 0 });
      else await stage.kill(system);
    }
    assert.deepEqual(attempts, [1, 1, 1, 1, 2, 2]);
  },
);

inMemory("an attempt of this instance that is counted goes on without being counted again", async (stage) => {
  const attempts: number[] = [];
  const first = await stage.start([worker({ wait: () => new Promise(() => {}) })]);
  await ref(first, "ada").tell(Worker.run, "wait");
  await stage.kill(first);
  const second = await stage.start([
    worker({
      wait: (ctx) => {
        attempts.push(ctx.attempt);
        note(ctx, "done");
      },
    }),
  ]);
  // The commit of the turn fails for some time: the actor is loaded and the turn tried repeatedly.
  stage.storeOf(second).refuse = refusesTurns;
  await stage.pass(30_000);
  assert.ok(attempts.length > 5, `${attempts}`);
  assert.deepEqual([...new Set(attempts)], [1]);
  stage.storeOf(second).refuse = undefined;
  await stage.pass(10_000);
  assert.deepEqual(await notesOf(second, "ada"), ["done"]);
});

inMemory("an actor whose trial goes on is in the queue of the scheduler once", async (stage) => {
  const first = await stage.start([worker({ wait: () => new Promise(() => {}) })]);
  for (const key of ["ada", "bob"]) await ref(first, key).tell(Worker.run, "wait");
  await stage.kill(first);
  let [running, most] = [0, 0];
  const wait = async (ctx: WorkerContext) => {
    most = Math.max(most, ++running);
    await new Promise<void>((resolve) => void stage.clock.setTimer(700, resolve));
    running--;
    note(ctx, "done");
  };
  const second = await stage.start([worker({ wait }, { concurrency: 1 })]);
  stage.storeOf(second).refuse = refusesTurns; // each attempt is counted already when the next one begins
  await stage.pass(20_000, 100);
  stage.storeOf(second).refuse = undefined;
  await stage.pass(10_000);
  assert.equal(most, 1); // a second run would have given the slot back while the handler was awaited
  for (const key of ["ada", "bob"]) assert.deepEqual(await notesOf(second, key), ["done"]);
});

inMemory(
  "a handler that never ends keeps others out for a bounded time, at whichever attempt",
  async (stage) => {
    const keys = Array.from({ length: 40 }, (_, index) => `k${index}`);
    const hang = () => worker({ hang: () => new Promise(() => {}) });
    let system = await stage.start([hang()]);
    await ref(system, "hung").tell(Worker.run, "hang");
    for (let crash = 0; crash < 3; crash++) {
      await stage.kill(system);
      system = await stage.start([hang()]);
      await stage.pass(missedMs);
    }
    stage.storeOf(system).refuse = refusesTurns;
    await Promise.all(keys.map((key) => ref(system, key).tell(Worker.note, "good")));
    await stage.kill(system);
    system = await stage.start([hang()]);
    await stage.pass(missedMs + 30_000);
    for (const key of keys) assert.deepEqual(await notesOf(system, key), ["good"]);
  },
);

inMemory(
  "of a long mailbox only messages that may have been in hand are tried one at a time",
  async (stage) => {
    const first = await stage.start([worker({ wait: () => new Promise(() => {}) })]);
    await ref(first, "ada").tell(Worker.run, "wait");
    await Promise.all(
      Array.from({ length: 300 }, (_, index) => ref(first, "ada").tell(Worker.note, `${index}`)),
    );
    await stage.kill(first);
    let trials = 0;
    const second = await stage.start([worker({ wait: () => {} })]);
    stage.storeOf(second).refuse = (parts) => {
      const decoder = new TextDecoder();
      for (const { writes } of parts) {
        for (const { key, value } of writes) {
          if (key.startsWith("actor") && decoder.decode(value).includes('"by"')) trials++;
        }
      }
      return undefined;
    };
    await stage.pass(missedMs);
    assert.equal((await notesOf(second, "ada") as string[]).length, 300);
    assert.equal(trials, 64);
  },
);
