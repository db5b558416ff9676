import type { Screen } from "../screen.ts";
import { activity } from "./activity.tsx";
import { actor } from "./actor.tsx";
import { actors } from "./actors.tsx";
import { deadLetters } from "./dead_letters.tsx";
import { failing } from "./failing.tsx";
import { operations } from "./operations.tsx";
import { overview } from "./overview.tsx";
import { protocols } from "./protocols.tsx";
import { replies } from "./replies.tsx";
import { schedules } from "./schedules.tsx";
import { search } from "./search.tsx";
import { service } from "./service.tsx";
import { story } from "./story.tsx";
import { topics } from "./topics.tsx";

/** The screens, in the order of the navigation. */
export const screens: readonly Screen[] = [
  overview,
  protocols,
  actors,
  actor,
  operations,
  failing,
  deadLetters,
  schedules,
  topics,
  replies,
  activity,
  story,
  service,
  search,
];
