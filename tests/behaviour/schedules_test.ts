import { schedules } from "./schedules.ts";
import { behaves } from "./scenario.ts";

behaves("schedules", schedules);
