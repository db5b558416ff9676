import { events } from "./events.ts";
import { failures } from "./failures.ts";
import { http } from "./http.ts";
import { ids } from "./ids.ts";
import { laters } from "./laters.ts";
import { modes } from "./modes.ts";
import type { Scenario } from "./scenario.ts";
import { schedules } from "./schedules.ts";
import { signals } from "./signals.ts";

/** All scenarios, by the names of the files of their transcripts. */
export const subjects: Readonly<Record<string, readonly Scenario[]>> = {
  events,
  failures,
  http,
  ids,
  laters,
  modes,
  schedules,
  signals,
};
