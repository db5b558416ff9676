// How numbers are told to an SDK: together, and durations of a sample if there are many.

import assert from "node:assert/strict";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { Instruments } from "../../../../adapters/telemetry/opentelemetry/instruments.ts";
import { Labels } from "../../../../adapters/telemetry/opentelemetry/labels.ts";
import { TracedOperation } from "../../../../adapters/telemetry/opentelemetry/operation.ts";
import { Recorder } from "./recorder.ts";

class Measured {
  readonly clock = new VirtualClock();
  readonly recorder = new Recorder();
  /** Whether somebody will say when the system has ended. */
  gathers = true;
  readonly instruments = new Instruments(this.recorder, this.clock, () => this.gathers);
  readonly labels = new Labels().of({ protocol: "order", operation: "place" });

  /** Sends some messages one after the other. */
  send(times: number, error?: Error): void {
    for (let n = 0; n < times; n++) {
      const tally = this.instruments.sends(this.labels);
      const operation = new TracedOperation(undefined, tally, tally.begin(this.clock), this.clock);
      if (error === undefined) operation.succeeded();
      else operation.failed(error);
    }
  }

  get sent(): number[] {
    return this.recorder.values.get("messaging.client.sent.messages")!.map(({ value }) => value);
  }

  get durations(): number {
    return this.recorder.values.get("messaging.client.operation.duration")!.length;
  }
}

Deno.test("successes are counted together, once a second, and what is left when the system ends", async () => {
  const it = new Measured();
  it.send(3);
  assert.deepEqual(it.sent, []);
  await it.clock.advance(1_000);
  assert.deepEqual(it.sent, [3]);
  await it.clock.advance(5_000);
  assert.deepEqual(it.sent, [3]); // nothing is armed while nothing happens
  it.send(2);
  it.gathers = false;
  it.instruments.end();
  assert.deepEqual(it.sent, [3, 2]);
  assert.equal(it.clock.waiting, 0);
  it.send(1); // what ends after the system is counted at once
  assert.deepEqual(it.sent, [3, 2, 1]);
  assert.equal(it.clock.waiting, 0);
});

Deno.test("failures are counted at once, by their type", () => {
  const it = new Measured();
  it.send(1);
  it.send(2, new TypeError("no"));
  assert.deepEqual(it.sent, [1, 1]);
  const [{ attributes }] = it.recorder.values.get("messaging.client.sent.messages")!;
  assert.equal(attributes["error.type"], "TypeError");
});

Deno.test("a thousand durations are recorded at once, and of more a hundred a second", async () => {
  const it = new Measured();
  it.send(1_000);
  assert.equal(it.durations, 1_000);
  it.send(5_000);
  assert.equal(it.durations, 1_000);
  await it.clock.advance(500);
  it.send(5_000);
  assert.equal(it.durations, 1_050);
  await it.clock.advance(60_000);
  it.send(5_000);
  assert.equal(it.durations, 2_050);
  it.instruments.end();
  assert.equal(it.sent.reduce((sum, value) => sum + value), 16_000); // the numbers are of all
});

Deno.test("of the few messages after a burst each duration is recorded, whether they succeed or not", async () => {
  for (const error of [undefined, new TypeError("no")]) {
    const it = new Measured();
    it.send(2_000, error);
    for (let n = 1; n <= 10; n++) {
      await it.clock.advance(10_000);
      it.send(1, error);
      assert.equal(it.durations, 1_000 + n);
    }
  }
});
