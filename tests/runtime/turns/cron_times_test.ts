import assert from "node:assert/strict";
import * as fc from "fast-check";
import { CronTimes, requireCronForm } from "../../../runtime/turns/cron_times.ts";

const cron = new CronTimes();
await cron.load();

/** The next times of an expression in a zone, in UTC. */
function times(expression: string, timeZone: string | undefined, from: string, count: number): string[] {
  const found: string[] = [];
  for (let at: number | undefined = Date.parse(from); found.length < count;) {
    at = cron.next({ cron: expression, timeZone }, at);
    if (at === undefined) break;
    found.push(new Date(at).toISOString().slice(0, 16) + "Z");
  }
  return found;
}

Deno.test("a time of day that a clock change skips is due at the first moment after the gap", () => {
  assert.deepEqual(times("30 2 * * *", "Europe/Berlin", "2030-03-29T12:00Z", 3), [
    "2030-03-30T01:30Z",
    "2030-03-31T01:00Z", // 3:00 of summer time: there is no 2:30
    "2030-04-01T00:30Z",
  ]);
  assert.deepEqual(times("0 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00Z", 2), [
    "2018-11-04T03:00Z", // 1:00: that day has no midnight
    "2018-11-05T02:00Z",
  ]);
});

Deno.test("a time of day that comes twice is due the first time", () => {
  assert.deepEqual(times("30 2 * * *", "Europe/Berlin", "2030-10-26T12:00Z", 2), [
    "2030-10-27T00:30Z",
    "2030-10-28T01:30Z",
  ]);
});

Deno.test("times of day in lists and ranges are due once each, through every clock change", () => {
  const spring = (cron: string) => times(cron, "Europe/Berlin", "2030-03-31T00:15Z", 2);
  const gapEnd = "2030-03-31T01:00Z";
  assert.deepEqual(spring("30 2,14 * * *"), [gapEnd, "2030-03-31T12:30Z"]);
  assert.deepEqual(spring("15,45 2 * * *"), [gapEnd, "2030-04-01T00:15Z"], "both are due at the same moment");
  assert.deepEqual(spring("30 2-23/4 * * *"), [gapEnd, "2030-03-31T04:30Z"]);
  assert.deepEqual(spring("0 30 2,14 * * *"), [gapEnd, "2030-03-31T12:30Z"]);
  const autumn = (cron: string) => times(cron, "Europe/Berlin", "2030-10-26T23:15Z", 3);
  assert.deepEqual(autumn("30 2,14 * * *"), ["2030-10-27T00:30Z", "2030-10-27T13:30Z", "2030-10-28T01:30Z"]);
  assert.deepEqual(autumn("15,45 2 * * *"), ["2030-10-27T00:15Z", "2030-10-27T00:45Z", "2030-10-28T01:15Z"]);
  assert.deepEqual(autumn("30 1-3 * * *"), ["2030-10-26T23:30Z", "2030-10-27T00:30Z", "2030-10-27T02:30Z"]);
});

Deno.test("what is due each hour goes on through a clock change", () => {
  assert.deepEqual(times("0 * * * *", "Europe/Berlin", "2030-10-26T23:30Z", 4), [
    "2030-10-27T00:00Z",
    "2030-10-27T01:00Z",
    "2030-10-27T02:00Z",
    "2030-10-27T03:00Z",
  ]);
  assert.deepEqual(times("*/30 * * * *", "Europe/Berlin", "2030-03-31T00:00Z", 3), [
    "2030-03-31T00:30Z",
    "2030-03-31T01:00Z",
    "2030-03-31T01:30Z",
  ]);
});

Deno.test("without a time zone the times are those of UTC, whatever the machine says", () => {
  assert.deepEqual(times("0 2 * * *", undefined, "2030-07-01T00:00Z", 1), ["2030-07-01T02:00Z"]);
});

Deno.test("fields may be lists, ranges, steps and names; there may be seconds, years and nicknames", () => {
  assert.deepEqual(times("0 9-10 * * MON-FRI", undefined, "2030-01-04T12:00Z", 2), [
    "2030-01-07T09:00Z",
    "2030-01-07T10:00Z",
  ]);
  assert.deepEqual(times("@monthly", undefined, "2030-01-04T12:00Z", 1), ["2030-02-01T00:00Z"]);
  assert.deepEqual(times("0 0 L * *", undefined, "2030-02-01T00:00Z", 1), ["2030-02-28T00:00Z"]);
  assert.deepEqual(times("0 0 0 1 1 * 2031", undefined, "2030-01-04T12:00Z", 9), ["2031-01-01T00:00Z"]);
});

Deno.test("the next time is later, and a time that is given is not found again", () => {
  const zones = fc.constantFrom(
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
  );
  const number = (most: number) => fc.integer({ min: 0, max: most });
  const field = (most: number) =>
    fc.oneof(
      fc.constant("*"),
      fc.array(number(most), { minLength: 1, maxLength: 3 }).map((list) => list.join()),
    );
  const day = Date.UTC(2030, 0, 1);
  fc.assert(
    fc.property(
      field(59),
      field(23),
      zones,
      fc.integer({ min: 0, max: 730 * 86_400_000 }),
      (minute, hour, timeZone, ms) => {
        const expression = { cron: `${minute} ${hour} * * *`, timeZone };
        const first = cron.next(expression, day + ms)!;
        const second = cron.next(expression, first)!;
        assert.ok(first > day + ms && second > first);
        assert.equal(cron.next(expression, second - 1), second);
        // A day has at most 25 hours, and a time of day is due on each.
        assert.ok(second - first <= 25 * 3_600_000);
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("what is no expression is refused: its form at once, the rest when it is read", () => {
  const form = /cron must be five to seven fields, or a nickname such as @daily/;
  for (
    const text of [
      "",
      "nonsense",
      "* * * *",
      "* * * * * * * *",
      "2031-01-01T00:00:00",
      "x ".repeat(500),
      5 as never,
    ]
  ) {
    assert.throws(() => requireCronForm("night", { cron: text }), { name: "RangeError", message: form });
  }
  for (const text of ["61 * * * *", "a b c d e", "@never", "0 0 0 0 0"]) {
    requireCronForm("night", { cron: text });
    assert.throws(() => cron.first("night", { cron: text }, 0), {
      name: "RangeError",
      message:
        `Cannot schedule night: cron must be an expression whose fields are in their ranges: current value is ${
          JSON.stringify(text)
        }`,
    });
  }
  assert.throws(() => cron.first("night", { cron: "0 0 30 2 *" }, 0), {
    name: "RangeError",
    message: /cron must be an expression that names a time to come/,
  });
  assert.throws(() => requireCronForm("night", { cron: "@daily", timeZone: "Mars/Base" }), {
    name: "RangeError",
    message: 'Cannot schedule night: timeZone must be the name of a time zone: current value is "Mars/Base"',
  });
});
