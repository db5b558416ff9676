import assert from "node:assert/strict";
import { simulateSleeping, type SleepResult } from "./simulate_sleeping.ts";
import { sleepRules } from "./sleep_rules.ts";

const fixedSeeds = 8;
/** How many more seeds are tried if the recorded one no longer detects the removal of a rule. */
const moreSeeds = 30;

function requireRight({ seed, failure, steps }: SleepResult): void {
  assert.equal(failure, undefined, `seed ${seed}: ${failure}\n${steps.join("\n")}`);
}

Deno.test(`whoever sleeps is started in time, in ${fixedSeeds} fixed seeds`, async () => {
  const reached = new Set<string>();
  for (let seed = 1; seed <= fixedSeeds; seed++) {
    const result = await simulateSleeping(seed);
    requireRight(result);
    for (const mark of result.marks) reached.add(mark);
  }
  const marks = ["the process sleeps", "the process is started in time", "fault locked"];
  assert.deepEqual(marks.filter((mark) => !reached.has(mark)), [], "these were never reached");
});

Deno.test("whoever sleeps is started in time, in a new seed", async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  console.log(`a new seed: ${seed}`);
  requireRight(await simulateSleeping(seed));
});

Deno.test("the same seed of a process that sleeps is the same run", async () => {
  assert.equal((await simulateSleeping(1)).hash, (await simulateSleeping(1)).hash);
});

for (const { name, says, foundBy } of sleepRules) {
  Deno.test(`without the rule ${name} a seed fails: ${says}`, async () => {
    let { failure } = await simulateSleeping(foundBy, { without: name });
    for (let seed = 1; failure === undefined && seed <= moreSeeds; seed++) {
      ({ failure } = await simulateSleeping(seed, { without: name }));
    }
    assert.notEqual(failure, undefined, "no seed finds it");
  });
}
