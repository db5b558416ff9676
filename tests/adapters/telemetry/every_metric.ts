import { Metrics } from "../../../adapters/telemetry/metrics.ts";
import type { Format } from "../../../adapters/telemetry/exposition.ts";
import type { InspectedMessage, Inspection, Inspector } from "../../../runtime/ports/inspection.ts";
import { VirtualClock } from "@posthorn/posthorn/testing";

/** The metrics of a system that has all that a system can have, and to which everything has happened. */
export async function everyMetric(format: Format): Promise<string> {
  const inspectors: Inspector[] = [];
  const clock = new VirtualClock();
  const metrics = Metrics.of({
    inspect(inspector) {
      inspectors.push(inspector);
      return { [Symbol.dispose]() {} };
    },
    stats: () => ({
      accepted: 10,
      done: 5,
      dead: 2,
      cancelled: 1,
      waiting: 3,
      delayed: 1,
      running: 1,
      lateReplies: 1,
      protocols: { order: { actors: 4, waiting: 3, done: 5, turns: { running: 2, waiting: 6 } } },
      unhosted: { legacy: { actors: 1, waiting: 3 } },
      outbox: { "inbox:ledger": { waiting: 3, oldestMs: 1_500 } },
    }),
    health: {
      status: "running",
      store: { name: "sqlite", status: "durable" },
      transport: { name: "nats", status: "connected", tenures: 2 },
    },
    observe: {
      protocols: () => {
        const [actors, waiting, failing] = [4, 3, 1].map((count) => ({ count, more: false }));
        const oldestMs = clock.now() - 2_500;
        const order = { protocol: "order", hosted: true, paused: false, actors, waiting, failing, oldestMs };
        return Promise.resolve({ items: [order] });
      },
    },
    clock,
  });
  const message = {
    protocol: "order",
    key: "ada",
    operation: "add",
    attempts: 1,
    stands: 1,
  } as InspectedMessage;
  const events: readonly Inspection[] = [
    { type: "started", message, waitedMs: 20 },
    { type: "failed", message, tookMs: 3, error: new Error("No") },
    { type: "retrying", message, tookMs: 3, afterMs: 100 },
    { type: "dead", letter: { ...message, id: "1", payload: null, reason: "failed", message: "", atMs: 0 } },
    { type: "committed", tookMs: 2, parts: 25 },
  ];
  for (const event of events) for (const inspector of inspectors) inspector(event);
  return await metrics.text(format);
}
