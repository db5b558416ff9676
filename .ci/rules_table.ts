// After how many seeds the simulation notices that a rule of the protocol is missing, as docs/durable-protocol.md shows it.
// `deno run -A .ci/rules_table.ts` writes the numbers that the rules have.

import { rules as rulesOfStore } from "../tests/simulation/rules.ts";
import { serviceRules } from "../tests/simulation/services/service_rules.ts";
import { sleepRules } from "../tests/simulation/sleeping/sleep_rules.ts";

/** All rules: those of one store, those between services, and those of a process that sleeps. */
export const rules: readonly { readonly name: string; readonly says: string; readonly foundBy: number }[] = [
  ...rulesOfStore,
  ...serviceRules,
  ...sleepRules,
];

/** The page with the table of rules. */
export const pageOfRules = "docs/durable-protocol.md";

/** The page with the number of seeds that each rule has. Throws if it does not show a rule, or one that does not exist. */
export function withSeeds(page: string): string {
  const missing = new Set(rules.map(({ name }) => name));
  const changed = page.replaceAll(
    /(\| `([a-z-]+)` +\| )(\d+ *)(?= \|)/g,
    (_, before: string, name: string, seeds: string) => {
      const rule = rules.find((rule) => rule.name === name);
      if (rule === undefined) throw new Error(`${pageOfRules} shows the rule ${name}, which does not exist`);
      missing.delete(name);
      return before + String(rule.foundBy).padEnd(seeds.length);
    },
  );
  if (missing.size > 0) throw new Error(`${pageOfRules} does not show the rules ${[...missing].join(", ")}`);
  return changed;
}

if (import.meta.main) {
  const file = new URL(`../${pageOfRules}`, import.meta.url);
  await Deno.writeTextFile(file, withSeeds(await Deno.readTextFile(file)));
}
