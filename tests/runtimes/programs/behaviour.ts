// Plays every scenario in memory and on a file, and says its transcript.

import { play } from "../../behaviour/scenario.ts";
import { subjects } from "../../behaviour/subjects.ts";
import { places } from "../../behaviour/world.ts";
import { tryOut } from "./say.ts";

for (const place of places.filter(({ name }) => name === "memory" || name === "sqlite in a file")) {
  for (const scenario of Object.values(subjects).flat()) {
    await tryOut(`${place.name}: ${scenario.name}`, () => play(scenario, place));
  }
}
