import assert from "node:assert/strict";
import { rules } from "./rules.ts";
import { simulate } from "./simulate.ts";

/**
 * How many more seeds are tried if the recorded one no longer detects the removal, since a change gives seeds
 * other runs.
 */
const moreSeeds = 60;

for (const { name, says, foundBy } of rules) {
  Deno.test(`without the rule ${name} a seed fails: ${says}`, async () => {
    let { failure } = await simulate(foundBy, { without: name });
    for (let seed = 1; failure === undefined && seed <= moreSeeds; seed++) {
      ({ failure } = await simulate(seed, { without: name }));
    }
    assert.notEqual(failure, undefined, "no seed finds it: look for one with deno task sim --table");
  });
}
