import assert from "node:assert/strict";
import { checkGenerated } from "../../bench/types.ts";

Deno.test("a generated application compiles: `deno run -A bench/types.ts` measures a large one", async () => {
  const { success, lines, output } = await checkGenerated(3, 10);
  assert.ok(success, output);
  assert.ok(lines > 100);
});
