import assert from "node:assert/strict";
import {
  actorOf,
  addressOfActor,
  eventRoutingKeyOf,
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
