// docs/telemetry.md names every event of a system.

import assert from "node:assert/strict";
import { textOf } from "./page.ts";

Deno.test("docs/telemetry.md names every event that an inspector hears", async () => {
  const [, union] =
    /^export type Inspection =\n([^]*?);\n\n/m.exec(await textOf("runtime/ports/inspection.ts")) ??
      assert.fail();
  const types = Array.from(
    union.matchAll(/type: ((?:"[\w-]+"(?: \| )?)+)/g),
    ([, names]) => names.split(" | "),
  )
    .flat().map((name) => name.replaceAll('"', ""));
  assert.ok(types.length > 12);
  const [, events] = (await textOf("docs/telemetry.md")).split(/^## /m);
  assert.deepEqual(types.filter((name) => !events.includes("`" + name + "`")), []);
});
