import type { PostgresOptions } from "@posthorn/posthorn/postgres";
import { postgres } from "@posthorn/posthorn/postgres";
import { storeConformance } from "@posthorn/posthorn/testing/conformance";
import { dropSchema, givenUrl, newSchema, postgresTest } from "../../../postgres/given.ts";

function open(options: PostgresOptions) {
  const schema = newSchema();
  return {
    store: postgres(givenUrl!, { ...options, schema }),
    dispose: () => dropSchema(givenUrl!, schema),
  };
}

for (const watch of ["listen", "poll"] as const) {
  for (const { name, run } of storeConformance({ open: () => open({ watch }) })) {
    postgresTest(`postgres, ${watch}: ${name}`, run);
  }
}
