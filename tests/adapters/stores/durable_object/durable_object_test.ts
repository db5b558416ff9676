// The store of a Durable Object on SQLite of this process. `tests/edge/` has it in real objects.

import assert from "node:assert/strict";
import { durableObject, type ObjectStorage } from "@posthorn/posthorn/durable-object";
import type { StoreConnection } from "@posthorn/posthorn/store";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { storeConformance } from "@posthorn/posthorn/testing/conformance";
import { FakeObject } from "./fake_object.ts";

const hourMs = 3_600_000;

for (
  const { name, run } of storeConformance({
    open() {
      const object = new FakeObject();
      const { storage } = object;
      return {
        store: durableObject(storage),
        alarmMs: () => object.alarmMs,
        dispose: () => object[Symbol.dispose](),
      };
    },
  })
) Deno.test(`a Durable Object: ${name}`, run);

/** A connection to an object, and its clock. */
async function connect(object: FakeObject): Promise<{ clock: VirtualClock; connection: StoreConnection }> {
  const clock = new VirtualClock();
  return { clock, connection: await durableObject(object.storage).open({ clock }) };
}

function put(connection: StoreConnection, key: string): Promise<unknown> {
  return connection.commit([{ checks: [], writes: [{ key, value: new Uint8Array(1) }], removals: [] }]);
}

Deno.test("the alarm is set for an earlier time only, and left if nothing waits", async () => {
  using object = new FakeObject();
  const { clock, connection } = await connect(object);
  const nowMs = clock.now();
  connection.wakeAt!(nowMs + hourMs);
  connection.wakeAt!(nowMs + 2 * hourMs);
  connection.wakeAt!(undefined);
  connection.wakeAt!(nowMs + hourMs + 1);
  assert.deepEqual([object.alarmMs, object.alarmsSet], [nowMs + hourMs, 1]);
  await clock.advance(hourMs); // it rings
  object.alarmMs = null;
  connection.wakeAt!(nowMs + 2 * hourMs);
  assert.deepEqual([object.alarmMs, object.alarmsSet], [nowMs + 2 * hourMs, 2]);
  const next = await connect(object);
  next.connection.wakeAt!(nowMs + 3 * hourMs);
  assert.equal(object.alarmsSet, 2, "the next process knows the alarm");
  await connection.close();
});

Deno.test("a commit is refused as long as the alarm cannot be set, and sets it to what was told before", async () => {
  using object = new FakeObject();
  const { clock, connection } = await connect(object);
  const nowMs = clock.now();
  const refuse = () => object.fails = { what: "setAlarm", message: "there is no alarm handler" };
  refuse();
  connection.wakeAt!(nowMs + hourMs);
  await assert.rejects(put(connection, "a"), {
    code: "store-unavailable",
    message: "Cannot set the alarm of the Durable Object: there is no alarm handler",
  });
  refuse();
  await assert.rejects(put(connection, "a"), { code: "store-unavailable" });
  assert.deepEqual(await connection.read(["a"]), [undefined]);
  await put(connection, "a");
  assert.equal(object.alarmMs, nowMs + hourMs, "although nobody has told it again");
});

Deno.test("an alarm that could not be set is not left out for one that is told later", async () => {
  using object = new FakeObject();
  const { clock, connection } = await connect(object);
  const nowMs = clock.now();
  object.fails = { what: "setAlarm", message: "internal error" };
  connection.wakeAt!(nowMs + hourMs);
  await clock.settle();
  connection.wakeAt!(nowMs + 2 * hourMs);
  await put(connection, "a");
  assert.equal(object.alarmMs, nowMs + hourMs);
});

Deno.test("two connections of a store do not set the alarm back for each other", async () => {
  using object = new FakeObject();
  const store = durableObject(object.storage);
  const clock = new VirtualClock();
  const [one, other] = [await store.open({ clock }), await store.open({ clock })];
  one.wakeAt!(clock.now() + hourMs);
  other.wakeAt!(clock.now() + 2 * hourMs);
  assert.equal(object.alarmMs, clock.now() + hourMs);
});

Deno.test("expired rows of an object that never writes many at a time do not accumulate", async () => {
  using object = new FakeObject();
  const clock = new VirtualClock();
  for (let starts = 0; starts < 20; starts++) {
    const connection = await durableObject(object.storage).open({ clock });
    const writes = [{
      key: `mark\u001f${starts}`,
      value: new Uint8Array(1),
      expiresAtMs: clock.now() + hourMs,
    }];
    await connection.commit([{ checks: [], writes, removals: [] }]);
    await connection.close();
    await clock.advance(hourMs);
  }
  assert.equal(object.keys("mark").length, 1);
});

for (
  const [what, message, code] of [
    ["sql", "database or disk is full: SQLITE_FULL", "store-full"],
    ["sql", "internal error", "store-unavailable"],
    ["sync", "the object was reset", "outcome-unknown"],
  ] as const
) {
  Deno.test(`a commit that fails with "${message}" rejects with ${code}`, async () => {
    using object = new FakeObject();
    const { connection } = await connect(object);
    object.fails = { what, message };
    await assert.rejects(put(connection, "a"), { code });
    await put(connection, "b");
  });
}

for (const storage of [undefined, {}, { sql: undefined }]) {
  Deno.test(`what is no storage of an object cannot be opened, and the error says what can: ${JSON.stringify(storage)}`, async () => {
    const opening = durableObject(storage as unknown as ObjectStorage).open({ clock: new VirtualClock() });
    await assert.rejects(opening, {
      code: "store-unavailable",
      message:
        "Cannot open the Durable Object: it needs `ctx.storage` of a class that has SQLite (`new_sqlite_classes`)",
    });
  });
}
