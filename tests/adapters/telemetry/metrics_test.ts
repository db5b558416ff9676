import assert from "node:assert/strict";
import { metricsText } from "../../../adapters/telemetry/metrics.ts";

const text = metricsText({
  accepted: 10,
  done: 5,
  dead: 2,
  cancelled: 6,
  waiting: 3,
  running: 1,
  delayed: 3,
  lateReplies: 7,
  protocols: {
    order: { actors: 4, waiting: 3, done: 5, turns: { running: 2, waiting: 6 } },
    carrier: { actors: 0, waiting: 0, done: 0 },
  },
});

Deno.test("metricsText() gives every number of the stats, those of protocols by protocol", () => {
  for (
    const line of [
      "posthorn_accepted_total 10",
      "posthorn_dead_total 2",
      "posthorn_cancelled_total 6",
      "posthorn_running 1",
      "posthorn_delayed 3",
      "posthorn_late_replies_total 7",
      'posthorn_done_total{protocol="order"} 5',
      'posthorn_done_total{protocol="carrier"} 0',
      'posthorn_waiting{protocol="order"} 3',
      'posthorn_actors{protocol="order"} 4',
      'posthorn_actors_waiting{protocol="order"} 6',
    ]
  ) assert.ok(text.includes(`\n${line}\n`), line);
});

Deno.test("metricsText() is in the text format: help, type, samples, each on a line of its own", () => {
  assert.ok(text.endsWith("\n"));
  let family = "";
  for (const line of text.trimEnd().split("\n")) {
    const help = /^# HELP (posthorn_[a-z_]+) \S.*$/.exec(line);
    family = help?.[1] ?? family;
    assert.match(
      line,
      new RegExp(`^(# HELP|# TYPE) ${family} .+$|^${family}(\\{protocol="[^"]+"\\})? \\d+$`),
    );
  }
});

Deno.test("metricsText() escapes what a label must not have", () => {
  const hostile = 'a"b\\c\nposthorn_dead_total 9';
  const stats = {
    accepted: 0,
    done: 0,
    dead: 0,
    cancelled: 0,
    waiting: 0,
    delayed: 0,
    running: 0,
    lateReplies: 0,
    protocols: {},
  };
  // as it may be in a store that other programs write
  const unhosted = { [hostile]: { actors: 1, waiting: 3 } };
  const text = metricsText({ ...stats, unhosted }, { name: hostile, status: "durable" });
  const escaped = 'a\\"b\\\\c\\nposthorn_dead_total 9';
  assert.ok(text.includes(`\nposthorn_store_available{store="${escaped}"} 1\n`));
  assert.ok(text.includes(`\nposthorn_waiting_unhosted{protocol="${escaped}"} 3\n`));
  assert.doesNotMatch(text, /^posthorn_dead_total 9/m);
});

Deno.test("metricsText() gives the state of the transport, and what waits to be sent by lane", () => {
  const stats = {
    accepted: 0,
    done: 0,
    dead: 0,
    cancelled: 0,
    waiting: 0,
    delayed: 0,
    running: 0,
    lateReplies: 0,
    protocols: {},
  };
  const outbox = { "inbox:order": { waiting: 3, oldestMs: 1_500 } };
  const text = metricsText({ ...stats, outbox }, undefined, { name: "fake", status: "blocked", tenures: 2 });
  for (
    const line of [
      'posthorn_transport_connected{transport="fake"} 0',
      'posthorn_transport_tenures{transport="fake"} 2',
      'posthorn_outbox_waiting{lane="inbox:order"} 3',
      'posthorn_outbox_oldest_seconds{lane="inbox:order"} 1.5',
    ]
  ) {
    assert.ok(text.includes(`\n${line}\n`), line);
  }
  assert.doesNotMatch(metricsText(stats), /transport|outbox/);
});

Deno.test("metricsText() calls counters total and nothing else", () => {
  for (const [, name, type] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    assert.equal(type, name.endsWith("_total") ? "counter" : "gauge");
  }
});
