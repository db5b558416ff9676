// Records each scenario in memory into transcripts/. Run it after an intended change, and then read the diff:
// deno run -A tests/behaviour/record.ts

import { play } from "./scenario.ts";
import { subjects } from "./subjects.ts";
import { type Transcript, writeTranscripts } from "./transcript.ts";
import { places } from "./world.ts";

for (const [subject, scenarios] of Object.entries(subjects)) {
  const played: [string, Transcript][] = [];
  for (const scenario of scenarios) played.push([scenario.name, await play(scenario, places[0])]);
  await writeTranscripts(subject, played);
}
