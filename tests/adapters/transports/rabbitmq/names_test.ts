import assert from "node:assert/strict";
import {
  actorOf,
  addressOfActor,
  deadQueueOf,
  eventRoutingKeyOf,
  isShort,
  queueOf,
  replyQueueOf,
  routingKeyOf,
} from "../../../../adapters/transports/rabbitmq/names.ts";
import type { Channel } from "@posthorn/posthorn/transport";

const inbox = { kind: "inbox", protocol: "order", operations: [] } satisfies Channel;
const event = { kind: "event", protocol: "order", event: "settled", mode: "event" } satisfies Channel;

Deno.test("each channel has a queue of its own, whatever services and protocols are called", () => {
  const queues = [
    queueOf(inbox, "order"),
    queueOf(event, "order"),
    queueOf(event, "billing"),
    queueOf({ kind: "replies" }, "order"),
    deadQueueOf(inbox, "order"),
  ];
  assert.deepEqual(queues, [
    "order",
    "order.order.settled",
    "billing.order.settled",
    "order.replies",
    "order.dead",
  ]);
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
  for (const queue of ["order", "actor", "actor:order", "billing.replies"]) {
    assert.equal(actorOf(queue), undefined);
  }
});

Deno.test("a stranger is given the name of a queue to which it can reply", () => {
  assert.equal(replyQueueOf({ kind: "replies" }, "billing"), "billing.replies");
  assert.equal(replyQueueOf({ kind: "inbox", protocol: "order", key: "ada" }, "billing"), "order");
  assert.equal(replyQueueOf({ kind: "process" }, "billing"), "amq.rabbitmq.reply-to");
});
