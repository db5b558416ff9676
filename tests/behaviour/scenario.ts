import assert from "node:assert/strict";
import type { SystemOptions } from "@posthorn/posthorn";
import { type Difference, differences } from "./differences.ts";
import { readTranscript, type Transcript } from "./transcript.ts";
import { type Place, places, type Scripts, type Traits, World } from "./world.ts";

export interface Scenario {
  readonly name: string;
  readonly scripts?: (world: () => World) => Scripts;
  readonly traits?: Traits;
  readonly options?: Partial<SystemOptions>;
  readonly run: (world: World) => Promise<void>;
}

/** Runs a scenario in one place, and returns its transcript. */
export async function play(scenario: Scenario, place: Place): Promise<Transcript> {
  const { scripts = () => ({}), traits = {}, options = {}, run } = scenario;
  let opened: World | undefined;
  await using world = opened = await World.open(place, scripts(() => opened!), traits, options);
  await run(world);
  return await world.end();
}

/** The recorded transcript of a scenario, as it is documented for one place. */
export async function expectedTranscript(
  subject: string,
  scenario: Scenario,
  place: Place,
): Promise<Transcript> {
  const recorded = await readTranscript(subject, scenario.name);
  const difference = differences.find(({ scenario: name, where }) => name === scenario.name && where(place));
  return difference === undefined ? recorded : changed(recorded, difference);
}

/** Defines a test for each scenario in each place: its transcript must equal the recorded one. */
export function behaves(subject: string, scenarios: readonly Scenario[]): void {
  for (const scenario of scenarios) {
    for (const place of places) {
      Deno.test({
        name: `${place.name}: ${scenario.name}`,
        ignore: place.kv === true && typeof Deno.openKv !== "function",
        async fn() {
          const expected = await expectedTranscript(subject, scenario, place);
          assert.deepEqual(await play(scenario, place), expected);
        },
      });
    }
  }
  Deno.test(`every difference of ${subject} is documented`, async () => {
    const own = differences.filter(({ scenario }) => scenarios.some(({ name }) => name === scenario));
    for (const { documented: [path, sentence] } of own) {
      const text = await Deno.readTextFile(new URL(`../../${path}`, import.meta.url));
      const plain = text.replace(/\n\s*(\* )?/g, " ").replace(/\s+/g, " ");
      assert.ok(plain.includes(sentence), `${path} does not say: ${sentence}`);
    }
  });
}

function changed({ lines, summary }: Transcript, { instead }: Difference): Transcript {
  const change = (all: readonly string[]) => all.flatMap((line) => instead[line] ?? [line]);
  const gone = Object.keys(instead).filter((line) => ![...lines, ...summary].includes(line));
  assert.deepEqual(gone, [], "a difference names lines that the transcript does not have");
  return { lines: change(lines), summary: change(summary).sort() };
}
