import assert from "node:assert/strict";
import { StoreError } from "@posthorn/posthorn";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { exposition } from "../../../adapters/telemetry/exposition.ts";
import { OldestWaiting } from "../../../adapters/telemetry/oldest_waiting.ts";
import type { ObservedProtocol, Page, PageOptions } from "../../../runtime/ports/observation.ts";

function observedOf(protocol: string, oldestMs?: number, count = 0): ObservedProtocol {
  const none = { count: 0, more: false };
  const waiting = { count, more: false };
  const rest = { hosted: true, paused: false, actors: none, waiting, failing: none };
  return { protocol, ...rest, ...oldestMs !== undefined && { oldestMs } };
}

/** Who asks; `answer` is what the store says, and `asked` how often it was asked. */
class Stage {
  readonly clock = new VirtualClock();
  readonly asked: (PageOptions | undefined)[] = [];
  answer: () => Promise<Page<ObservedProtocol>> = () => Promise.resolve({ items: [] });
  readonly #oldest = new OldestWaiting(
    {
      protocols: (options) => {
        this.asked.push(options);
        return this.answer();
      },
    },
    this.clock,
  );

  async lines(): Promise<string[]> {
    const text = exposition(await this.#oldest.families(), "prometheus");
    return text.split("\n").filter((line) => line.startsWith("posthorn_"));
  }
}

Deno.test("OldestWaiting says how long the oldest message of each protocol has waited", async () => {
  const stage = new Stage();
  const nowMs = stage.clock.now();
  const items = [
    observedOf("order", nowMs - 2_500, 3),
    observedOf("carrier"), // nothing waits
    observedOf("later", nowMs + 50, 1), // the clock of another instance is ahead
    observedOf("transient", undefined, 1), // in memory, where nobody writes it down
  ];
  stage.answer = () => Promise.resolve({ items });
  assert.deepEqual(await stage.lines(), [
    'posthorn_oldest_waiting_seconds{protocol="order"} 2.5',
    'posthorn_oldest_waiting_seconds{protocol="carrier"} 0',
    'posthorn_oldest_waiting_seconds{protocol="later"} 0',
  ]);
  assert.deepEqual(stage.asked, [{ limit: 200, countMax: 1_000 }]);
});

Deno.test("OldestWaiting asks once in ten seconds, however often and by how many it is read", async () => {
  const stage = new Stage();
  await Promise.all(Array.from({ length: 5 }, () => stage.lines()));
  await stage.clock.advance(9_999);
  await stage.lines();
  assert.equal(stage.asked.length, 1);
  await stage.clock.advance(1);
  await stage.lines();
  assert.equal(stage.asked.length, 2);
});

Deno.test("OldestWaiting leaves the metric out if the store is away, and has it again when that is back", async () => {
  const stage = new Stage();
  const items = [observedOf("order", stage.clock.now())];
  stage.answer = () => Promise.reject(new StoreError("store-unavailable", "Cannot list: it is away"));
  assert.deepEqual(await stage.lines(), []);
  stage.answer = () => Promise.resolve({ items });
  await stage.clock.advance(10_000);
  assert.equal((await stage.lines()).length, 1);
});

Deno.test("OldestWaiting waits two seconds for a slow store, and the next reader gets what came meanwhile", async () => {
  const stage = new Stage();
  const items = [observedOf("order", stage.clock.now())];
  stage.answer = () => new Promise((resolve) => void stage.clock.setTimer(5_000, () => resolve({ items })));
  const first = stage.lines();
  await stage.clock.advance(2_000);
  assert.deepEqual(await first, []);
  await stage.clock.advance(3_000);
  assert.equal((await stage.lines()).length, 1);
  assert.equal(stage.asked.length, 1);
});

Deno.test("OldestWaiting hides no fault", async () => {
  const stage = new Stage();
  stage.answer = () => Promise.reject(new TypeError("a fault"));
  await assert.rejects(stage.lines(), /a fault/);
});
