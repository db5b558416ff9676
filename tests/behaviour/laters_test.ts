import { laters } from "./laters.ts";
import { behaves } from "./scenario.ts";

behaves("laters", laters);
