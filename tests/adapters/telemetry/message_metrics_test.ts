import assert from "node:assert/strict";
import { exposition } from "../../../adapters/telemetry/exposition.ts";
import { MessageMetrics } from "../../../adapters/telemetry/message_metrics.ts";
import type { DeadLetter } from "../../../runtime/ports/dead_letters.ts";
import type { InspectedMessage } from "../../../runtime/ports/inspection.ts";
import { assertLines, numbersOf } from "./sample_lines.ts";

function messageOf(changes: Partial<InspectedMessage> = {}): InspectedMessage {
  return {
    protocol: "order",
    key: "ada",
    operation: "add",
    mode: "tell",
    id: "1",
    causationId: undefined,
    correlationId: "1",
    attempts: 1,
    acceptedMs: 1_000,
    stands: 1,
    headers: undefined,
    ...changes,
  };
}

function letterOf(reason: string): DeadLetter {
  return {
    protocol: "order",
    key: "ada",
    operation: "add",
    id: "1",
    payload: null,
    reason,
    message: "",
    attempts: 1,
    atMs: 0,
  };
}

const error = new Error("No");

Deno.test("MessageMetrics measures waiting and turns by operation, in seconds", () => {
  const metrics = new MessageMetrics();
  metrics.observe({ type: "accepted", message: messageOf() });
  metrics.observe({ type: "started", message: messageOf(), waitedMs: 20 });
  metrics.observe({ type: "done", message: messageOf(), tookMs: 3 });
  const other = messageOf({ operation: "settle" });
  metrics.observe({ type: "started", message: other, waitedMs: 1_500 });
  metrics.observe({ type: "cancelled", message: other, tookMs: 400 });
  const text = exposition(metrics.families(0, false), "prometheus");
  assertLines(text, [
    'posthorn_wait_seconds_bucket{le="0.01",protocol="order",operation="add"} 0',
    'posthorn_wait_seconds_bucket{le="0.025",protocol="order",operation="add"} 1',
    'posthorn_wait_seconds_count{protocol="order",operation="add"} 1',
    'posthorn_wait_seconds_sum{protocol="order",operation="add"} 0.02',
    'posthorn_wait_seconds_sum{protocol="order",operation="settle"} 1.5',
    'posthorn_turn_seconds_bucket{le="0.0025",protocol="order",operation="add"} 0',
    'posthorn_turn_seconds_bucket{le="0.005",protocol="order",operation="add"} 1',
    'posthorn_turn_seconds_sum{protocol="order",operation="settle"} 0.4',
  ]);
  assert.doesNotMatch(text, /commit/);
});

Deno.test("MessageMetrics counts a sampled message as often as it stands for one", () => {
  const metrics = new MessageMetrics();
  const message = messageOf({ stands: 256 });
  metrics.observe({ type: "started", message, waitedMs: 2_000 });
  metrics.observe({ type: "done", message, tookMs: 500 });
  const numbers = numbersOf(metrics.families(0, false));
  for (
    const line of [
      'posthorn_wait_seconds_count{protocol="order",operation="add"} 256',
      'posthorn_wait_seconds_sum{protocol="order",operation="add"} 512',
      'posthorn_turn_seconds_count{protocol="order",operation="add"} 256',
      'posthorn_turn_seconds_sum{protocol="order",operation="add"} 128',
    ]
  ) assert.ok(numbers.includes(line), line);
});

Deno.test("MessageMetrics counts each failure once, whatever its message stands for, and measures its turn", () => {
  const metrics = new MessageMetrics();
  const first = messageOf({ stands: 64 });
  metrics.observe({ type: "started", message: first, waitedMs: 0 });
  metrics.observe({ type: "failed", message: first, error, tookMs: 500 });
  metrics.observe({ type: "retrying", message: first, afterMs: 100, tookMs: 500 });
  const second = messageOf({ stands: 64, attempts: 2 });
  metrics.observe({ type: "started", message: second, waitedMs: 600 }); // from its acceptance
  metrics.observe({ type: "failed", message: second, error, tookMs: 500 });
  assert.deepEqual(numbersOf(metrics.families(0, false)), [
    'posthorn_wait_seconds_sum{protocol="order",operation="add"} 0',
    'posthorn_wait_seconds_count{protocol="order",operation="add"} 64',
    'posthorn_turn_seconds_sum{protocol="order",operation="add"} 64',
    'posthorn_turn_seconds_count{protocol="order",operation="add"} 128',
    'posthorn_failed_total{protocol="order",operation="add"} 2',
    'posthorn_retried_total{protocol="order",operation="add"} 1',
  ]);
});

Deno.test("MessageMetrics counts a failure also if nobody measured its turn", () => {
  const metrics = new MessageMetrics();
  metrics.observe({ type: "started", message: messageOf(), waitedMs: undefined });
  metrics.observe({ type: "failed", message: messageOf(), error, tookMs: undefined });
  assert.deepEqual(numbersOf(metrics.families(0, false)), [
    'posthorn_wait_seconds_sum{protocol="order",operation="add"} 0',
    'posthorn_wait_seconds_count{protocol="order",operation="add"} 0',
    'posthorn_turn_seconds_sum{protocol="order",operation="add"} 0',
    'posthorn_turn_seconds_count{protocol="order",operation="add"} 0',
    'posthorn_failed_total{protocol="order",operation="add"} 1',
    'posthorn_retried_total{protocol="order",operation="add"} 0',
  ]);
});

