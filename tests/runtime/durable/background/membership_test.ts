// The instances on a store, as one of them sees them.

import assert from "node:assert/strict";
import { memoryStore } from "@posthorn/posthorn/memory";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import { Membership } from "../../../../runtime/durable/background/membership.ts";
import { StoreSession } from "../../../../runtime/durable/commits/store_session.ts";

Deno.test("an instance that missed its heartbeats only after the last look, and is recorded as ended, is no longer known to be alive", async () => {
  const clock = new VirtualClock();
  const store = memoryStore();
  const begin = async (name: string) => {
    const session = new StoreSession(
      name,
      await store.open({ clock }),
      store.traits,
      clock,
      seededRandom(1),
    );
    const instances = new Membership(session, {
      newName: () => `${name}-again`,
      hosts: [name],
      reborn: () => {},
    });
    await within(instances.begin());
    return { session, instances };
  };
  const within = async <Result>(done: Promise<Result>): Promise<Result> => {
    await clock.settle();
    return await done;
  };
  const { session, instances } = await begin("a");
  const other = await begin("b");
  await within(instances.look());
  assert.equal(session.otherClocks.hears("b"), true);
  await clock.advance(3 * store.traits.heartbeatMs - 1);
  await within(instances.look());
  await clock.advance(1); // as during a check for dead instances
  await within(instances.judge(() => false));
  assert.equal(await within(instances.fateOf("b")), "ended");
  assert.equal(session.otherClocks.hears("b"), false);
  await other.session.connection.close();
  await session.connection.close();
});
