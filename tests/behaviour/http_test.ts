import { http } from "./http.ts";
import { behaves } from "./scenario.ts";

behaves("http", http);
