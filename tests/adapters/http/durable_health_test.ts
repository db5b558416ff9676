import assert from "node:assert/strict";
import { type Store, StoreError, systemRandom } from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import { assertProblem, Desk } from "./desk.ts";
import { replyName } from "../../../runtime/messages/reply_name.ts";

async function health(desk: Desk): Promise<readonly [status: number, body: unknown]> {
  const response = await desk.get("/healthz");
  return [response.status, await response.json()];
}

/** A store whose commits fail while it is away. */
class MoodyStore implements Store {
  readonly #store = memoryStore();
  readonly engine = this.#store.engine;
  readonly traits = this.#store.traits;
  away: StoreError | undefined;

  async open(services: Parameters<Store["open"]>[0]) {
    const connection = await this.#store.open(services);
    const commit = connection.commit.bind(connection);
    return Object.assign(connection, {
      commit: (parts: Parameters<typeof commit>[0]) =>
        this.away === undefined ? commit(parts) : Promise.reject(this.away),
    });
  }
}

Deno.test("/healthz shows the store: that it opens, and what it has shown of itself", async () => {
  await using desk = new Desk({ system: { store: memoryStore() }, healthReasons: true });
  assert.deepEqual(await health(desk), [200, {
    status: "running",
    store: { name: "memory", status: "opening" },
  }]);
  await desk.system.ready();
  assert.deepEqual(await health(desk), [200, {
    status: "running",
    store: { name: "memory", status: "volatile", reason: "it is in memory" },
  }]);
});

Deno.test("/healthz of a store that outlives its process says whether it has", async () => {
  const store = memoryStore();
  const lasting: Store = {
    engine: store.engine,
    traits: { ...store.traits, durability: "power" },
    open: (services) => store.open(services),
  };
  for (
    const [seed, status, reason] of [
      [1, "unverified", "nothing of an earlier process was found in it"],
      [2, "durable", "it has kept data since 2030-01-01T00:00:00.000Z"],
    ] as const
  ) {
    await using desk = new Desk({ system: { store: lasting }, seed, healthReasons: true });
    await desk.system.ready();
    assert.deepEqual(await health(desk), [200, {
      status: "running",
      store: { name: "memory", status, reason },
    }]);
  }
});

Deno.test("/healthz is 503 if the store cannot be opened, and so is each request that needs it", async () => {
  const { engine, traits } = memoryStore();
  const open = () =>
    Promise.reject(new StoreError("store-unavailable", "Cannot open the store: no such disk"));
  const told: unknown[] = [];
  await using desk = new Desk({
    system: { store: { engine, traits, open } },
    onError: (error) => told.push(error),
  });
  await desk.clock.settle();
  const [status, body] = await health(desk);
  assert.equal(status, 503);
  assert.deepEqual(body, {
    status: "running",
    store: { name: "memory", status: "unavailable" },
  });
  assert.equal((await desk.get("/healthz")).headers.get("retry-after"), "1");
  for (
    const [path, payload] of [
      ["/actors/order/ada/add", { sku: "tea", cents: 1 }],
      ["/actors/order/ada/count", undefined],
      ["/actors/order/ada/settle", { cents: 1 }],
      ["/events/order/raised", { country: "de", cents: 1 }],
    ] as const
  ) {
    const response = await desk.post(path, payload);
    assert.equal(response.headers.get("retry-after"), "1");
    const { detail } = await assertProblem(response, 503, "store-unavailable");
    assert.doesNotMatch(detail!, /disk/); // clients do not learn where the store is
  }
  assert.match(String(told[0]), /Cannot open the store: no such disk/);
  assert.equal(told.length, 4);
  const reply = replyName(systemRandom().ulid(desk.clock.now()));
  await assertProblem(await desk.get(`/replies/${reply}`), 503, "store-unavailable");
  assert.equal(await (await desk.get("/events/order/paused")).text(), "retry: 2000\n\n");
});

Deno.test("/healthz is 503 while a store takes no commits, which are refused, and 200 when it does again", async () => {
  const store = new MoodyStore();
  await using desk = new Desk({ system: { store }, metrics: true, healthReasons: true, onError() {} });
  const add = () => desk.post("/actors/order/ada/add", { sku: "tea", cents: 1 }, { "idempotency-key": "k" });
  await desk.system.ready();
  store.away = new StoreError("store-full", "Cannot commit: database or disk is full");
  await assertProblem(await add(), 503, "store-full");
  assert.deepEqual(await health(desk), [503, {
    status: "running",
    store: { name: "memory", status: "unavailable", reason: "Cannot commit: database or disk is full" },
  }]);
  assert.match(await (await desk.get("/metrics")).text(), /^posthorn_store_available\{store="memory"\} 0$/m);
  store.away = undefined;
  await desk.clock.advance(2_000); // a heartbeat
  assert.equal((await health(desk))[0], 200);
  assert.match(await (await desk.get("/metrics")).text(), /^posthorn_store_available\{store="memory"\} 1$/m);
  assert.equal((await add()).status, 202);
  assert.equal(await desk.total("ada"), 1); // what was refused had no effect
});

Deno.test("/metrics counts durable actors like those in memory, and has no counters of a store if there is none", async () => {
  await using desk = new Desk({ system: { store: memoryStore() }, metrics: true });
  await desk.post("/actors/order/ada/add", { sku: "tea", cents: 1 });
  await desk.total("ada");
  const text = await (await desk.get("/metrics")).text();
  assert.match(text, /^posthorn_done_total\{protocol="order"\} 2$/m);
  assert.match(text, /^posthorn_actors\{protocol="order"\} 1$/m);
  assert.match(text, /^posthorn_store_status\{store="memory",status="volatile"\} 1$/m);
  await using plain = new Desk({ metrics: true });
  assert.doesNotMatch(await (await plain.get("/metrics")).text(), /posthorn_(store|commit)/);
});
