import assert from "node:assert/strict";
import type { PostgresOptions } from "@posthorn/posthorn/postgres";
import { postgres } from "@posthorn/posthorn/postgres";
import { storeConformance } from "@posthorn/posthorn/testing/conformance";
import { dropSchema, givenUrl, newSchema, pooledTest, postgresTest } from "../../../postgres/given.ts";

function open(options: PostgresOptions, url = givenUrl!) {
  const schema = newSchema();
  return {
    store: postgres(url, { ...options, schema }),
    dispose: () => dropSchema(givenUrl!, schema),
  };
}

for (const watch of ["listen", "poll"] as const) {
  for (const { name, run } of storeConformance({ open: () => open({ watch }) })) {
    postgresTest(`postgres, ${watch}: ${name}`, run);
  }
}

pooledTest("postgres, through a pooler in transaction mode", async (given, test) => {
  const pooled = await given.pooled("transaction");
  for (const { name, run } of storeConformance({ open: () => open({ watch: "poll" }, pooled) })) {
    assert(await test.step(name, run), name);
  }
});
