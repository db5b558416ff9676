import assert from "node:assert/strict";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import { Link } from "../../../../adapters/transports/rabbitmq/link.ts";
import { settingsOf } from "../../../../adapters/transports/rabbitmq/options.ts";
import { amqpError, ScriptedChannel, ScriptedClient } from "./scripted.ts";

async function stage({ url = "amqp://broker" as string | string[], prepare = () => Promise.resolve() } = {}) {
  const clock = new VirtualClock();
  const client = new ScriptedClient();
  const states: string[] = [];
  const link: Link = new Link({
    client,
    settings: settingsOf({ url }),
    services: {
      clock,
      random: seededRandom(7),
      service: "shop",
      instance: "a",
      store: undefined,
      report() {},
    },
    name: "shop a in",
    prepare,
    changed: () => void states.push(link.state.status),
  });
  await clock.settle();
  /** How long it takes until the next attempt. */
  const untilNextMs = async () => {
    const before = client.attempts.length;
    let ms = 0;
    for (; client.attempts.length === before; ms += 50) {
      assert.ok(ms < 120_000, "there is no other attempt");
      await clock.advance(50);
    }
    return ms;
  };
  return { clock, client, link, states, untilNextMs };
}

Deno.test("a broker that is away is tried again after at most five seconds, as often as it takes", async () => {
  const { clock, client, link, untilNextMs } = await stage();
  for (let attempt = 0; attempt < 12; attempt++) {
    client.last.emit("error", amqpError("ECONNREFUSED", "connect ECONNREFUSED 10.0.0.1:5672"));
    assert.ok(await untilNextMs() <= 5_000);
  }
  assert.equal(link.state.status, "connecting");
  assert.match(link.state.reason!, /broker:5672.*ECONNREFUSED/);
  assert.ok(client.attempts.slice(0, -1).every(({ connection }) => connection.destroyed));
  client.last.emit("connection");
  await clock.settle();
  assert.deepEqual(link.state, { status: "connected" });
  await link.close();
});

Deno.test("a broker that lets nobody in is tried at longer intervals, and says so however it began", async () => {
  const { client, link, untilNextMs } = await stage();
  client.last.emit("error", amqpError("ECONNREFUSED"));
  await untilNextMs();
  client.last.emit("error", amqpError("ACCESS_REFUSED", "Login was refused"));
  const waits = [await untilNextMs()];
  assert.equal(link.state.status, "refused");
  for (let attempt = 0; attempt < 6; attempt++) {
    client.last.emit("error", amqpError("ACCESS_REFUSED", "Login was refused"));
    waits.push(await untilNextMs());
  }
  assert.ok(waits[0] >= 2_500 && waits.at(-1)! >= 30_000, waits.join());
  await link.close();
});

Deno.test("a connection that breaks while it is blocked is not blocked when it is back", async () => {
  const { clock, client, link, states, untilNextMs } = await stage();
  client.last.emit("connection");
  await clock.settle();
  client.last.emit("connection.blocked", "low on memory");
  assert.match(link.state.reason!, /low on memory/);
  client.last.emit("error", amqpError("ECONNRESET"));
  await untilNextMs();
  client.last.emit("connection");
  await clock.settle();
  assert.deepEqual(states, ["connected", "blocked", "connecting", "connected"]);
  await link.close();
});

Deno.test("the nodes of a cluster are tried in turn", async () => {
  const { client, link, untilNextMs } = await stage({ url: ["amqp://one", "amqp://two:7"] });
  for (let attempt = 0; attempt < 3; attempt++) {
    client.last.emit("error", amqpError("ECONNREFUSED"));
    await untilNextMs();
  }
  const tried = client.attempts.map(({ options }) => `${options.hostname}:${options.port}`);
  assert.deepEqual(tried, ["one:5672", "two:7", "one:5672", "two:7"]);
  await link.close();
});

Deno.test("a connection that cannot be prepared is not used", async () => {
  const prepare = () => Promise.reject(amqpError("ACCESS_REFUSED", "access to queue 'shop.store' refused"));
  const { clock, client, link } = await stage({ prepare });
  client.last.emit("connection");
  await clock.settle();
  assert.equal(link.state.status, "refused");
  assert.ok(client.last.destroyed);
  await link.close();
});

Deno.test("a connection that breaks while it is prepared is not used, although that succeeds", async () => {
  const prepared = Promise.withResolvers<void>();
  const { clock, client, link, states } = await stage({ prepare: () => prepared.promise });
  client.last.emit("connection");
  client.last.emit("error", amqpError("ECONNRESET"));
  prepared.resolve();
  await clock.settle();
  assert.deepEqual(states, ["connecting"]);
  await link.close();
});

Deno.test("what a connection says when it is over is not heard, and it is closed if it says that it is open", async () => {
  const { clock, client, states, link } = await stage();
  const { last } = client;
  last.emit("error", amqpError("ECONNRESET"));
  await clock.settle();
  last.emit("connection");
  last.emit("connection.blocked", "low on memory");
  last.emit("connection.unblocked");
  await clock.settle();
  assert.deepEqual(states, ["connecting"]);
  assert.ok(last.closed);
  await link.close();
});

Deno.test("a channel that opens when nobody waits for it any more is closed", async () => {
  const { clock, client, link } = await stage();
  client.last.emit("connection");
  await clock.settle();
  const opened = Promise.withResolvers<ScriptedChannel>();
  client.last.acquire = () => opened.promise;
  const stop = new AbortController();
  const waiting = link.channel(stop.signal);
  stop.abort();
  const channel = new ScriptedChannel();
  opened.resolve(channel);
  assert.equal(await waiting, undefined);
  assert.ok(!channel.active);
  await link.close();
});

for (const status of ["connecting", "connected", "blocked", "refused"]) {
  Deno.test(`a link that is ${status} can be closed, and leaves no timer and no connection`, async () => {
    const { clock, client, link } = await stage();
    if (status === "refused") client.last.emit("error", amqpError("ACCESS_REFUSED"));
    else if (status !== "connecting") client.last.emit("connection");
    await clock.settle();
    if (status === "blocked") client.last.emit("connection.blocked", "low on memory");
    assert.equal(link.state.status, status);
    const waiting = status === "connected" ? undefined : link.channel(new AbortController().signal);
    await link.close();
    assert.equal(await waiting, undefined);
    assert.ok(client.attempts.every(({ connection }) => connection.destroyed));
    assert.equal(client.last.closed, status === "connected"); // with grace, if the broker can answer
    assert.equal(clock.waiting, 0);
  });
}
