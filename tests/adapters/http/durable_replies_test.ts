import assert from "node:assert/strict";
import { type Store, systemRandom } from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { assertProblem, Desk, letGo } from "./desk.ts";
import { replyName } from "../../../runtime/messages/reply_name.ts";

const settle = "/actors/order/ada/settle";

/** Instances on one store, with one clock. */
class Fleet {
  readonly clock = new VirtualClock();
  readonly store: Store = memoryStore();
  #seed = 0;

  start(): Desk {
    const { store, clock } = this;
    return new Desk({ system: { store, replyRetentionMs: 60_000 }, clock, seed: ++this.#seed });
  }
}

async function submit(desk: Desk, headers: Record<string, string> = {}): Promise<string> {
  const response = await desk.post(settle, { cents: 450 }, headers);
  assert.equal(response.status, 202);
  return response.headers.get("location")!;
}

Deno.test("a reply is collected from any instance, as often as one likes, and after a restart", async () => {
  const fleet = new Fleet();
  let location: string;
  {
    await using desk = fleet.start();
    await using other = fleet.start();
    location = await submit(desk);
    for (const one of [desk, other]) {
      const pending = await one.get(location);
      assert.deepEqual([pending.status, pending.headers.get("retry-after")], [202, "1"]);
    }
    await desk.open();
    for (const one of [desk, other, desk]) {
      const reply = await one.get(location);
      assert.deepEqual([reply.status, await reply.json()], [200, { country: "de", cents: 450 }]);
    }
  }
  await using desk = fleet.start();
  assert.equal((await desk.get(location)).status, 200);
});

Deno.test("an accepted request is answered after the next start if its process ended before", async () => {
  const fleet = new Fleet();
  let location: string;
  {
    await using desk = fleet.start();
    const hanging = fleet.start(); // it has loaded the actor, and never replies
    location = await submit(hanging);
    const stopped = hanging.system.stop({ drainMs: 1 });
    await fleet.clock.advance(1);
    await stopped;
    assert.equal((await desk.get(location)).status, 202);
  }
  await using desk = fleet.start();
  await desk.open();
  await fleet.clock.advance(10_000); // three heartbeats: it is considered dead
  assert.equal((await desk.get(location)).status, 200);
});

Deno.test("Prefer: wait=N waits at another instance as well, and is woken when the reply comes", async () => {
  const fleet = new Fleet();
  await using desk = fleet.start();
  await using other = fleet.start();
  const location = await submit(desk);
  const early = other.get(location, { prefer: "wait=2" });
  await fleet.clock.advance(2_000);
  const pending = await early;
  assert.deepEqual([pending.status, pending.headers.get("retry-after")], [202, "1"]);
  const waiting = other.get(location, { prefer: "wait=20" });
  await fleet.clock.settle();
  await desk.open();
  const reply = await waiting; // without advancing the clock
  assert.deepEqual([reply.status, reply.headers.get("preference-applied")], [200, "wait=20"]);
});

Deno.test("a wait at another instance gets the reply although the store did not notify of it", async () => {
  const fleet = new Fleet();
  const deaf: Store = {
    engine: fleet.store.engine,
    traits: fleet.store.traits,
    open: async (services) =>
      Object.assign(await fleet.store.open(services), { watch: () => ({ [Symbol.dispose]() {} }) }),
  };
  await using desk = fleet.start();
  await using other = new Desk({ system: { store: deaf }, clock: fleet.clock, seed: 9 });
  const waiting = other.get(await submit(desk), { prefer: "wait=20" });
  await fleet.clock.settle();
  await desk.open();
  await fleet.clock.advance(2_000); // a heartbeat
  assert.equal((await waiting).status, 200);
});

Deno.test("a reply whose time is over is 410, also when the store has let it go; what never was is 404", async () => {
  const fleet = new Fleet();
  await using desk = fleet.start();
  await using other = fleet.start();
  await desk.open();
  const location = await submit(desk);
  await fleet.clock.advance(60_000);
  for (const one of [desk, other]) await assertProblem(await one.get(location), 410, "expired-reply");
  await letGo(fleet.store, "reply");
  for (const one of [desk, other]) {
    await assertProblem(await one.get(location), 410, "expired-reply");
    const never = replyName(systemRandom().ulid(fleet.clock.now()));
    await assertProblem(await one.get(`/replies/${never}`), 404, "unknown-reply");
    await assertProblem(await one.get("/replies/no-ulid"), 404, "unknown-reply");
  }
});

Deno.test("a reply is its caller's: to others there is none", async () => {
  const fleet = new Fleet();
  await using desk = fleet.start();
  const location = await submit(desk, { authorization: "Bearer ada" });
  await assertProblem(await desk.get(location), 404, "unknown-reply");
  await assertProblem(await desk.get(location, { authorization: "Bearer eve" }), 404, "unknown-reply");
  assert.equal((await desk.get(location, { authorization: "Bearer ada" })).status, 202);
});
