// What must not compile of interceptors and of events. Nothing here runs.

import assert from "node:assert/strict";
import { type Inspection, type Interceptor, System } from "@posthorn/posthorn";
import { openTelemetry } from "@posthorn/posthorn/opentelemetry";

function _misuse(system: System): void {
  // @ts-expect-error: interceptors are a list
  new System({ actors: [], intercept: openTelemetry() });
  // @ts-expect-error: `turn` is a function
  new System({ actors: [], intercept: [{ turn: true }] });
  // @ts-expect-error: headers are texts
  const _numbers: Interceptor = { send: (_, goOn) => goOn({ attempts: 1 }) };
  // @ts-expect-error: the message is read only
  const _changes: Interceptor = { turn: (message, goOn) => (message.headers = {}, goOn()) };
  // @ts-expect-error: there is no such option
  openTelemetry({ sampled: true });
  // @ts-expect-error: a sample is asked for by name
  system.inspect(() => {}, true);
  system.inspect((event) => {
    // @ts-expect-error: only `started` has waited
    if (event.type === "done") return event.waitedMs;
    // @ts-expect-error: it may be absent
    if (event.type === "started") return event.waitedMs.toFixed();
    // @ts-expect-error: an actor has no times
    if (event.type === "activated") return event.tookMs;
  });
}

/** What must compile. */
function _use(): (event: Inspection) => number | undefined {
  const _through: Interceptor = { turn: (_, goOn) => goOn(), send: async (_, goOn) => void await goOn() };
  return (event) => event.type === "started" ? event.waitedMs : "tookMs" in event ? event.tookMs : undefined;
}

Deno.test("interceptors are typed", () => {
  assert.equal(typeof _misuse, "function");
  assert.equal(typeof _use, "function");
});
