import assert from "node:assert/strict";
import * as fc from "fast-check";
import { TimeZone } from "../../../runtime/base/time_zone.ts";

Deno.test("TimeZone finds the first moment at which its clocks show a time, and the end of a gap for one that they skip", () => {
  const zones = fc.constantFrom("UTC", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu");
  const minuteMs = 60_000;
  fc.assert(
    fc.property(zones, fc.integer({ min: 0, max: 24 * 365 * 60 }), (name, minutes) => {
      const zone = new TimeZone(name);
      const shownMs = Date.UTC(2030, 0, 1) + minutes * minuteMs;
      const atMs = zone.firstShowing(shownMs);
      assert.ok(zone.shownAt(atMs - 1) < shownMs, "a moment before, they have not come to it");
      assert.ok(zone.shownAt(atMs) >= shownMs);
      for (let hour = 1; hour <= 3; hour++) assert.notEqual(zone.shownAt(atMs - hour * 3_600_000), shownMs);
    }),
  );
});

Deno.test("TimeZone knows gaps and overlaps of any length", () => {
  const first = (name: string, shown: string) =>
    new Date(new TimeZone(name).firstShowing(Date.parse(shown))).toISOString();
  assert.equal(first("Europe/Berlin", "2030-03-31T02:00Z"), "2030-03-31T01:00:00.000Z");
  assert.equal(first("Europe/Berlin", "2030-03-31T02:59:59.999Z"), "2030-03-31T01:00:00.000Z");
  assert.equal(first("Europe/Berlin", "2030-10-27T02:30Z"), "2030-10-27T00:30:00.000Z");
  assert.equal(first("Australia/Lord_Howe", "2026-10-04T02:15Z"), "2026-10-03T15:30:00.000Z"); // half an hour
  assert.equal(first("Pacific/Apia", "2011-12-30T12:00Z"), "2011-12-30T10:00:00.000Z"); // a day that never was
});
