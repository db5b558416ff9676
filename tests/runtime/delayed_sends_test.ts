import assert from "node:assert/strict";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { DelayedSends } from "../../runtime/delayed_sends.ts";
import { Reply } from "../../runtime/messages/builtin_protocols.ts";
import { namedOperation, Route } from "../../runtime/messages/envelope.ts";
import { resolveOptions } from "../../runtime/ports/options.ts";
import { Timers } from "../../runtime/scheduling/timers.ts";

const to = { protocol: "order", key: "ada" };

function stage() {
  const clock = new VirtualClock();
  const sent: unknown[] = [];
  const { limits } = resolveOptions({ actors: [], clock });
  const sends = new DelayedSends(limits, new Timers(clock), {
    isFull: () => false,
    send: (_to, route, payload) => void sent.push([payload, route.extras?.delay]),
  });
  const hold = (payload: string, reply?: string) => {
    const delay = { dueMs: 5, delayMs: 5, atTime: false };
    const replyTo = reply && { protocol: Reply.arrive.protocol, key: reply, operation: Reply.arrive.name };
    const operation = namedOperation({ ...to, operation: "settle" });
    const route = new Route(operation, undefined, undefined, replyTo || undefined, undefined, {
      id: payload,
      delay,
    });
    sends.hold(to, route, payload, "outside");
  };
  return { clock, sent, sends, hold };
}

Deno.test("DelayedSends gives back the request of a reply until it is due, and leaves the others", async () => {
  const { clock, sent, sends, hold } = stage();
  hold("a", "reply-a");
  hold("b", "reply-b");
  hold("c");
  assert.deepEqual([sends.take("reply-a")?.payload, sends.take("reply-a"), sends.size], ["a", undefined, 2]);
  await clock.advance(5);
  assert.deepEqual([sent, sends.take("reply-b"), sends.size], [
    [["b", undefined], ["c", undefined]],
    undefined,
    0,
  ]);
});

Deno.test("DelayedSends leaves no timer behind when all are taken", () => {
  const { sends, hold } = stage();
  hold("a", "reply-a");
  hold("b");
  assert.deepEqual([sends.takeAll().map(({ payload }) => payload), sends.size], [["a", "b"], 0]);
});
