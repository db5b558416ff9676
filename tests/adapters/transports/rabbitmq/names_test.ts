import assert from "node:assert/strict";
import {
  actorOf,
  addressOfActor,
  eventRoutingKeyOf,
  isDirectAddress,
  isShort,
  Names,
  routingKeyOf,
} from "../../../../adapters/transports/rabbitmq/names.ts";
import type { Channel } from "@posthorn/posthorn/transport";

const inbox = { kind: "inbox", protocol: "order", operations: [] } satisfies Channel;
const event = { kind: "event", protocol: "order", event: "settled", mode: "event" } satisfies Channel;

Deno.test("each channel has a queue of its own, whatever services and protocols are called", () => {
  const namesOf = (service: string, namespace?: string) => {
    const names = new Names(service, namespace);
    const queues = ([inbox, event, { kind: "replies" }] as const).map((channel) => names.queue(channel));
    return [...queues, names.dead(inbox), names.storeMark, names.serviceMark("order"), names.events];
  };
  const plain = [
    "order",
    "order.order.settled",
    "order.replies",
    "order.dead",
    "order.store",
    "order.service",
  ];
  assert.deepEqual(namesOf("order"), [...plain, "posthorn.events"]);
  assert.equal(namesOf("billing")[1], "billing.order.settled");
  assert.deepEqual(
    namesOf("order", "staging"),
    [...plain, "posthorn.events"].map((name) => `staging.${name}`),
  );
  for (const service of ["order", "billing"]) assert.equal(new Set(namesOf(service)).size, 7);
});

Deno.test("a key that is too long for a routing key is replaced by a hash, and no other", () => {
  for (const key of ["ada", "x".repeat(255), "é".repeat(127), "日".repeat(85)]) {
    assert.equal(routingKeyOf(key), key);
  }
  for (const key of ["x".repeat(256), "é".repeat(128), "日".repeat(170)]) {
    assert.ok(isShort(routingKeyOf(key)));
    assert.notEqual(routingKeyOf(key), routingKeyOf(`${key}y`));
  }
});

Deno.test("an event with a subject that is too long can still be bound by its name", () => {
  assert.equal(eventRoutingKeyOf("order", "settled", ""), "order.settled");
  assert.equal(eventRoutingKeyOf("order", "settled", "de.berlin"), "order.settled.de.berlin");
  const long = eventRoutingKeyOf("order", "settled", "x".repeat(512));
  assert.ok(long.startsWith("order.settled.") && isShort(long));
});

Deno.test("the address of an actor names it whatever its key, and a queue is no actor", () => {
  for (const key of ["ada", "a/b:c", "日".repeat(170)]) {
    assert.deepEqual(actorOf(addressOfActor("order", key)), { protocol: "order", key });
  }
  for (
    const queue of [
      "order",
      "actor",
      "actor:order",
      "billing.replies",
      "actor:/order",
      "actor:posthorn.events/x",
    ]
  ) {
    assert.equal(actorOf(queue), undefined);
  }
});

Deno.test("a stranger is given the name of a queue to which it can reply", () => {
  const names = new Names("billing", "staging");
  assert.equal(names.replyQueue({ kind: "replies" }), "staging.billing.replies");
  assert.equal(names.replyQueue({ kind: "inbox", protocol: "order", key: "ada" }), "staging.order");
  assert.equal(names.replyQueue({ kind: "process" }), "amq.rabbitmq.reply-to");
});

Deno.test("an address of a direct reply is as RabbitMQ makes them", () => {
  const prefix = "amq.rabbitmq.reply-to.";
  const key = "vtthCW7Gyom3WYZ3l53Yyg==";
  const made = "g1h2AA5yZXBseUAxNTEyODY3NgAAVfoAAAABawjFPw==";
  assert.ok(isDirectAddress(`${prefix}${made}.${key}`));
  const bytes = Uint8Array.from(atob(made), (character) => character.charCodeAt(0));
  const changed = (index: number, byte: number) => {
    const copy = bytes.slice();
    copy[index] = byte;
    return `${prefix}${btoa(String.fromCharCode(...copy))}.${key}`;
  };
  const cut = btoa(String.fromCharCode(...bytes.subarray(0, -1)));
  const others = [
    prefix,
    `${prefix}garbage`,
    `${prefix}${made}`,
    `${prefix}${made}.`,
    `${prefix}${made.slice(1)}.${key}`,
    `${prefix}${made}.${key}.${key}`,
    `${prefix}${cut}.${key}`,
    changed(0, 132), // no Erlang term
    changed(1, 97), // no process
    changed(2, 100), // its node is no atom as RabbitMQ writes it
    changed(4, 13), // its node is shorter than it says
    changed(11, 120), // its node is no number
    changed(19, 255), // its number is larger than any
    "actor:order/ada",
    "nobody",
  ];
  assert.deepEqual(others.filter(isDirectAddress), []);
});
