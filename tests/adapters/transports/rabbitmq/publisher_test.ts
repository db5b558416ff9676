import assert from "node:assert/strict";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { outgoingOf } from "../../../../adapters/transports/rabbitmq/outgoing.ts";
import { Names } from "../../../../adapters/transports/rabbitmq/names.ts";
import { Publisher } from "../../../../adapters/transports/rabbitmq/publisher.ts";
import { parcels } from "./bench.ts";
import { amqpError, ScriptedChannel, ScriptedClient } from "./scripted.ts";

async function stage() {
  const clock = new VirtualClock();
  const publisher = new Publisher(new ScriptedClient(), clock);
  const channel = new ScriptedChannel();
  await publisher.use(channel);
  const stop = new AbortController();
  const publish = (from: number, count: number) => {
    const made = parcels("order", from, count).map((parcel) => {
      const one = outgoingOf(parcel, {
        service: "shop",
        names: new Names("shop", undefined),
        nowMs: 0,
        messageBytes: 99,
      });
      assert.ok("envelope" in one);
      return one;
    });
    return publisher.publish(made, stop.signal);
  };
  return { clock, publisher, channel, publish, stop };
}

Deno.test("a publisher tells what came back from what was taken, whichever is confirmed first", async () => {
  const { publisher, channel, publish } = await stage();
  const outcomes = publish(0, 3);
  publisher.returned("m000001");
  for (const { confirm } of channel.published.toReversed()) confirm();
  assert.deepEqual(await outcomes, ["sent", "returned", "sent"]);
  assert.ok(channel.active);
});

Deno.test("of one message that is sent twice at once and comes back once, one copy counts as sent", async () => {
  const { publisher, channel, publish } = await stage();
  const both = Promise.all([publish(0, 1), publish(0, 1)]);
  publisher.returned("m000000");
  for (const { confirm } of channel.published) confirm();
  assert.deepEqual((await both).flat().toSorted(), ["returned", "sent"]);
  const next = publish(0, 1);
  channel.published.at(-1)!.confirm();
  assert.deepEqual(await next, ["sent"]); // the return is used up
});

Deno.test("after one failure a publisher closes its channel, so that nothing behind it lands", async () => {
  const { channel, publisher, publish } = await stage();
  const outcomes = publish(0, 3);
  channel.published[0].confirm();
  channel.published[1].refuse(amqpError("NACK"));
  channel.published[2].confirm();
  assert.deepEqual((await outcomes).map((outcome) => typeof outcome), ["string", "object", "string"]);
  assert.equal(publisher.active, false);
});

Deno.test("what the client leaves pending when its channel breaks ends, with what the broker said", async () => {
  const { clock, channel, publish } = await stage();
  const outcomes = publish(0, 3);
  channel.published[0].confirm();
  channel.emit("error", amqpError("ACCESS_REFUSED"));
  channel.emit("close");
  await clock.settle();
  const [first, ...others] = await outcomes;
  assert.equal(first, "sent");
  for (const outcome of others) {
    assert.ok(typeof outcome === "object");
    assert.equal((outcome.error as { code: string }).code, "ACCESS_REFUSED");
  }
});

Deno.test("a batch that is given up before it is written is not written", async () => {
  const { channel, publish, stop } = await stage();
  stop.abort();
  const outcomes = await publish(0, 2);
  assert.deepEqual(outcomes.map((outcome) => typeof outcome), ["object", "object"]);
  assert.equal(channel.published.length, 0);
});
