import assert from "node:assert/strict";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import { settingsOf } from "../../../../adapters/transports/rabbitmq/options.ts";
import { RabbitmqConnection } from "../../../../adapters/transports/rabbitmq/rabbitmq_connection.ts";
import { inboxOf, Taker } from "./bench.ts";
import { ScriptedChannel, ScriptedClient } from "./scripted.ts";

async function stage({ connected = true } = {}) {
  const clock = new VirtualClock();
  const client = new ScriptedClient();
  const opening = RabbitmqConnection.open(client, settingsOf({ url: "amqp://broker" }), {
    clock,
    random: seededRandom(7),
    service: "shop",
    instance: "a",
    store: undefined,
    report() {},
  });
  if (connected) { for (const attempt of client.attempts) attempt.connection.emit("connection"); }
  else await clock.advance(5_000);
  return { clock, client, connection: await opening };
}

Deno.test("a process that begins without a broker's answer can end before the broker has answered", async () => {
  const { clock, client, connection } = await stage({ connected: false });
  await connection.close();
  assert.ok(client.attempts.every((attempt) => attempt.connection.destroyed));
  assert.equal(clock.waiting, 0);
});

for (const way of ["disposed", "drained", "closed"] as const) {
  Deno.test(`a reader leaves nothing behind if it is ${way} while its channel opens, or right afterwards`, async () => {
    for (let microtasks = 0; microtasks <= 24; microtasks++) {
      const { clock, client, connection } = await stage();
      const opened = Promise.withResolvers<ScriptedChannel>();
      const [reading] = client.attempts;
      reading.connection.acquire = () => opened.promise;
      const reader = connection.receive(inboxOf("order"), new Taker());
      await clock.settle();
      const channel = new ScriptedChannel();
      opened.resolve(channel);
      for (let count = 0; count < microtasks; count++) await undefined;
      if (way === "disposed") reader[Symbol.dispose]();
      const ended = way === "drained"
        ? connection.drain()
        : way === "closed"
        ? connection.close()
        : undefined;
      await clock.settle();
      await ended;
      assert.ok(!channel.active);
      assert.equal(clock.waiting, 0);
      await connection.close();
    }
  });
}
