import assert from "node:assert/strict";
import { goalSections, sections } from "../../bench/goals.ts";

for (const { id } of sections) {
  Deno.test(`the goals section ${id} gives a result for every case at smoke size`, async () => {
    const lines: string[] = [];
    const progress = (line: string) => void lines.push(line);
    const [{ title, markdown, goals }] = await goalSections({ runs: 1, size: "smoke", only: [id], progress });
    assert.ok(title.length > 0 && lines.length > 0);
    assert.doesNotMatch(markdown, /no result|Without a result|\bNaN\b|undefined/, lines.join("\n"));
    for (const { name, figure } of goals) {
      assert.doesNotMatch(`${name} ${figure}`, /no result|\bNaN\b|undefined|Infinity/, lines.join("\n"));
    }
  });
}
