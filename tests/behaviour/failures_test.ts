import { failures } from "./failures.ts";
import { behaves } from "./scenario.ts";

behaves("failures", failures);
