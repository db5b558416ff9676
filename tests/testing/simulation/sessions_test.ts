// The presence of a simulated store: locks of sessions, which end with a process, and for other reasons.

import assert from "node:assert/strict";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import type { StoreConnection } from "../../../runtime/ports/store.ts";
import type { SimulatedFaults } from "../../../testing/simulation/faults.ts";
import { SimulatedStore, type SimulatedStoreOptions } from "../../../testing/simulation/store.ts";

/** A store that is asked in the time of a clock. */
class Server {
  readonly clock = new VirtualClock();
  readonly store: SimulatedStore;

  constructor(faults: SimulatedFaults = {}, times: SimulatedStoreOptions["times"] = {}) {
    this.store = new SimulatedStore({
      clock: this.clock,
      random: seededRandom(1),
      faults,
      times: { latencyMsMax: 2, ...times },
      presence: true,
    });
  }

  open(name: string): Promise<StoreConnection> {
    return this.store.instance(name).open({ clock: this.clock });
  }

  async after<Result>(ms: number, promise: Promise<Result>): Promise<Result> {
    await this.clock.advance(ms);
    return await promise;
  }

  async isGone({ presence }: StoreConnection, instance: string): Promise<boolean> {
    return (await this.after(20_000, presence!.gone([instance]))).has(instance);
  }
}

/** A connection that holds an instance, and one that asks. */
async function holding(server: Server) {
  const held = await server.open("held");
  assert.equal(await server.after(5, held.presence!.hold("one")), true);
  return { held, asking: await server.open("asking") };
}

Deno.test("a crash is known when the lock was free for a while, and a pause is none", async () => {
  const server = new Server();
  const instance = server.store.instance("held");
  const held = await instance.open({ clock: server.clock });
  assert.equal(await server.after(5, held.presence!.hold("one")), true);
  const asking = await server.open("asking");
  assert.equal(await server.isGone(asking, "one"), false);
  instance.pause();
  assert.equal(await server.isGone(asking, "one"), false);
  instance.crash();
  let gone: ReadonlySet<string> | undefined;
  void asking.presence!.gone(["one"]).then((found) => gone = found);
  await server.clock.advance(249);
  assert.equal(gone, undefined);
  await server.clock.advance(10);
  assert.deepEqual([...gone ?? []], ["one"]);
});

Deno.test("a session that is lost is no death if another one begins in time, and else seems to be one", async () => {
  for (
    const { sessionMsMax, isGone } of [{ sessionMsMax: 200, isGone: false }, {
      sessionMsMax: 1e6,
      isGone: true,
    }]
  ) {
    const server = new Server({}, { sessionMsMax });
    const { held, asking } = await holding(server);
    server.store.faults = { sessionLost: 1 };
    void held.presence!.gone(["nobody"]); // it loses its own
    await server.clock.settle();
    server.store.faults = {};
    const gone = await server.after(300, asking.presence!.gone(["one"]));
    assert.equal(gone.has("one"), isGone);
    await server.clock.advance(1e6);
    assert.equal(await server.isGone(asking, "one"), false);
  }
});

Deno.test("who has no session hears no notification, and is called when another one begins", async () => {
  const server = new Server({}, { sessionMsMax: 1_000 });
  const { held, asking } = await holding(server);
  let heard = 0;
  held.watch(() => heard++);
  const ring = () =>
    server.after(
      50,
      asking.commit([{
        checks: [],
        writes: [{ key: "a", value: new Uint8Array(1) }],
        removals: [],
        rings: true,
      }]),
    );
  await ring();
  assert.equal(heard, 1);
  server.store.faults = { sessionLost: 1 };
  void held.presence!.gone(["nobody"]);
  await server.clock.settle();
  server.store.faults = {};
  await ring();
  assert.equal(heard, 1);
  await server.clock.advance(1_000);
  assert.equal(heard, 2);
});

Deno.test("when the server restarts nobody is gone, not even who crashed before, and nothing is answered for a while", async () => {
  const server = new Server({}, { sessionMsMax: 1, downMsMax: 2_000 });
  const { held, asking } = await holding(server);
  const other = server.store.instance("other");
  const crashing = await other.open({ clock: server.clock });
  assert.equal(await server.after(5, crashing.presence!.hold("two")), true);
  other.crash();
  server.store.faults = { serverRestarted: 1 };
  void asking.presence!.gone(["one", "two"]);
  await server.clock.settle();
  server.store.faults = {};
  await assert.rejects(server.after(20, held.read(["a"])), { code: "store-unavailable" });
  await server.clock.advance(5_000);
  for (const instance of ["one", "two"]) assert.equal(await server.isGone(asking, instance), false);
  assert.deepEqual(await server.after(20, held.read(["a"])), [undefined]);
  await server.after(20, held.close());
  assert.equal(await server.isGone(asking, "one"), true); // it has taken its lock again meanwhile
});

Deno.test("a session that stays after a crash hides it, until the server restarts", async () => {
  const server = new Server({ sessionStays: 1 });
  const instance = server.store.instance("held");
  const held = await instance.open({ clock: server.clock });
  assert.equal(await server.after(5, held.presence!.hold("one")), true);
  const asking = await server.open("asking");
  instance.crash();
  assert.equal(await server.isGone(asking, "one"), false);
});

Deno.test("a question may take long", async () => {
  const server = new Server({ presenceSilent: 1 }, { silentMsMax: 1_000_000 });
  const { asking } = await holding(server);
  let answered = false;
  void asking.presence!.gone(["one"]).then(() => answered = true);
  await server.clock.advance(100);
  assert.equal(answered, false);
  await server.clock.advance(1_000_000);
  assert.equal(answered, true);
});
