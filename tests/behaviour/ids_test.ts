import { ids } from "./ids.ts";
import { behaves } from "./scenario.ts";

behaves("ids", ids);
