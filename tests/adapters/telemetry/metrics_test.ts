// The metrics of real systems, in memory and on each store.

import assert from "node:assert/strict";
import { actor, protocol, RetryableError, System, tell, TerminalError, unchecked } from "@posthorn/posthorn";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import { Metrics } from "../../../adapters/telemetry/metrics.ts";
import { kinds, onEach, type Stage } from "../../runtime/durable/durable_stage.ts";
import { assertLines } from "./sample_lines.ts";

const Oven = protocol("oven", { bake: tell(unchecked<number>()), burn: tell(), break: tell() });

/** An actor that takes as long as it is told, fails at its first attempt, or for ever. */
function ovenOf(clock: VirtualClock) {
  const passed = (ms: number) => new Promise<void>((resolve) => void clock.setTimer(ms, resolve));
  return actor(Oven, {
    state: () => 0,
    on: {
      async bake(ctx, ms) {
        await passed(ms);
        ctx.state = ctx.state + 1;
      },
      burn(ctx) {
        if (ctx.attempt === 1) throw new RetryableError("It is too hot", { afterMs: 50 });
      },
      break() {
        throw new TerminalError("It is broken", { code: "broken" });
      },
    },
  });
}

/** What a service does in a while: three loaves one after another, one that burns at first, and an end. */
async function work(system: System, advance: (ms: number) => Promise<void>): Promise<void> {
  const main = system.ref(Oven, "main");
  for (let loaf = 0; loaf < 3; loaf++) {
    await main.tell(Oven.bake, 20);
    await advance(10);
    await main.tell(Oven.bake, 20); // waits for the one before
    await advance(100);
  }
  await main.tell(Oven.burn);
  await advance(1_000);
  await main.tell(Oven.break);
  await advance(100);
}

/** The lines of the metrics of that work. */
const worked = [
  'posthorn_done_total{protocol="oven"} 7',
  'posthorn_wait_seconds_count{protocol="oven",operation="bake"} 6',
  'posthorn_wait_seconds_count{protocol="oven",operation="burn"} 1',
  'posthorn_turn_seconds_count{protocol="oven",operation="bake"} 6',
  'posthorn_turn_seconds_bucket{le="0.01",protocol="oven",operation="bake"} 0',
  'posthorn_turn_seconds_bucket{le="0.05",protocol="oven",operation="bake"} 6',
  'posthorn_turn_seconds_count{protocol="oven",operation="burn"} 2',
  'posthorn_failed_total{protocol="oven",operation="bake"} 0',
  'posthorn_failed_total{protocol="oven",operation="burn"} 1',
  'posthorn_retried_total{protocol="oven",operation="burn"} 1',
  'posthorn_failed_total{protocol="oven",operation="break"} 1',
  'posthorn_retried_total{protocol="oven",operation="break"} 0',
  'posthorn_dead_total{reason="broken"} 1',
];

Deno.test("Metrics of a system in memory measure its waiting, its turns and its failures", async () => {
  const clock = new VirtualClock();
  await using system = new System({ actors: [ovenOf(clock)], clock, random: seededRandom(1), log: false });
  const metrics = Metrics.of(system);
  await clock.advance(5);
  await work(system, (ms) => clock.advance(ms));
  const text = await metrics.text("prometheus");
  assertLines(text, worked);
  // Three found nobody before them, and three waited for half of the turn before.
  assertLines(text, [
    'posthorn_wait_seconds_bucket{le="0.005",protocol="oven",operation="bake"} 3',
    'posthorn_wait_seconds_bucket{le="0.01",protocol="oven",operation="bake"} 6',
    'posthorn_wait_seconds_sum{protocol="oven",operation="bake"} 0.03',
  ]);
  assert.doesNotMatch(text, /posthorn_(store|commit|oldest)/);
});

onEach(kinds, "Metrics measure a system on a store, and its commits", async (stage: Stage) => {
  const system = await stage.start([ovenOf(stage.clock)]);
  const metrics = Metrics.of(system);
  await work(system, (ms) => stage.pass(ms, 10));
  const text = await metrics.text("prometheus");
  assertLines(text, worked);
  const [, commits] = /^posthorn_commits_total (\d+)$/m.exec(text)!;
  assert.ok(Number(commits) >= 8, commits);
  assertLines(text, [
    `posthorn_commit_seconds_count ${commits}`,
    `posthorn_parts_per_commit_count ${commits}`,
  ]);
});

onEach(kinds, "Metrics say how long the oldest message has waited, whoever accepted it", async (stage) => {
  const first = await stage.start([ovenOf(stage.clock)]);
  await first.ref(Oven, "main").tell(Oven.bake, 600_000);
  await first.ref(Oven, "main").tell(Oven.bake, 20);
  await stage.pass(30_000);
  const metrics = Metrics.of(first);
  const oldestOf = async () =>
    Number(
      /^posthorn_oldest_waiting_seconds\{protocol="oven"\} ([\d.]+)$/m.exec(await metrics.text("prometheus"))
        ?.[1],
    );
  const oldest = await oldestOf();
  assert.ok(oldest >= 29 && oldest <= 40, `${oldest} s`);
});

Deno.test("Metrics count a burst of messages in total, although they measure few of them", async () => {
  const clock = new VirtualClock();
  const Pan = protocol("pan", { fry: tell() });
  const pan = actor(Pan, { state: () => null, on: { fry() {} }, mailbox: { capacity: 10_000 } });
  await using system = new System({ actors: [pan], clock });
  const metrics = Metrics.of(system);
  const main = system.ref(Pan, "main");
  for (let burst = 0; burst < 3; burst++) {
    for (let index = 0; index < 5_000; index++) void main.tell(Pan.fry);
    await clock.advance(100);
  }
  await main.tell(Pan.fry); // stands for all since the last one that was measured
  await clock.advance(100);
  assertLines(await metrics.text("prometheus"), [
    'posthorn_done_total{protocol="pan"} 15001',
    'posthorn_wait_seconds_count{protocol="pan",operation="fry"} 15001',
    'posthorn_turn_seconds_count{protocol="pan",operation="fry"} 15001',
  ]);
});