Deno.test("MessageMetrics counts dead letters by reason, and all that it has not seen together", () => {
  const metrics = new MessageMetrics();
  assert.deepEqual(numbersOf(metrics.families(0, false)), []);
  for (const reason of ["failed", "card-refused", "failed"]) {
    metrics.observe({ type: "dead", letter: letterOf(reason) });
  }
  assert.deepEqual(numbersOf(metrics.families(7, false)), [
    'posthorn_dead_total{reason="failed"} 2',
    'posthorn_dead_total{reason="card-refused"} 1',
    'posthorn_dead_total{reason="~other"} 4',
  ]);
});

Deno.test("MessageMetrics has numbers of their own for 50 reasons, and loses no dead letter behind them", () => {
  const metrics = new MessageMetrics();
  for (let index = 0; index < 1_000; index++) {
    metrics.observe({ type: "dead", letter: letterOf(`refused-${index}`) });
  }
  metrics.observe({ type: "dead", letter: letterOf("refused-0") });
  const numbers = numbersOf(metrics.families(1_001, false));
  assert.equal(numbers.length, 51);
  assert.equal(numbers[0], 'posthorn_dead_total{reason="refused-0"} 2');
  assert.equal(numbers[50], 'posthorn_dead_total{reason="~other"} 950');
});

Deno.test("MessageMetrics counts a reason among the others if it is called so, or is no word", () => {
  const metrics = new MessageMetrics();
  for (const reason of ["~other", "x".repeat(101), "x".repeat(100), "~other", "\ud800", "\ud801"]) {
    metrics.observe({ type: "dead", letter: letterOf(reason) });
  }
  assert.deepEqual(numbersOf(metrics.families(6, false)), [
    `posthorn_dead_total{reason="${"x".repeat(100)}"} 1`,
    'posthorn_dead_total{reason="~other"} 5',
  ]);
});

Deno.test("MessageMetrics has numbers of their own for 200 operations: those after them share one", () => {
  const metrics = new MessageMetrics();
  for (let index = 0; index < 200; index++) {
    const message = messageOf({ protocol: `p${index >> 1}`, operation: `o${index & 1}` });
    metrics.observe({ type: "started", message, waitedMs: 1_000 });
  }
  const countsOf = (): string[] =>
    numbersOf(metrics.families(0, false)).filter((line) => line.startsWith("posthorn_wait_seconds_count"));
  assert.equal(countsOf().length, 200);
  for (let index = 0; index < 1_000; index++) {
    const message = messageOf({ protocol: "late", operation: `o${index}` });
    metrics.observe({ type: "started", message, waitedMs: 1_000 });
    metrics.observe({ type: "failed", message, error, tookMs: 1 });
  }
  metrics.observe({
    type: "started",
    message: messageOf({ protocol: "p0", operation: "o0" }),
    waitedMs: 1_000,
  });
  const counts = countsOf();
  assert.equal(counts.length, 201);
  assert.equal(counts[0], 'posthorn_wait_seconds_count{protocol="p0",operation="o0"} 2');
  assert.equal(counts[200], 'posthorn_wait_seconds_count{protocol="~other",operation="~other"} 1000');
});

Deno.test("MessageMetrics measures commits and their parts if there is a store", () => {
  const metrics = new MessageMetrics();
  metrics.observe({ type: "committed", tookMs: 2, parts: 25 });
  metrics.observe({ type: "committed", tookMs: 6, parts: 1 });
  assert.deepEqual(numbersOf(metrics.families(0, true)), [
    "posthorn_commits_total 2",
    "posthorn_commit_seconds_sum 0.008",
    "posthorn_commit_seconds_count 2",
    "posthorn_parts_per_commit_sum 26",
    "posthorn_parts_per_commit_count 2",
  ]);
  assertLines(exposition(metrics.families(0, true), "prometheus"), [
    'posthorn_commit_seconds_bucket{le="0.0025"} 1',
    'posthorn_parts_per_commit_bucket{le="16"} 1',
    'posthorn_parts_per_commit_bucket{le="32"} 2',
  ]);
});

Deno.test("MessageMetrics takes every other event without counting it", () => {
  const metrics = new MessageMetrics();
  const actor = { protocol: "order", key: "ada" };
  metrics.observe({ type: "activated", actor });
  metrics.observe({ type: "escalated", actor, error });
  metrics.observe({ type: "callback-failed", callback: "inspect", error });
  metrics.observe({ type: "unreadable", row: "r", error });
  metrics.observe({ type: "transport-failed", transport: "nats", error });
  assert.deepEqual(numbersOf(metrics.families(0, false)), []);
});
