import assert from "node:assert/strict";
import { expectedTranscript } from "../behaviour/scenario.ts";
import { subjects } from "../behaviour/subjects.ts";
import { places } from "../behaviour/world.ts";
import { folder, post } from "../runtime/durable/crash_fleet.ts";
import { requireNothingLost, requireTakenOver } from "../runtime/durable/crash_proofs.ts";
import { EventStream } from "./event_stream.ts";
import { runtimeTest } from "./given.ts";
import { outcomesOf } from "./outcomes.ts";
import { requireModes } from "./require_modes.ts";
import { serverOn } from "./server_on.ts";
import { ServingProgram } from "./serving_program.ts";
import type { RuntimeName } from "./runtime.ts";

/** Defines all tests on one runtime. */
export function proves(name: RuntimeName): void {
  runtimeTest(name, "every file of the package can be loaded", async (given) => {
    const failed = [];
    let count = 0;
    for await (const { name, error } of outcomesOf(given, "load")) {
      count++;
      if (error !== undefined) failed.push(`${name}: ${error}`);
    }
    assert.deepEqual(failed, []);
    assert.ok(count > 10, `${count} files`);
  });

  runtimeTest(name, "the stores in memory and in SQLite do what every store must", async (given, context) => {
    let count = 0;
    for await (const { name, error } of outcomesOf(given, "conformance")) {
      count++;
      await context.step(name, () => assert.equal(error, undefined, error));
    }
    assert.ok(count >= 56, `${count} cases`);
  });

  runtimeTest(
    name,
    "every scenario is what it is on Deno, in memory and on a file",
    async (given, context) => {
      const played = new Map<string, { readonly error?: string; readonly value?: unknown }>();
      for await (const { name, ...outcome } of outcomesOf(given, "behaviour")) played.set(name, outcome);
      for (const place of places.filter(({ name }) => name === "memory" || name === "sqlite in a file")) {
        for (const [subject, scenarios] of Object.entries(subjects)) {
          for (const scenario of scenarios) {
            const name = `${place.name}: ${scenario.name}`;
            await context.step(name, async () => {
              const { error, value } = played.get(name) ?? { error: "it was not played" };
              assert.equal(error, undefined, error);
              assert.deepEqual(value, await expectedTranscript(subject, scenario, place));
            });
          }
        }
      }
    },
  );

  runtimeTest(name, "all five modes work over sockets, in memory", async (given) => {
    await using program = await ServingProgram.start(given, "modes.js");
    await requireModes(program.url, []);
  });

  runtimeTest(
    name,
    "all five modes work over sockets and a file, and go on after a restart",
    async (given) => {
      await using home = await folder();
      const path = `${home.path}/book.db`;
      {
        await using program = await ServingProgram.start(given, "modes.js", [path]);
        await requireModes(program.url, []);
      }
      await using program = await ServingProgram.start(given, "modes.js", [path]);
      await requireModes(program.url, ["a", "b"]);
    },
  );

  runtimeTest(
    name,
    "the program on the page of self-hosting keeps its state, and ends when it is told to",
    async (given) => {
      await using home = await folder();
      const [file] = name.split(" ");
      for (const total of [2, 4]) {
        await using program = await ServingProgram.start(given, `${file}.js`, [], {
          DB: `${home.path}/counter.db`,
        });
        const stream = await EventStream.open(program.url, "events/counter/added");
        await (await post(program.url, "actors/counter/ada/add", 2)).body?.cancel();
        assert.equal(await (await post(program.url, "actors/counter/ada/total", undefined)).json(), total);
        assert.equal(await stream.next(), 2);
        assert.equal(await program.end("SIGTERM"), 0);
        await stream.close();
      }
    },
  );

  runtimeTest(
    name,
    "two processes on one file, one of them killed again and again: nothing lost, nothing doubled",
    async (given) => {
      await using home = await folder();
      const start = () => serverOn(given, `${home.path}/store`);
      await requireNothingLost(start, { seed: 7, rounds: 6, budgetMs: 5_000 });
    },
  );

  runtimeTest(name, "what a killed process left on a file the next one does at once", async (given) => {
    await using home = await folder();
    await requireTakenOver(home.path, () => serverOn(given, `${home.path}/store`));
  });
}
