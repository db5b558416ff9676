import assert from "node:assert/strict";
import { serviceRules } from "./service_rules.ts";
import { type ServicesSeedResult, simulateServices } from "./simulate_services.ts";

/** On Deno 2.5 a seed takes three times as long, so fewer are run there. */
const old = Deno.version.deno.startsWith("2.5.");
const fixedSeeds = old ? 3 : 14;
/** How many more seeds are tried if the recorded one no longer detects the removal of a rule. */
const moreSeeds = 12;

/** Rare branches and faults: if a run of the fixed seeds misses one, it tests less than it claims. */
const marks = [
  "a batch landed unheard",
  "a message for another service landed unheard",
  "a request is cancelled",
  "a request is done",
  "a request is taken back before it comes",
  ...["cancelled", "done", "given-up"].map((outcome) =>
    `a request to the service without a store is ${outcome}`
  ),
  "a request is withdrawn",
  "an actor is taken over",
  "another instance tries a message",
  ...["deadline", "invalid-payload", "terminal", "unknown-operation", "unreadable-body"].map((reason) =>
    `letter ${reason}`
  ),
  ...[
    "acknowledgementLost",
    "block",
    "cut",
    "move",
    "moveInBurst",
    "partition",
    "readsEarlier",
    "recreate",
    "reset",
    "sendLanded",
    "sendLandsLate",
    "sendLost",
    "sendPartly",
    "sentTwice",
    "slow",
    "unread",
  ].map((fault) => `broker ${fault}`),
];

Deno.test(`services keep every promise in ${fixedSeeds} fixed seeds, and reach every rare branch`, async () => {
  const reached = new Set<string>();
  for (let seed = 1; seed <= fixedSeeds; seed++) {
    const result = await simulateServices(seed);
    requireRight(result);
    for (const mark of result.marks) reached.add(mark);
  }
  if (old) return;
  assert.deepEqual(marks.filter((mark) => !reached.has(mark)), [], "these were never reached");
});

Deno.test("services keep every promise in a new seed", async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  console.log(`a new seed: ${seed}`);
  requireRight(await simulateServices(seed));
});

Deno.test("the same seed of services gives the same run", async () => {
  const { hash } = await simulateServices(3);
  assert.equal((await simulateServices(3)).hash, hash);
  assert.notEqual((await simulateServices(4)).hash, hash);
});

for (const { name, says, foundBy } of serviceRules) {
  Deno.test(`without the rule ${name} a seed of services fails: ${says}`, async () => {
    let { failure } = await simulateServices(foundBy, { without: name });
    for (let seed = 1; failure === undefined && seed <= moreSeeds; seed++) {
      ({ failure } = await simulateServices(seed, { without: name }));
    }
    assert.notEqual(
      failure,
      undefined,
      "no seed finds it: look for one with deno task sim --scene services --table",
    );
  });
}

Deno.test("the faults that go with a rule alone break no promise", async () => {
  for (const { plan } of serviceRules) {
    if (plan !== undefined) requireRight(await simulateServices(2, { faultPlan: plan }), " and other faults");
  }
});

function requireRight({ seed, failure, steps }: ServicesSeedResult, more = ""): void {
  const again = `deno task sim --scene services --seed ${seed}${more}`;
  assert.equal(failure, undefined, `${steps.join("\n")}\nseed ${seed}: ${failure}\nagain: ${again}`);
}
