// Records each scenario in memory into transcripts/. Run it after an intended change, and then read the diff:
// deno run -A tests/behaviour/record.ts

import { events } from "./events.ts";
import { failures } from "./failures.ts";
import { http } from "./http.ts";
import { ids } from "./ids.ts";
import { laters } from "./laters.ts";
import { modes } from "./modes.ts";
import { play } from "./scenario.ts";
import { schedules } from "./schedules.ts";
import { signals } from "./signals.ts";
import { type Transcript, writeTranscripts } from "./transcript.ts";
import { places } from "./world.ts";

for (
  const [subject, scenarios] of Object.entries({
    events,
    failures,
    http,
    ids,
    laters,
    modes,
    schedules,
    signals,
  })
) {
  const played: [string, Transcript][] = [];
  for (const scenario of scenarios) played.push([scenario.name, await play(scenario, places[0])]);
  await writeTranscripts(subject, played);
}
