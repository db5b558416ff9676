import assert from "node:assert/strict";
import { sqlite } from "@posthorn/posthorn/sqlite";
import { fuzz, type Fuzzed } from "./fuzz.ts";

const common = [200, 202, 400, 404, 405, 415, 422, 500];
const all = [...common, 403, 406, 413];

/** The run covered the cases it exists for. */
function requireReach({ statuses, refusedBefore, changes }: Fuzzed, expected: readonly number[]): void {
  for (const status of expected) {
    assert.ok((statuses.get(status) ?? 0) > 0, `nothing was answered with ${status}`);
  }
  assert.ok(refusedBefore > 0 && changes > 0);
}

Deno.test("requests over real sockets are answered as they should be, and what is refused changes nothing", async () => {
  requireReach(await fuzz({ seed: 1, goesOn: (sent) => sent < 1_500 }), all);
});

Deno.test("requests over real sockets to a system on a file are answered as they should be, and what is refused changes nothing", async () => {
  const folder = await Deno.makeTempDir({ prefix: "posthorn-fuzz-" });
  try {
    requireReach(
      await fuzz({ seed: 2, store: sqlite(`${folder}/fuzz.db`), goesOn: (sent) => sent < 800 }),
      common,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
