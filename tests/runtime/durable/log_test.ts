// Failures of durable actors are logged, like those of actors in memory.

import assert from "node:assert/strict";
import { kinds, missedMs, onEach, ref, Worker, worker } from "./durable_stage.ts";

onEach(kinds, "the first failure of a message and its dead letter are a line each", async (stage) => {
  const lines: string[] = [];
  const broken = () => {
    throw new TypeError("it is broken");
  };
  const actors = [worker({ broken }, { retry: { attempts: 3, baseMs: 10 } })];
  const system = await stage.start(actors, { log: (line) => lines.push(line.replace(/ at .*$/, "")) });
  await ref(system, "ada").tell(Worker.run, "broken", { id: "one" });
  await stage.pass(10_000);
  assert.equal(lines.length, 2, lines.join("\n"));
  assert.match(
    lines[0],
    /^posthorn: worker\/ada run failed, it is tried again after \d+ ms: TypeError: it is broken$/,
  );
  assert.match(
    lines[1],
    /^posthorn: dead letter one to worker\/ada run, failed after 3 attempts: .*it is broken/,
  );
});

onEach(
  kinds,
  "a dead letter is logged by the instance that made it, and not by those that list it",
  async (stage) => {
    const broken = () => Promise.reject(new Error("boom"));
    const actors = [worker({ broken }, { retry: { attempts: 1 } })];
    const first = await stage.start(actors, { log: false });
    await ref(first, "ada").tell(Worker.run, "broken");
    await stage.settle();
    await first.stop();
    const lines: string[] = [];
    const second = await stage.start(actors, { log: (line) => lines.push(line) });
    await stage.pass(missedMs);
    assert.equal(second.deadLetters.size, 1);
    assert.deepEqual(lines, []);
  },
);
