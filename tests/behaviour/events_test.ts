import { events } from "./events.ts";
import { behaves } from "./scenario.ts";

behaves("events", events);
