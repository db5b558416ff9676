import assert from "node:assert/strict";
import { exposition } from "../../../adapters/telemetry/exposition.ts";
import { systemFamilies } from "../../../adapters/telemetry/system_families.ts";
import type { Stats } from "../../../runtime/ports/stats.ts";
import { assertLines } from "./sample_lines.ts";

const nothing: Stats = {
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

function textOf(...args: Parameters<typeof systemFamilies>): string {
  return exposition(systemFamilies(...args), "prometheus");
}

Deno.test("systemFamilies() gives every number of the stats, those of protocols by protocol", () => {
  const text = textOf({
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
  assertLines(text, [
    "posthorn_accepted_total 10",
    "posthorn_cancelled_total 6",
    "posthorn_running 1",
    "posthorn_delayed 3",
    "posthorn_late_replies_total 7",
    'posthorn_done_total{protocol="order"} 5',
    'posthorn_done_total{protocol="carrier"} 0',
    'posthorn_waiting{protocol="order"} 3',
    'posthorn_actors{protocol="order"} 4',
    'posthorn_actors_waiting{protocol="order"} 6',
  ]);
  assert.doesNotMatch(text, /actors_waiting\{protocol="carrier"/);
});

Deno.test("systemFamilies() gives the mail that nobody hosts, whatever its protocol is called", () => {
  // as it may be in a store that other programs write
  const unhosted = { 'a"b\\c\nposthorn_dead_total 9': { actors: 1, waiting: 3 } };
  const text = textOf({ ...nothing, unhosted });
  assertLines(text, ['posthorn_waiting_unhosted{protocol="a\\"b\\\\c\\nposthorn_dead_total 9"} 3']);
  assert.doesNotMatch(text, /^posthorn_dead_total 9/m);
});

Deno.test("systemFamilies() says whether the store accepts commits, and which status it has", () => {
  for (const status of ["durable", "unverified", "volatile", "opening", "unavailable"] as const) {
    const text = textOf(nothing, { name: "sqlite", status });
    const available = status === "opening" || status === "unavailable" ? 0 : 1;
    assertLines(text, [`posthorn_store_available{store="sqlite"} ${available}`]);
    const statuses = [...text.matchAll(/^posthorn_store_status\{store="sqlite",status="(\w+)"\} (\d)$/gm)];
    assert.equal(statuses.length, 5);
    assert.deepEqual(statuses.filter(([, , value]) => value === "1").map(([, name]) => name), [status]);
  }
});

Deno.test("systemFamilies() gives the state of the transport, and what waits to be sent by lane", () => {
  const outbox = { "inbox:order": { waiting: 3, oldestMs: 1_500 }, "event:order.paid": { waiting: 0 } };
  const transport = { name: "fake", status: "blocked", tenures: 2 } as const;
  const text = textOf({ ...nothing, outbox }, undefined, transport);
  assertLines(text, [
    'posthorn_transport_connected{transport="fake"} 0',
    'posthorn_transport_status{transport="fake",status="connected"} 0',
    'posthorn_transport_status{transport="fake",status="blocked"} 1',
    'posthorn_transport_tenures{transport="fake"} 2',
    'posthorn_outbox_waiting{lane="inbox:order"} 3',
    'posthorn_outbox_oldest_seconds{lane="inbox:order"} 1.5',
    'posthorn_outbox_oldest_seconds{lane="event:order.paid"} 0',
  ]);
  assert.equal([...text.matchAll(/^posthorn_transport_status/gm)].length, 4);
});

Deno.test("systemFamilies() has nothing of a store, a transport or a bound that the system does not have", () => {
  assert.doesNotMatch(textOf(nothing), /store|transport|outbox|unhosted|actors_waiting/);
});

Deno.test("systemFamilies() calls counters total and nothing else", () => {
  const families = systemFamilies(nothing, { name: "s", status: "durable" }, {
    name: "t",
    status: "connected",
  });
  for (const { name, type } of families) assert.equal(type === "counter", name.endsWith("_total"), name);
});
