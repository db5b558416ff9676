// An hour of every mode in virtual time: at its end the store is as large as near its start; when all work is
// done it contains only rows with a retention time, and in the end only states, logs and dead letters.

import assert from "node:assert/strict";
import { onEach, type Stage } from "../runtime/durable/durable_stage.ts";
import { begin, end, loadActor, step } from "./actors.ts";
import { type Census, censusOf, growing, shown } from "./census.ts";

const minuteMs = 60_000;
const stepMs = 5_000;
const options = {
  deduplicationWindowMs: 2 * minuteMs,
  replyRetentionMs: 2 * minuteMs,
  limits: { events: 50, deadLetters: 50 },
  drainMs: 1_000,
};

onEach(["memory", "sqlite"], "an hour of every mode leaves nothing behind", async (stage: Stage) => {
  const systems = [await stage.start([loadActor()], options), await stage.start([loadActor()], options)];
  systems.forEach(begin);
  const connection = await stage.store.open({ clock: stage.clock });
  const censuses: Census[] = [];
  const errors: unknown[] = [];
  const minutes = stage.store.traits.name === "memory" ? 60 : 18;
  for (let minute = 0; minute < minutes; minute++) {
    if (minute === minutes / 3) { // it crashes in the middle of its work
      await stage.kill(systems[1]);
      systems[1] = await stage.start([loadActor()], options);
      begin(systems[1]);
    }
    for (let n = 0; n < minuteMs / stepMs; n++) {
      for (const [index, system] of systems.entries()) {
        step(system, `${index}`, minute * (minuteMs / stepMs) + n).catch((error) => errors.push(error));
      }
      await stage.pass(stepMs, 500);
    }
    censuses.push(await censusOf(connection, stage.clock.now()));
  }
  assert.deepEqual(errors, []);
  const quarter = censuses.length / 4;
  assert.deepEqual(growing(censuses.slice(quarter, 2 * quarter), censuses.slice(-quarter)), []);

  await end(systems[0]);
  await stage.pass(2 * minuteMs);
  const over = await censusOf(connection, stage.clock.now());
  assert.deepEqual([...over.over.keys()], [], shown(over));

  await stage.pass(70 * minuteMs, 60_000);
  for (const system of systems) await system.stop();
  const { rows } = await censusOf(connection, stage.clock.now());
  assert.deepEqual([...rows.keys()].toSorted(), ["actor", "dead", "ended", "event", "proof"], shown(over));
  assert.equal(rows.get("ended"), 1); // the crash of an instance is remembered for a day
  assert.deepEqual([rows.get("dead"), rows.get("event")], [50, 50]);
  await connection.close();
});
