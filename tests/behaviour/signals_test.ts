import { signals } from "./signals.ts";
import { behaves } from "./scenario.ts";

behaves("signals", signals);
