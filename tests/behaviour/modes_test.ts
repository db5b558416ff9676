import { modes } from "./modes.ts";
import { behaves } from "./scenario.ts";

behaves("modes", modes);
