import assert from "node:assert/strict";
import { memoryStore } from "@posthorn/posthorn/memory";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { storeConformance } from "@posthorn/posthorn/testing/conformance";

for (const { name, run } of storeConformance({ open: () => ({ store: memoryStore() }) })) {
  Deno.test(`memory: ${name}`, run);
}

Deno.test("memory: every store object is a store of its own", async () => {
  const clock = new VirtualClock();
  const [one, other] = await Promise.all([memoryStore().open({ clock }), memoryStore().open({ clock })]);
  await one.commit([{ checks: [], writes: [{ key: "k", value: new Uint8Array(1) }], removals: [] }]);
  assert.deepEqual(await other.read(["k"]), [undefined]);
});

Deno.test("memory: what has expired goes with later commits, unless it was written again", async () => {
  const clock = new VirtualClock();
  const connection = await memoryStore().open({ clock });
  const value = new Uint8Array(1);
  const expiresAtMs = clock.now() + 1_000;
  const write = (key: string, expiresAtMs?: number) =>
    connection.commit([{ checks: [], writes: [{ key, value, expiresAtMs }], removals: [] }]);
  const keys = async () =>
    (await connection.list({ prefix: "", limit: 1_000 })).map(({ key }) => key).join(" ");
  for (const key of ["a", "b", "c", "d"]) await write(key, expiresAtMs);
  await write("b");
  await write("c", expiresAtMs + 1_000);
  await clock.advance(999);
  await write("e");
  assert.equal(await keys(), "a b c d e");
  await clock.advance(1);
  await write("f");
  assert.equal(await keys(), "b c e f");
  await clock.advance(1_000);
  await write("g");
  assert.equal(await keys(), "b e f g");
});
