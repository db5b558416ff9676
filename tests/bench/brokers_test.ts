import assert from "node:assert/strict";
import { casesOf } from "../../bench/brokers/cases.ts";
import { brokerPart } from "../../bench/brokers/section.ts";

const sizes = { tells: 1_000, asks: 100 };
const ids = casesOf("nats", "nats://localhost", sizes, "folder").map(({ id }) => id);

/** What a report has if every case took a second, or so many milliseconds. */
function reportOf(elapsedMs: Readonly<Record<string, number>>, without: string[] = []) {
  const outcome = (id: string) => ({ elapsedMs: elapsedMs[id] ?? 1_000, check: 0, also: { p50: 1 } });
  const series = Object.fromEntries(ids.map((id) => [id, without.includes(id) ? [null] : [outcome(id)]]));
  return brokerPart("nats", { series, failures: [] }, sizes);
}

Deno.test("the report on NATS has a figure for everything that is measured", () => {
  const { markdown, goals } = reportOf({});
  assert.doesNotMatch(`${markdown} ${goals.map(({ figure }) => figure)}`, /no result|undefined|NaN/);
  for (const id of ids) {
    assert.notEqual(reportOf({}, [id]).markdown, markdown, `${id} is measured and not shown`);
  }
});

Deno.test("a confirmed publish is compared with confirmed publishes alone", () => {
  const ahead = reportOf({ "nats publish": 500 }).goals.filter(({ name }) => name.includes("confirmed"));
  assert.deepEqual(
    ahead.map(({ name, met, figure }) => [name.replace(/.* of (@?[^ ]*) [0-9.]+/, "$1"), met, figure]),
    [
      ["@moleculer/channels, 1,000 at once", true, "2.00×"],
      ["@nestjs-plugins/nestjs-nats-jetstream-transport", true, "2.00×"],
    ],
  );
  const faster = { "nats channels publish": 999, "nats moleculer publish": 1, "nats nest calls": 1 };
  const behind = reportOf(faster).goals.filter(({ name }) => name.includes("confirmed"));
  assert.deepEqual(behind.map(({ met }) => met), [false, false]); // as fast is not ahead
  assert.deepEqual(behind.map(({ figure }) => figure), ["1.00×", "1.00×"]);
});
